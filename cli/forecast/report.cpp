#include "cli/forecast/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace foreshard::cli {

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string Number(double value, int decimals) {
  return fmt::format("{:.{}f}", std::isfinite(value) ? value : 0.0, decimals);
}

std::string BacktestJson(const BacktestHeading& heading, const BacktestReport& report) {
  std::string json =
      fmt::format(R"({{"trace":{},"bin":{},"horizon":{},"bins":{},"testBins":{},"results":[)",
                  Quoted(heading.trace), Quoted(heading.bin), Quoted(heading.horizon), report.bins,
                  report.test_bins);
  for (std::size_t i = 0; i < report.results.size(); ++i) {
    const Accuracy& result = report.results[i];
    json += fmt::format(R"({}{{"name":{},"mre":{},"nd":{}}})", i == 0 ? "" : ",",
                        Quoted(result.name), Number(result.mre, 4), Number(result.nd, 4));
  }
  json += R"(],"coverage":{)";
  for (std::size_t i = 0; i < kCoverageLevels.size(); ++i) {
    json += fmt::format(R"({}"{}":{})", i == 0 ? "" : ",", kCoverageLevels[i],
                        Number(report.coverage[i], 2));
  }
  json += fmt::format(R"(}},"quantileLoss":{},"binSeconds":{},"horizonBins":{},"seconds":{}}})",
                      Number(report.quantile_loss, 5), report.bin.count(), report.horizon_bins,
                      Number(heading.seconds, 3));
  return json;
}

std::string BacktestTable(const BacktestHeading& heading, const BacktestReport& report) {
  double naive = HUGE_VAL;
  double spar = 0;
  for (const Accuracy& result : report.results) {
    if (result.name == "last" || result.name == "day-1" || result.name == "week-1")
      naive = std::min(naive, result.mre);
    if (result.name == "spar") spar = result.mre;
  }
  std::string table = fmt::format("{}: {} bins of {} s, {} scored, forecast {} ({} bins) ahead\n\n",
                                  heading.trace, report.bins, report.bin.count(), report.test_bins,
                                  heading.horizon, report.horizon_bins);
  table += fmt::format("{:<12} {:>8} {:>8} {:>9}\n", "model", "MRE %", "ND %", "/ spar");
  for (const Accuracy& result : report.results) {
    table += fmt::format("{:<12} {:>8.2f} {:>8.2f} {:>9.2f}\n", result.name, result.mre, result.nd,
                         spar > 0 ? result.mre / spar : 0.0);
  }
  table += "\ncoverage of the central intervals, %\n";
  for (std::size_t i = 0; i < kCoverageLevels.size(); ++i) {
    table += fmt::format("{:>5} %: {:.1f}\n", kCoverageLevels[i], report.coverage[i]);
  }
  return table + fmt::format("\n{:.2f} s\n", heading.seconds);
}

std::string EvaluateJson(const EvaluateReport& report, double seconds) {
  std::string json = fmt::format(
      R"({{"series":{},"smape":{},"mase":{},"owa":{},"msis":{},"coverage95":{},"wql":{},)"
      R"("seconds":{},)",
      report.series, Number(report.smape, 5), Number(report.mase, 5), Number(report.owa, 5),
      Number(report.msis, 4), Number(report.coverage95, 5), Number(report.wql, 5),
      Number(seconds, 3));
  json += fmt::format(R"("naive2":{{"source":"{}","smape":{},"mase":{}}},"models":[)",
                      report.naive2_official ? "official" : "computed",
                      Number(report.naive2_smape, 4), Number(report.naive2_mase, 4));
  for (std::size_t i = 0; i < report.models.size(); ++i) {
    const ModelScore& model = report.models[i];
    json += fmt::format(R"({}{{"name":{},"smape":{},"mase":{},"owa":{}}})", i == 0 ? "" : ",",
                        Quoted(model.name), Number(model.smape, 5), Number(model.mase, 5),
                        Number(model.owa, 5));
  }
  return json + "]}";
}

std::string EvaluateTable(const EvaluateReport& report, double seconds) {
  std::string table = fmt::format("{:<18} {:>8} {:>8} {:>8}\n", "model", "sMAPE", "MASE", "OWA");
  for (const ModelScore& model : report.models) {
    table += fmt::format("{:<18} {:>8.3f} {:>8.4f} {:>8.4f}\n", model.name, model.smape, model.mase,
                         model.owa);
  }
  table += fmt::format("{:<18} {:>8.3f} {:>8.4f} {:>8.4f}\n\n", "ensemble", report.smape,
                       report.mase, report.owa);
  table += fmt::format("{} series; 95 % intervals: MSIS {:.3f}, coverage {:.1f} %; wQL {:.4f}\n",
                       report.series, report.msis, 100 * report.coverage95, report.wql);
  table += fmt::format("Naive2 ({}): sMAPE {:.3f}, MASE {:.3f}\n",
                       report.naive2_official ? "official" : "computed", report.naive2_smape,
                       report.naive2_mase);
  return table + fmt::format("{:.1f} s\n", seconds);
}

}  // namespace foreshard::cli

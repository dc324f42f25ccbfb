#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "bench/forecast_accuracy/parts.h"
#include "cli/forecast/backtest.h"
#include "cli/forecast/parallel.h"
#include "cli/forecast/trace.h"

namespace foreshard::bench {

namespace {

std::vector<std::filesystem::path> TracesIn(const std::string& folder) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".csv") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TraceRow RowOf(const std::string& name, const cli::BacktestReport& report) {
  std::map<std::string, double> mre;
  for (const cli::Accuracy& result : report.results) mre[result.name] = result.mre;
  TraceRow row{.trace = name,
               .ensemble_mre = mre["ensemble"],
               .spar_mre = mre["spar"],
               .naive_mre = std::min(std::min(mre["last"], mre["day-1"]), mre["week-1"]),
               .coverage_off = {},
               .quantile_loss = report.quantile_loss};
  for (std::size_t i = 0; i < cli::kCoverageLevels.size(); ++i) {
    row.coverage_off.push_back(report.coverage[i] - cli::kCoverageLevels[i]);
  }
  return row;
}

void Summarise(TraceSummary& summary) {
  const auto count = static_cast<double>(summary.rows.size());
  double logs = 0;
  std::vector<double> off(cli::kCoverageLevels.size(), 0);
  for (const TraceRow& row : summary.rows) {
    logs += std::log(row.ensemble_mre / row.spar_mre) / count;
    summary.worst_to_naive = std::max(summary.worst_to_naive, row.ensemble_mre / row.naive_mre);
    summary.quantile_loss += row.quantile_loss / count;
    for (std::size_t i = 0; i < off.size(); ++i) {
      off[i] += std::abs(row.coverage_off[i]) / count;
      summary.coverage_worst = std::max(summary.coverage_worst, std::abs(row.coverage_off[i]));
    }
  }
  summary.ratio_to_spar = std::exp(logs);
  summary.coverage_mean = *std::max_element(off.begin(), off.end());
}

}  // namespace

TraceSummary RunTraces(const std::string& folder, const std::string& horizon, int threads,
                       const forecast::Options& options) {
  TraceSummary summary;
  summary.horizon = horizon;
  const std::vector<std::filesystem::path> paths = TracesIn(folder);
  std::vector<std::optional<TraceRow>> rows(paths.size());
  const auto work = [&](std::size_t i) {
    const auto text = cli::ReadFile(paths[i].string());
    if (!text) return;
    const auto samples = cli::ParseTrace(*text);
    if (!samples) return;
    cli::BacktestOptions backtest;
    backtest.horizon = *cli::ParseDuration(horizon);
    backtest.forecast = options;
    const auto report = cli::Backtest(cli::BinTrace(*samples, std::chrono::minutes(5)), backtest);
    if (report) rows[i] = RowOf(paths[i].stem().string(), *report);
  };
  cli::InParallel(paths.size(), threads, work);
  for (const std::optional<TraceRow>& row : rows) {
    if (row) summary.rows.push_back(*row);
  }
  if (!summary.rows.empty()) Summarise(summary);
  return summary;
}

}  // namespace foreshard::bench

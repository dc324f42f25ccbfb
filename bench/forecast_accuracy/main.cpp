#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/forecast_accuracy/parts.h"

// bench/forecast: the forecaster against SPAR, the naive ones, and the published results of M4.
// Exit status: 0, 1 when --check misses a target, 2 bad usage.

namespace {

namespace bench = foreshard::bench;
namespace forecast = foreshard::forecast;

constexpr double kRatioMost = 0.70;
constexpr double kNaiveMost = 1.02;
constexpr double kCoverageMeanMost = 2;
constexpr double kCoverageWorstMost = 6;
constexpr double kOwaMost = 0.380;
constexpr double kMsisMost = 6.4;
constexpr double kRefitMillisMost = 50;
constexpr double kUpdateMillisMost = 1;
constexpr double kNetworkSecondsMost = 1'200;  // ten minutes of two cores
constexpr double kEventsMost = 0.75;           // 6 h ahead
constexpr double kAllSeriesSecondsMost = 60;

struct Verdict {
  std::vector<std::string> missed;
  void Judge(const char* what, double value, double most) {
    if (!(value <= most))
      missed.push_back(fmt::format("{} is {:.4f}, target {}", what, value, most));
  }
};

void PrintTraces(const bench::TraceSummary& summary) {
  fmt::print("\n{} ahead\n{:<20} {:>9} {:>9} {:>9} {:>8} {:>8}   coverage off at 50 80 90 95 99\n",
             summary.horizon, "trace", "ours MRE", "SPAR", "naive", "/ SPAR", "/ naive");
  for (const bench::TraceRow& row : summary.rows) {
    fmt::print("{:<20} {:>9.2f} {:>9.2f} {:>9.2f} {:>8.3f} {:>8.3f}  ", row.trace, row.ensemble_mre,
               row.spar_mre, row.naive_mre, row.ensemble_mre / row.spar_mre,
               row.ensemble_mre / row.naive_mre);
    for (const double off : row.coverage_off) fmt::print(" {:+.1f}", off);
    fmt::print("\n");
  }
  fmt::print(
      "geometric mean to SPAR {:.3f}, worst to naive {:.3f}, coverage off {:.1f} (mean), {:.1f} "
      "(worst)\n",
      summary.ratio_to_spar, summary.worst_to_naive, summary.coverage_mean, summary.coverage_worst);
}

struct Ablation {
  const char* name;
  void (*change)(forecast::Options&);
};

constexpr Ablation kAblations[] = {
    {"full", [](forecast::Options&) {}},
    {"without ratio and growth models",
     [](forecast::Options& o) { o.without_ratio_models = true; }},
    {"without global ridge",
     [](forecast::Options& o) {
       o.without_models = {"global-ridge", "global-ridge-log"};
     }},
    {"without additive", [](forecast::Options& o) { o.without_models = {"additive"}; }},
    {"without lstm", [](forecast::Options& o) { o.without_models = {"lstm"}; }},
    {"without pooling", [](forecast::Options& o) { o.without_pooling = true; }},
    {"without ACI", [](forecast::Options& o) { o.adaptive_rate = 0; }},
    {"least squares instead of L1", [](forecast::Options& o) { o.least_squares = true; }},
    {"no log", [](forecast::Options& o) { o.without_log = true; }},
    {"selection instead of combination", [](forecast::Options& o) { o.select_best = true; }},
    {"equal weights", [](forecast::Options& o) { o.equal_weights = true; }},
};

void PrintAblations(const std::string& data, int threads) {
  fmt::print("\nablations\n{:<36} {:>8} {:>10} {:>10} {:>8} {:>8}\n", "", "/ SPAR", "qloss",
             "coverage", "OWA", "MSIS");
  for (const Ablation& ablation : kAblations) {
    forecast::Options options;
    ablation.change(options);
    const auto traces = bench::RunTraces(data + "/load-traces", "60m", threads, options);
    const auto cut = bench::RunCut(data + "/m4-hourly", 48, threads, options);
    fmt::print("{:<36} {:>8.3f} {:>10.5f} {:>10.1f} {:>8.4f} {:>8.2f}\n", ablation.name,
               traces.ratio_to_spar, traces.quantile_loss, traces.coverage_mean, cut.summary.owa,
               cut.summary.msis);
  }
}

struct Outcome {
  Verdict verdict;
  std::string line;  // members of a JSON object, a comma before each
};

void RunCostPart(Outcome& outcome) {
  const bench::CostSummary cost = bench::RunCost();
  const double refit = cost.fine_refit + cost.hourly_refit;
  fmt::print("CPU ms: refit fine {:.2f}, hourly {:.2f}; new bin with its fan {:.4f}; ",
             cost.fine_refit, cost.hourly_refit, cost.fine_update);
  fmt::print("with the network {:.4f}; 1,000 shards one bin {:.0f}\n", cost.network_update,
             cost.thousand_shards);
  fmt::print("the network trained on 500 series of four weeks: {:.1f} s\n", cost.network_seconds);
  outcome.verdict.Judge("refit of both pools, ms", refit, kRefitMillisMost);
  outcome.verdict.Judge("new bin, ms", cost.network_update, kUpdateMillisMost);
  outcome.verdict.Judge("training, CPU s", cost.network_seconds, kNetworkSecondsMost);
  outcome.line +=
      fmt::format(R"(,"refitMillis":{:.3f},"updateMillis":{:.5f})", refit, cost.network_update);
}

void RunTracesPart(const std::string& data, int threads, Outcome& outcome) {
  const bench::TraceSummary hour = bench::RunTraces(data + "/load-traces", "60m", threads, {});
  if (data.empty() || hour.rows.empty()) {
    fmt::print("no traces in '{}/load-traces' (--data FOLDER): accuracy is not measured\n", data);
    return;
  }
  for (const char* horizon : {"5m", "30m", "6h"}) {
    PrintTraces(bench::RunTraces(data + "/load-traces", horizon, threads, {}));
  }
  PrintTraces(hour);
  outcome.verdict.Judge("MRE to SPAR, 60 min", hour.ratio_to_spar, kRatioMost);
  outcome.verdict.Judge("MRE to the best naive, 60 min", hour.worst_to_naive, kNaiveMost);
  outcome.verdict.Judge("coverage off, mean", hour.coverage_mean, kCoverageMeanMost);
  outcome.verdict.Judge("coverage off, worst", hour.coverage_worst, kCoverageWorstMost);
  outcome.line += fmt::format(R"(,"ratioToSpar":{:.5f},"worstToNaive":{:.5f})", hour.ratio_to_spar,
                              hour.worst_to_naive);
  outcome.line += fmt::format(R"(,"coverageMean":{:.3f},"coverageWorst":{:.3f})",
                              hour.coverage_mean, hour.coverage_worst);
}

void RunEventsPart(const std::string& data, Outcome& outcome) {
  for (const char* horizon : {"60m", "2h", "6h"}) {
    const bench::EventSummary events = bench::RunEvents(data + "/load-traces", horizon);
    if (events.bins == 0) return;
    fmt::print("nyc-taxi {} ahead, events announced / not: errors in their windows {:.3f}, ",
               horizon, events.inside);
    fmt::print("outside {:.3f} ({} bins)\n", events.outside, events.bins);
    // An hour ahead the models see the event themselves; what announcing it is worth shows later.
    if (std::string_view(horizon) != "6h") continue;
    outcome.verdict.Judge("error on event days, announced to not", events.inside, kEventsMost);
    outcome.line += fmt::format(R"(,"eventsInside":{:.4f},"eventsOutside":{:.4f})", events.inside,
                                events.outside);
  }
}

void RunM4Part(const std::string& data, int threads, Outcome& outcome) {
  double owa = 0;
  double msis = 0;
  double cuts = 0;
  for (const int holdout : {48, 96, 144}) {
    const bench::CutResult cut = bench::RunCut(data + "/m4-hourly", holdout, threads, {});
    if (data.empty() || cut.series == 0) break;
    const bench::CutSummary& s = cut.summary;
    fmt::print("M4 -{}: {} series, sMAPE {:.3f}, MASE {:.4f}, OWA {:.4f}, ", holdout, cut.series,
               s.smape, s.mase, s.owa);
    fmt::print("MSIS {:.3f}, coverage {:.3f}, wQL {:.4f}, {:.1f} s\n", s.msis, s.coverage95, s.wql,
               s.seconds);
    owa += s.owa;
    msis += s.msis;
    cuts += 1;
    outcome.verdict.Judge("seconds of a cut", s.seconds, kAllSeriesSecondsMost);
  }
  if (cuts == 0) {
    fmt::print("no {}/m4-hourly/train.csv (--data FOLDER): M4 is not measured\n", data);
    return;
  }
  fmt::print(
      "M4 mean: OWA {:.4f} (best published on the official part 0.410), MSIS {:.3f} (6.139)\n",
      owa / cuts, msis / cuts);
  outcome.verdict.Judge("mean OWA of the cuts", owa / cuts, kOwaMost);
  outcome.verdict.Judge("mean MSIS of the cuts", msis / cuts, kMsisMost);
  outcome.line += fmt::format(R"(,"owa":{:.5f},"msis":{:.4f})", owa / cuts, msis / cuts);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The forecaster against SPAR, the naive ones and M4's published results.",
               "bench/forecast");
  std::string data;
  bool check = false;
  bool json = false;
  bool ablations = false;
  std::vector<std::string> parts = {"cost", "traces", "events", "m4"};
  int threads = 2;
  app.add_option("--data", data, "folder with load-traces/ and m4-hourly/");
  app.add_flag("--check", check, "exit 1 when a target is missed");
  app.add_flag("--json", json, "the last line is one JSON object");
  app.add_flag("--ablations", ablations, "the same with one part missing at a time");
  app.add_option("--parts", parts, "of cost, traces, events, m4; default: all of them")
      ->delimiter(',')
      ->check(CLI::IsMember({"cost", "traces", "events", "m4"}));
  app.add_option("--threads", threads,
                 "threads for traces and M4; they change no number but seconds")
      ->check(CLI::Range(1, 64));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  Outcome outcome;
  const auto wanted = [&parts](const char* part) { return std::ranges::count(parts, part) > 0; };
  if (wanted("cost")) RunCostPart(outcome);
  if (wanted("traces")) RunTracesPart(data, threads, outcome);
  if (wanted("events")) RunEventsPart(data, outcome);
  if (wanted("m4")) RunM4Part(data, threads, outcome);
  if (ablations && !data.empty()) PrintAblations(data, threads);
  const std::vector<std::string>& missed = outcome.verdict.missed;
  for (const std::string& one : missed) fmt::print("MISSED: {}\n", one);
  if (json) fmt::print("{{\"missed\":{}{}}}\n", missed.size(), outcome.line);
  return check && !missed.empty() ? 1 : 0;
}

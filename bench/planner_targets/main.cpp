#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "bench/planner_targets/exact.h"
#include "bench/planner_targets/parts.h"
#include "bench/planner_targets/run_cache.h"
#include "cli/forecast/trace.h"
#include "cli/simulate/report.h"
#include "cli/simulate/run.h"

// bench/planner: the planner against reactive scaling, P-Store and a perfect forecast; and what one
// plan costs. Exit status: 0, 1 when --check misses a target, 2 bad usage.

namespace {

namespace bench = foreshard::bench;
namespace simulate = foreshard::simulate;

constexpr double kOverloadToReactiveMost = 0.20;
constexpr double kOverloadToPstoreMost = 0.70;
constexpr double kHoursToReactiveMost = 1.05;
constexpr double kHoursToStaticMost = 0.65;
constexpr double kMovesToReactiveMost = 1.0;
constexpr double kPlanMillisMost = 500;
constexpr double kMemoryMbMost = 512;
constexpr double kExactMost = 0.03;  // median loss against the optimum
constexpr int kExactSeeds = 100;
constexpr double kGrowthMost = 15;  // of milliseconds, for ten times the shards

struct Verdict {
  std::vector<std::string> missed;
  // What was not measured is not met.
  void NotMeasured(const std::string& what) {
    fmt::print("{}\n", what);
    missed.push_back("not measured: " + what);
  }
  void Judge(const std::string& what, double value, double most) {
    const bool good = value <= most;
    fmt::print("  {:<52} {:>9.3f}  target {:>7.3f}  {}\n", what, value, most,
               good ? "met" : "MISSED");
    if (!good) missed.push_back(fmt::format("{} is {:.4f}, target {}", what, value, most));
  }
};

std::vector<simulate::Trace> ReadTraces(const std::string& data, const simulate::Options& options,
                                        Verdict& verdict) {
  std::vector<std::filesystem::path> paths;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(data + "/load-traces", failed)) {
    if (entry.path().extension() == ".csv") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<simulate::Trace> traces;
  for (const std::filesystem::path& path : paths) {
    const auto text = foreshard::cli::ReadFile(path.string());
    auto trace = text ? simulate::MakeTrace(path.stem().string(), *text, options)
                      : foreshard::Result<simulate::Trace>(text.error());
    if (trace) {
      traces.push_back(*std::move(trace));
    } else {
      verdict.NotMeasured(fmt::format("{}: {}", path.string(), trace.error().message));
    }
  }
  if (traces.empty()) {
    verdict.NotMeasured(
        fmt::format("no traces in '{}/load-traces' (--data FOLDER): plans are not judged", data));
  }
  return traces;
}

// All strategies of one world: those that are kept already are not run again.
std::vector<simulate::RunResult> RunOne(const simulate::Trace& trace,
                                        const simulate::Options& options, std::uint64_t seed,
                                        const bench::RunCache& cache) {
  const foreshard::SystemClock clock;
  std::vector<simulate::RunResult> runs;
  simulate::Options missing = options;
  missing.strategies.clear();
  for (const std::string& strategy : options.strategies) {
    if (auto known = cache.Find(trace, options, seed, strategy)) {
      runs.push_back(*std::move(known));
    } else {
      missing.strategies.push_back(strategy);
    }
  }
  if (missing.strategies.empty()) return runs;
  for (simulate::RunResult& run : simulate::RunWorld(trace, missing, seed, clock, {})) {
    const foreshard::Status kept = cache.Keep(trace, options, run);
    if (!kept) fmt::print(stderr, "{}\n", kept.error().message);
    run.course = {};
    runs.push_back(std::move(run));
  }
  return runs;
}

struct Limits {
  const bench::RunCache& cache;
  double minutes = 0;  // after which no world is begun; 0: none
};

struct Worlds {
  std::vector<simulate::RunResult> runs;
  std::size_t done = 0;
  std::size_t wanted = 0;
};

Worlds RunAll(const std::vector<simulate::Trace>& traces, const simulate::Options& options,
              const Limits& limits) {
  const foreshard::SystemClock clock;
  const auto start = clock.Monotonic();
  Worlds worlds{.runs = {}, .wanted = traces.size() * static_cast<std::size_t>(options.seeds)};
  std::vector<std::vector<simulate::RunResult>> results(worlds.wanted);
  std::mutex mutex;
  std::size_t next = 0;
  const auto work = [&] {
    for (;;) {
      std::size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        const std::chrono::duration<double> gone = clock.Monotonic() - start;
        if (next >= worlds.wanted || (limits.minutes > 0 && gone.count() > 60 * limits.minutes))
          return;
        mine = next++;
        fmt::print(stderr, "world {} of {}\n", mine + 1, worlds.wanted);
      }
      // One seed of every trace before the next: what is there of a run that was ended is a whole.
      results[mine] = RunOne(traces[mine % traces.size()], options,
                             options.seed + mine / traces.size(), limits.cache);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < options.threads; ++i) threads.emplace_back(work);
    work();
  }
  worlds.done = next;
  for (std::vector<simulate::RunResult>& some : results) {
    for (simulate::RunResult& run : some) worlds.runs.push_back(std::move(run));
  }
  return worlds;
}

struct Outcome {
  Verdict verdict;
  std::string json;
};

// Targets are means over all worlds: a part of them decides nothing.
bool Complete(const Worlds& worlds, Outcome& outcome) {
  if (worlds.done == worlds.wanted) return true;
  outcome.verdict.NotMeasured(
      fmt::format("{} of {} worlds are done; the next run goes on from here (--cache)", worlds.done,
                  worlds.wanted));
  return false;
}

double RatioOf(const std::vector<simulate::StrategySummary>& summaries, const char* metric,
               const std::string& strategy, const std::string& base) {
  double value = 0;
  double reference = 0;
  for (const simulate::StrategySummary& summary : summaries) {
    if (summary.strategy == strategy) value = summary.Of(metric).mean;
    if (summary.strategy == base) reference = summary.Of(metric).mean;
  }
  return reference > 0 ? value / reference : value > 0 ? 1e9 : 1;
}

// Per trace, so that one number does not hide another.
void PrintByTrace(const std::vector<simulate::RunResult>& runs, const simulate::Options& options) {
  fmt::print("\n{:<20}", "overloaded % / hours");
  for (const std::string& strategy : options.strategies) fmt::print(" {:>17}", strategy);
  std::vector<std::string> names;
  for (const simulate::RunResult& run : runs) {
    if (std::find(names.begin(), names.end(), run.trace) == names.end()) names.push_back(run.trace);
  }
  for (const std::string& name : names) {
    fmt::print("\n{:<20}", name);
    for (const std::string& strategy : options.strategies) {
      std::vector<double> over;
      std::vector<double> hours;
      for (const simulate::RunResult& run : runs) {
        if (run.trace != name || run.strategy != strategy) continue;
        over.push_back(run.Metric("overloadedSlotsPercent"));
        hours.push_back(run.Metric("memberHours"));
      }
      fmt::print(" {:>8.2f} {:>8.0f}", simulate::MeanOf(over).mean, simulate::MeanOf(hours).mean);
    }
  }
  fmt::print("\n\n");
}

void RunTraces(const std::vector<simulate::Trace>& traces, simulate::Options options,
               const Limits& limits, Outcome& outcome) {
  options.strategies = {"static-peak", "static-average",   "reactive", "threshold-split",
                        "pstore",      "ours-no-forecast", "ours",     "oracle"};
  const foreshard::SystemClock clock;
  const auto start = clock.Monotonic();
  const Worlds worlds = RunAll(traces, options, limits);
  const std::vector<simulate::RunResult>& runs = worlds.runs;
  const double seconds = std::chrono::duration<double>(clock.Monotonic() - start).count();
  fmt::print("{} traces, {} seeds from {} on\n{}\n", traces.size(), options.seeds, options.seed,
             simulate::ToTable(options, runs, seconds));
  if (!Complete(worlds, outcome)) return;
  PrintByTrace(runs, options);
  const auto summaries = simulate::Summarise(options.strategies, runs);
  const auto ratio = [&](const char* metric, const char* base) {
    return RatioOf(summaries, metric, "ours", base);
  };
  const double overload = ratio("overloadedSlotsPercent", "reactive");
  const double pstore = ratio("overloadedSlotsPercent", "pstore");
  const double hours = ratio("memberHours", "reactive");
  const double fixed = ratio("memberHours", "static-peak");
  const double moves = ratio("moves", "reactive");
  Verdict& verdict = outcome.verdict;
  verdict.Judge("overloaded slots to reactive", overload, kOverloadToReactiveMost);
  verdict.Judge("overloaded slots to pstore", pstore, kOverloadToPstoreMost);
  verdict.Judge("member-hours to reactive", hours, kHoursToReactiveMost);
  verdict.Judge("member-hours to static-peak", fixed, kHoursToStaticMost);
  verdict.Judge("moves to reactive", moves, kMovesToReactiveMost);
  outcome.json += fmt::format(
      R"(,"overloadToReactive":{:.5f},"overloadToPstore":{:.5f},"hoursToReactive":{:.5f})",
      overload, pstore, hours);
  outcome.json +=
      fmt::format(R"(,"hoursToStaticPeak":{:.5f},"movesToReactive":{:.5f})", fixed, moves);
}

void RunFlash(const std::vector<simulate::Trace>& traces, simulate::Options options,
              const Limits& limits, Outcome& outcome) {
  options.strategies = {"reactive", "ours"};
  options.with = {"flash"};
  const Worlds worlds = RunAll(traces, options, limits);
  const std::vector<simulate::RunResult>& runs = worlds.runs;
  fmt::print("\nwith flash crowds that nobody could forecast\n{}\n",
             simulate::ToTable(options, runs, 0));
  if (!Complete(worlds, outcome)) return;
  const auto summaries = simulate::Summarise(options.strategies, runs);
  const double overload = RatioOf(summaries, "overloadedSlotsPercent", "ours", "reactive");
  outcome.verdict.Judge("overloaded slots to reactive, with flash", overload, 1);
  outcome.json += fmt::format(R"(,"flashOverloadToReactive":{:.5f})", overload);
}

void RunSpeedPart(Outcome& outcome) {
  fmt::print("\n{:>8} {:>8} {:>9} {:>12} {:>12} {:>10} {:>7}\n", "shards", "units", "troubled",
             "plan ms", "greedy ms", "ratio", "MB");
  double before = 0;
  for (const std::size_t shards : {100, 1'000, 10'000}) {
    const bench::SpeedRow row = bench::RunSpeed(shards);
    fmt::print("{:>8} {:>8} {:>9} {:>12.2f} {:>12.2f} {:>10.2f} {:>7.0f}\n", row.shards, row.units,
               row.troubled, row.plan_millis, row.greedy_millis,
               row.plan_millis / std::max(1e-9, row.greedy_millis), row.memory_mb);
    if (shards == 1'000) {
      outcome.verdict.Judge("plan for 1,000 shards, ms", row.plan_millis, kPlanMillisMost);
      outcome.verdict.Judge("memory at 1,000 shards, MB", row.memory_mb, kMemoryMbMost);
    }
    if (shards == 10'000)
      outcome.verdict.Judge("growth from 1,000 to 10,000 shards", row.plan_millis / before,
                            kGrowthMost);
    outcome.json += fmt::format(R"(,"plan{}Millis":{:.3f},"plan{}Mb":{:.1f})", shards,
                                row.plan_millis, shards, row.memory_mb);
    before = row.plan_millis;
  }
}

void JudgeExact(const char* what, const char* name, const bench::ExactResult& result,
                Outcome& outcome) {
  fmt::print("{}: {} fleets, {} are the optimum, {:.2f} % lost (median), {:.2f} % (worst) {}\n",
             what, result.fleets, result.optimal, 100 * result.median, 100 * result.worst,
             result.problem);
  outcome.verdict.Judge(fmt::format("{}, median loss", what),
                        result.problem.empty() ? result.median : 1, kExactMost);
  outcome.json += fmt::format(R"(,"{}Median":{:.5f},"{}Worst":{:.5f})", name, result.median, name,
                              result.worst);
}

void RunExactPart(Outcome& outcome) {
  if (!bench::HasCbc()) {
    outcome.verdict.NotMeasured("cbc is not installed (package coinor-cbc): no exact optima");
    return;
  }
  fmt::print("\nagainst exact optima, 8 shards and 40 ranges at most\n");
  JudgeExact("one plan", "exactPlan", bench::RunExactPlans(kExactSeeds), outcome);
  JudgeExact("fleet after a few cycles", "exactFleet", bench::RunExactFleets(kExactSeeds), outcome);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The planner against reactive scaling and P-Store on real traces.", "bench/planner");
  std::string data;
  std::string cache_folder;
  double minutes = 0;
  std::vector<std::string> parts = {"traces", "flash", "speed", "exact"};
  bool check = false;
  bool json = false;
  simulate::Options options;
  options.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  app.add_option("--data", data, "folder with load-traces/");
  app.add_option("--part", parts, "of traces,flash,speed,exact")->delimiter(',');
  app.add_flag("--check", check, "exit 1 when a target is missed");
  app.add_flag("--json", json, "the last line is one JSON object");
  app.add_option("--seeds", options.seeds, "worlds a trace")->check(CLI::Range(1, 100));
  app.add_option("--seed", options.seed, "the first of them");
  app.add_option("--quantile-percent", options.quantile_percent, "that ours plans for")
      ->check(CLI::Range(50, 99));
  app.add_option("--target-percent", options.target_percent, "of ours and of the baselines")
      ->check(CLI::Range(1, options.limit_percent - 1));
  app.add_option("--cache", cache_folder, "folder that keeps finished runs of this very program")
      ->take_last();
  app.add_option("--minutes", minutes, "begin no world after so many; 0: no limit");
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 64));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const auto wanted = [&parts](const char* part) {
    return std::find(parts.begin(), parts.end(), part) != parts.end();
  };
  Outcome outcome;
  if (wanted("speed")) RunSpeedPart(outcome);
  if (wanted("exact")) RunExactPart(outcome);
  std::vector<simulate::Trace> traces;
  if (wanted("traces") || wanted("flash")) traces = ReadTraces(data, options, outcome.verdict);
  if (!traces.empty()) {
    const bench::RunCache cache(cache_folder, bench::RunCache::Program());
    const Limits limits{.cache = cache, .minutes = minutes};
    if (wanted("traces")) RunTraces(traces, options, limits, outcome);
    if (wanted("flash")) RunFlash(traces, options, limits, outcome);
  }
  for (const std::string& one : outcome.verdict.missed) fmt::print("MISSED: {}\n", one);
  if (json) {
    fmt::print("{{\"traces\":{},\"seeds\":{}{},\"missed\":{}}}\n", traces.size(), options.seeds,
               outcome.json, outcome.verdict.missed.size());
  }
  return check && !outcome.verdict.missed.empty() ? 1 : 0;
}

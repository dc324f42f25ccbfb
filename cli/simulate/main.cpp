#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/version.h"
#include "cli/forecast/trace.h"
#include "cli/simulate/aggregate.h"
#include "cli/simulate/hours.h"
#include "cli/simulate/plot.h"
#include "cli/simulate/report.h"
#include "cli/simulate/run.h"
#include "cli/simulate/slots.h"
#include "cli/simulate/tuning.h"

// foreshard-simulate: replays traces in a fake fleet, with the forecaster and the planner as
// shipped. Exit status: 0 success, 2 bad usage, 3 unreadable input.

namespace {

using foreshard::Result;
namespace simulate = foreshard::simulate;

constexpr int kBadUsage = 2;
constexpr int kBadInput = 3;

int Complain(int status, const std::string& message) {
  fmt::print(stderr, "foreshard-simulate: {}\n", message);
  return status;
}

struct Arguments {
  std::vector<std::string> traces;
  std::string strategies = "all";
  std::string with;
  std::string bin = "5m";
  std::string horizon = "2h";
  std::string plot;
  std::string slots;
  bool where = false;
  bool json = false;
  bool synthetic = false;
};

std::vector<std::string> Parts(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    if (comma > from) parts.push_back(text.substr(from, comma - from));
    from = comma + 1;
  }
  return parts;
}

// Empty on success, else what is wrong with the usage.
std::string ReadOptions(const Arguments& arguments, simulate::Options& options) {
  for (const std::string& name : Parts(arguments.with)) {
    if (name != "flash" && name != "hotkey" && name != "event" && name != "failures")
      return fmt::format("--with {}: flash, hotkey, event or failures", name);
    options.with.insert(name);
  }
  for (const auto& [text, into] :
       {std::pair{arguments.bin, &options.bin}, std::pair{arguments.horizon, &options.horizon}}) {
    const Result<std::chrono::seconds> duration = foreshard::cli::ParseDuration(text);
    if (!duration) return duration.error().message;
    *into = *duration;
  }
  if (options.bin.count() < 60 || std::chrono::hours(24) % options.bin != std::chrono::seconds(0))
    return fmt::format("--bin {}: at least 1m, and a day must be a whole number of bins",
                       arguments.bin);
  if (options.HorizonBins() < 2) return "--horizon: at least two bins";
  if (options.limit_percent <= options.target_percent)
    return "--limit-percent must be above --target-percent";
  for (const std::string& name : Parts(arguments.strategies)) {
    const auto known = options.aggregate
                           ? simulate::AggregateStrategies()
                           : std::vector<std::string>(std::begin(simulate::kStrategies),
                                                      std::end(simulate::kStrategies));
    if (name == "all") {
      options.strategies = known;
    } else if (std::find(known.begin(), known.end(), simulate::BaseName(name)) != known.end()) {
      foreshard::model::ScalingSpec policy;
      foreshard::planner::Options prices;
      const foreshard::Status tuned = simulate::Tune(name, policy, prices);
      if (!tuned) return fmt::format("--strategy {}: {}", name, tuned.error().message);
      options.strategies.push_back(name);
    } else {
      return fmt::format("--strategy {}: all, or of {}", name, fmt::join(known, ", "));
    }
  }
  if (options.strategies.empty()) return "--strategy: nothing to do";
  return {};
}

// What is to be run, in order; threads take the next one.
struct Job {
  const simulate::Trace* trace = nullptr;
  std::uint64_t seed = 0;
  std::vector<simulate::RunResult> results{};
};

class Meter {
 public:
  explicit Meter(std::size_t jobs) : jobs_(jobs), shown_(isatty(STDERR_FILENO) != 0) {}
  void Done(const Job& job) {
    const std::lock_guard lock(mutex_);
    ++done_;
    fmt::print(stderr, "{}{} of {}: {} seed {}{}", shown_ ? "\r" : "", done_, jobs_,
               job.trace->name, job.seed, shown_ && done_ < jobs_ ? "\x1b[K" : "\n");
    std::fflush(stderr);
  }
  void Part(const Job& job, double share) {
    if (!shown_) return;
    const std::lock_guard lock(mutex_);
    fmt::print(stderr, "\r{} of {} done; {} seed {}: {:.0f} %\x1b[K", done_, jobs_, job.trace->name,
               job.seed, 100 * share);
    std::fflush(stderr);
  }

 private:
  std::mutex mutex_;
  std::size_t jobs_;
  std::size_t done_ = 0;
  bool shown_;
};

void RunJobs(std::vector<Job>& jobs, const simulate::Options& options,
             const foreshard::Clock& clock) {
  Meter meter(jobs.size());
  std::mutex mutex;
  std::size_t next = 0;
  const auto work = [&] {
    for (;;) {
      std::size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (next >= jobs.size()) return;
        mine = next++;
      }
      Job& job = jobs[mine];
      const auto part = [&](double share) { meter.Part(job, share); };
      job.results = options.aggregate
                        ? simulate::RunAggregate(*job.trace, options, clock, part)
                        : simulate::RunWorld(*job.trace, options, job.seed, clock, part);
      meter.Done(job);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 1; i < options.threads; ++i) threads.emplace_back(work);
  work();
}

int Run(const Arguments& arguments, const simulate::Options& options) {
  std::vector<simulate::Trace> traces;
  for (const std::string& path : arguments.traces) {
    const Result<std::string> text = foreshard::cli::ReadFile(path);
    if (!text) return Complain(kBadInput, text.error().message);
    auto trace = simulate::MakeTrace(std::filesystem::path(path).stem().string(), *text, options);
    if (!trace) return Complain(kBadInput, fmt::format("{}: {}", path, trace.error().message));
    traces.push_back(*std::move(trace));
  }
  if (arguments.synthetic) traces.push_back(simulate::SyntheticTrace(options, options.seed));
  std::vector<Job> jobs;
  std::vector<std::string> names;
  for (const simulate::Trace& trace : traces) {
    names.push_back(trace.name);
    for (int i = 0; i < options.seeds; ++i) {
      jobs.push_back({.trace = &trace, .seed = options.seed + static_cast<unsigned>(i)});
      if (options.aggregate) break;  // nothing in it is random
    }
  }
  const foreshard::SystemClock clock;
  const foreshard::MonotonicTime start = clock.Monotonic();
  RunJobs(jobs, options, clock);
  std::vector<simulate::RunResult> runs;
  for (Job& job : jobs) {
    for (simulate::RunResult& result : job.results) runs.push_back(std::move(result));
  }
  if (!arguments.plot.empty()) {
    const foreshard::Status drawn = simulate::WritePlots(arguments.plot, options, runs);
    if (!drawn) return Complain(kBadInput, drawn.error().message);
  }
  if (arguments.where && !arguments.json) fmt::print("{}\n", simulate::HoursToTable(options, runs));
  if (!arguments.slots.empty()) {
    const foreshard::Status written = simulate::WriteSlots(arguments.slots, runs);
    if (!written) return Complain(kBadInput, written.error().message);
  }
  const double seconds = std::chrono::duration<double>(clock.Monotonic() - start).count();
  fmt::print("{}\n", arguments.json ? simulate::ToJson(options, names, runs, seconds)
                                    : simulate::ToTable(options, runs, seconds));
  return 0;
}

void Declare(CLI::App& app, Arguments& arguments, simulate::Options& options) {
  app.add_option("--trace", arguments.traces, "CSV file: header, then timestamp,value in UTC");
  app.add_flag("--synthetic", arguments.synthetic, "a made-up trace: day, week, noise");
  app.add_option("--strategy", arguments.strategies, "all, or names separated by commas");
  app.add_option("--seeds", options.seeds, "worlds a trace")->check(CLI::Range(1, 1000));
  app.add_option("--seed", options.seed, "the first seed");
  app.add_option("--shards", options.shards, "at the start")->check(CLI::Range(2, 1000));
  app.add_option("--units", options.units, "ranges that can move")->check(CLI::Range(2, 65536));
  app.add_option("--zipf", options.zipf, "exponent of the units' weights")
      ->check(CLI::Range(0.0, 5.0));
  app.add_option("--phase", options.phase_hours, "units are shifted by up to this many hours")
      ->check(CLI::Range(0.0, 12.0));
  app.add_option("--with", arguments.with, "flash,hotkey,event,failures");
  app.add_option("--move-minutes", options.move_minutes, "to move the whole database, one stream")
      ->check(CLI::PositiveNumber);
  app.add_option("--bin", arguments.bin, "width of a bin");
  app.add_option("--horizon", arguments.horizon, "how far plans look ahead");
  app.add_option("--target-percent", options.target_percent, "planned CPU")
      ->check(CLI::Range(1, 99));
  app.add_option("--limit-percent", options.limit_percent, "overload begins")
      ->check(CLI::Range(2, 100));
  app.add_option("--quantile-percent", options.quantile_percent, "planned quantile")
      ->check(CLI::Range(50, 99));
  app.add_option("--concurrent-moves", options.concurrent_moves, "at the same time")
      ->check(CLI::Range(1, 64));
  app.add_option("--max-shards", options.shards_max)->check(CLI::Range(2, 10000));
  app.add_flag("--aggregate", options.aggregate,
               "P-Store's world: one demand, identical servers, no skew");
  app.add_option("--threads", options.threads, "the result does not depend on it")
      ->check(CLI::Range(1, 256));
  app.add_option("--plot", arguments.plot, "folder for pictures (SVG), one a trace and seed");
  app.add_option("--slots", arguments.slots, "file (CSV) for every bin of every run");
  app.add_flag("--where", arguments.where, "say where member-hours go, before the table");
  app.add_flag("--json", arguments.json, "one JSON object on standard output");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Replays traces of demand against strategies of scaling a sharded database.",
               "foreshard-simulate");
  app.set_version_flag("--version", foreshard::VersionLine("foreshard-simulate"));
  Arguments arguments;
  simulate::Options options;
  Declare(app, arguments, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadUsage;
  }
  if (arguments.traces.empty() && !arguments.synthetic)
    return Complain(kBadUsage, "--trace FILE (or --synthetic) is needed");
  const std::string wrong = ReadOptions(arguments, options);
  if (!wrong.empty()) return Complain(kBadUsage, wrong);
  return Run(arguments, options);
}

#include "tests/sim/runner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "tests/sim/decide_only.h"
#include "tests/sim/jobs.h"
#include "tests/sim/world.h"

namespace foreshard::sim {
namespace {

// Cover points are judged only over a run that is long enough to have been everywhere.
constexpr std::int64_t kSeedsForCoverage = 20'000;
constexpr int kFailuresShown = 5;

struct Tally {
  std::int64_t seeds = 0;
  std::int64_t failures = 0;
  Coverage coverage;
};

WorldResult RunOne(const RunnerOptions& options, std::uint64_t seed, Canary canary, int ticks,
                   const std::set<std::string>& without, Coverage& coverage, bool trace) {
  World world({.seed = seed,
               .ticks = ticks,
               .canary = canary,
               .without = without,
               .trace = trace,
               .late_effects = options.late_effects},
              coverage);
  return world.Run();
}

// Fewer ticks, faults switched off one by one, as long as something is still found.
std::string ReplayLine(const RunnerOptions& options, std::uint64_t seed, Canary canary,
                       const WorldResult& found) {
  Coverage ignored;
  std::set<std::string> without(options.without.begin(), options.without.end());
  int ticks = options.ticks;
  if (ticks == 0 || found.ticks < ticks) ticks = found.ticks;
  const auto still = [&](int some_ticks, const std::set<std::string>& off) {
    return RunOne(options, seed, canary, some_ticks, off, ignored, false).violation.has_value();
  };
  if (!still(ticks, without)) ticks = options.ticks;
  for (const std::string& name : FaultNames()) {
    std::set<std::string> more = without;
    more.insert(name);
    if (more.size() > without.size() && still(ticks, more)) without = more;
  }
  std::string line = fmt::format("foreshard-dst --seed {}", seed);
  if (ticks > 0) line += fmt::format(" --ticks {}", ticks);
  if (options.late_effects) line += " --late";
  for (const std::string& name : without) line += " --without " + name;
  if (!options.canary.empty()) line += " --canary " + options.canary;
  return line + " --trace";
}

void ShowFailure(const RunnerOptions& options, std::uint64_t seed, Canary canary,
                 const WorldResult& result) {
  fmt::print("FAILED {}: {}\n", *result.violation, ReplayLine(options, seed, canary, result));
  for (const std::string& event : result.last_events) fmt::print("  {}\n", event);
}

std::vector<std::uint64_t> SeedsOf(const RunnerOptions& options) {
  std::vector<std::uint64_t> seeds;
  for (std::uint64_t seed = options.first; seed <= options.last; ++seed) seeds.push_back(seed);
  if (!options.seeds_file.empty()) {
    std::ifstream file(options.seeds_file);
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line[0] == '#') continue;
      seeds.push_back(std::stoull(line));
    }
  }
  if (options.extra > 0) {
    std::uint64_t hash = 1469598103934665603ull;
    for (const char c : options.salt) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    }
    Random derived(hash);
    for (std::int64_t count = 0; count < options.extra; ++count) seeds.push_back(derived.Next());
  }
  return seeds;
}

Tally RunPart(const RunnerOptions& options, int part) {
  Tally tally;
  const std::set<std::string> without(options.without.begin(), options.without.end());
  const std::vector<std::uint64_t> seeds = SeedsOf(options);
  for (std::size_t at = static_cast<std::size_t>(part); at < seeds.size();
       at += static_cast<std::size_t>(std::max(options.jobs, 1))) {
    const std::uint64_t seed = seeds[at];
    ++tally.seeds;
    WorldResult result =
        RunOne(options, seed, Canary::kNone, options.ticks, without, tally.coverage, options.trace);
    if (seed % 100 == 0 && !result.violation) {
      Coverage ignored;
      const WorldResult again =
          RunOne(options, seed, Canary::kNone, options.ticks, without, ignored, false);
      if (again.hash != result.hash) result.violation = "the same seed gave another history";
    }
    if (!result.violation) continue;
    ++tally.failures;
    if (tally.failures <= kFailuresShown) ShowFailure(options, seed, Canary::kNone, result);
  }
  return tally;
}

// Each process takes its share of the seeds; what they counted is added up.
Tally RunSeeds(const RunnerOptions& options) {
  Tally all;
  const auto answers = InProcesses(options.jobs, [&](int part) {
    const Tally tally = RunPart(options, part);
    return fmt::format("{} seeds\n{} failures\n{}", tally.seeds, tally.failures,
                       tally.coverage.ToText());
  });
  for (const auto& answer : answers) {
    if (answer) {
      all.coverage.AddText(*answer);
      continue;
    }
    fmt::print("FAILED a process died\n");
    ++all.failures;
  }
  all.seeds = all.coverage.Take("seeds");
  all.failures += all.coverage.Take("failures");
  return all;
}

// The first seed that finds the bug; nothing: none did.
std::optional<std::uint64_t> Hunt(const RunnerOptions& options, const CanaryInfo& info,
                                  WorldResult& found) {
  Coverage ignored;
  const std::set<std::string> without(options.without.begin(), options.without.end());
  for (std::uint64_t i = 0; i <= static_cast<std::uint64_t>(info.seeds); ++i) {
    const std::uint64_t seed = i == 0 ? info.tried : i;
    if (seed == 0) continue;
    found = RunOne(options, seed, info.canary, options.ticks, without, ignored, false);
    if (found.violation) return seed;
  }
  return std::nullopt;
}

Coverage HuntPart(const RunnerOptions& options, int part) {
  Coverage counts;
  int next = 0;
  for (const CanaryInfo& info : Canaries()) {
    if (!options.all_canaries && info.name != options.canary) continue;
    if (next++ % std::max(options.jobs, 1) != part) continue;
    counts.Hit("all");
    WorldResult result;
    const auto seed = Hunt(options, info, result);
    if (!seed) {
      fmt::print("canary {}: NOT FOUND in {} seeds\n", info.name, info.seeds);
      continue;
    }
    counts.Hit("found");
    fmt::print("canary {}: found by seed {} of {}: {}\n", info.name, *seed, info.seeds,
               *result.violation);
  }
  return counts;
}

int HuntCanaries(const RunnerOptions& options) {
  Coverage counts;
  for (const auto& answer :
       InProcesses(options.jobs, [&](int part) { return HuntPart(options, part).ToText(); })) {
    counts.AddText(answer.value_or("1 all\n"));
  }
  const std::int64_t found = counts.Count("found"), all = counts.Count("all");
  fmt::print("dst: {} of {} canaries found\n", found, all);
  return found == all && all > 0 ? 0 : 1;
}

// How many of the given seeds find the bug: what a change of the world costs or brings.
int CountCanary(const RunnerOptions& options, const CanaryInfo& info) {
  const std::set<std::string> without(options.without.begin(), options.without.end());
  const auto part = [&](int number) {
    Coverage counts;
    for (std::uint64_t seed = options.first + static_cast<std::uint64_t>(number);
         seed <= options.last; seed += static_cast<std::uint64_t>(std::max(options.jobs, 1))) {
      Coverage ignored;
      if (RunOne(options, seed, info.canary, options.ticks, without, ignored, false).violation) {
        counts.Hit("found");
      }
    }
    return counts.ToText();
  };
  Coverage counts;
  for (const auto& answer : InProcesses(options.jobs, part)) counts.AddText(answer.value_or(""));
  const std::int64_t found = counts.Count("found");
  fmt::print("canary {}: found by {} of {} seeds\n", info.name, found,
             options.last - options.first + 1);
  return found > 0 ? 0 : 1;
}

int RunCanarySeed(const RunnerOptions& options, const CanaryInfo& info) {
  Coverage ignored;
  const std::set<std::string> without(options.without.begin(), options.without.end());
  const WorldResult result =
      RunOne(options, options.first, info.canary, options.ticks, without, ignored, options.trace);
  fmt::print("{}\n", result.violation ? "found: " + *result.violation : "not found");
  return result.violation ? 0 : 1;
}

// Every planted bug has a test that hunts it.
int CompareCanaries(const std::vector<std::string>& expected) {
  std::vector<std::string> known(expected);
  std::sort(known.begin(), known.end());
  std::vector<std::string> all;
  for (const CanaryInfo& info : Canaries()) all.emplace_back(info.name);
  std::sort(all.begin(), all.end());
  fmt::print("dst: {} canaries: {}\n", all.size(), fmt::join(all, " "));
  return known == all ? 0 : 1;
}

}  // namespace

int RunAll(const RunnerOptions& options) {
  if (!options.expected_canaries.empty()) return CompareCanaries(options.expected_canaries);
  if (!options.canary.empty()) {
    const auto info = FindCanary(options.canary);
    if (!info) {
      fmt::print(stderr, "--canary: no canary '{}'\n", options.canary);
      return 2;
    }
    if (options.trace) return RunCanarySeed(options, *info);
    if (options.last > options.first) return CountCanary(options, *info);
  }
  for (const std::string& name : options.without) {
    const auto& names = FaultNames();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      fmt::print(stderr, "--without: no fault '{}'\n", name);
      return 2;
    }
  }
  if (!options.canary.empty() || options.all_canaries) return HuntCanaries(options);
  if (options.decide_only) return RunDecideOnly(options);

  const Tally tally = RunSeeds(options);
  const std::vector<std::string> expected = ExpectedCoverPoints();
  std::size_t covered = 0;
  const bool judged = tally.seeds >= kSeedsForCoverage && options.without.empty();
  for (const std::string& point : expected) {
    if (tally.coverage.Count(point) > 0) {
      ++covered;
    } else if (judged) {
      fmt::print("never reached: {}\n", point);
    }
  }
  if (options.print_cover) {
    for (const auto& [point, count] : tally.coverage.counts())
      fmt::print("{:9} {}\n", count, point);
  }
  fmt::print("dst: {} seeds, {} failures, {} of {} cover points\n", tally.seeds, tally.failures,
             covered, expected.size());
  if (tally.failures > 0) return 1;
  return judged && covered < expected.size() ? 1 : 0;
}

}  // namespace foreshard::sim

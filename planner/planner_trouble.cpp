#include "planner/planner_trouble.h"

#include <algorithm>

#include "planner/load_path.h"

namespace foreshard::planner {

bool MayForecast(const Shard& shard) {
  return !shard.fan.steps.empty() && shard.trust.Value() >= model::kTrustToAddCapacity &&
         shard.estimator_usable;
}

namespace {

double Level(const Problem& problem) { return problem.policy.plan_quantile_percent / 100.0; }
double Target(const Problem& problem) { return problem.policy.target_cpu_percent / 100.0; }
double Limit(const Problem& problem) { return problem.policy.limit_cpu_percent / 100.0; }

// Over the limit in the newest bins, or close below it and rising. Missing data never causes an
// action.
bool GuardAsks(const Problem& problem, const Options& options, const Shard& shard) {
  const auto bins = static_cast<std::size_t>(options.guard_bins);
  if (!problem.metrics_fresh || shard.measured.size() < bins) return false;
  const auto newest = shard.measured.end() - static_cast<std::ptrdiff_t>(bins);
  const double lowest = *std::min_element(newest, shard.measured.end());
  // Whether a rise will end below the limit is what a forecast says; a copy would end it above.
  const bool rising = !MayForecast(shard) && shard.measured.back() > *newest;
  return lowest > Limit(problem) ||
         (rising && lowest > options.guard_rising_share * Limit(problem));
}

// REQUIRES: AheadStep() is not 0.
double AheadPeak(const Options& options, const Shard& shard) {
  const auto end = static_cast<std::ptrdiff_t>(AheadSteps(options, shard.later.size()));
  return *std::max_element(shard.later.begin(), shard.later.begin() + end);
}

// The bin in which a shard will pass the limit after its fan ends, if before its end it can bear no
// copy any more; else 0.
std::size_t AheadStep(const Problem& problem, const Options& options, const Shard& shard) {
  const auto each = static_cast<std::size_t>(std::max(1, problem.later_bins));
  const LoadPath path = OwnPath(shard);
  if (HighestQuantile(path, Level(problem), 1, path.steps.size()) + options.priors.dip <=
      Limit(problem))
    return 0;
  for (std::size_t i = path.steps.size() / each; i < AheadSteps(options, shard.later.size()); ++i) {
    if (shard.later[i] > Limit(problem)) return i * each + 1;
  }
  return 0;
}

std::vector<Trouble> WithoutMigrating(const Problem& problem, std::vector<Trouble> troubles) {
  const auto migrating = [&problem](const Trouble& trouble) {
    return problem.shards[static_cast<std::size_t>(trouble.shard)].migrating;
  };
  std::vector<Trouble> idle = troubles;
  std::erase_if(idle, migrating);
  return idle.empty() ? troubles : idle;
}

}  // namespace

std::vector<Trouble> FindTroubles(const Problem& problem, const Options& options) {
  std::vector<Trouble> troubles;
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    const Shard& shard = problem.shards[i];
    const int index = static_cast<int>(i);
    Trouble trouble;
    if (problem.metrics_fresh && MayForecast(shard)) {
      const LoadPath path = OwnPath(shard);
      const double peak = HighestQuantile(path, Level(problem), 1, path.steps.size());
      const std::size_t breach =
          FirstAbove(path, Level(problem), Limit(problem), 1, path.steps.size());
      const double planned = HighestPlanned(path, problem.policy, options, 1, path.steps.size());
      const std::size_t later = breach > 0 ? 0 : AheadStep(problem, options, shard);
      if (planned > Target(problem) || later > 0) {
        trouble = {.shard = index,
                   .measured = false,
                   .predicted = breach > 0 || later > 0,
                   .ahead = later > 0,
                   .breach_step = breach > 0 ? breach : later,
                   .peak = later > 0 ? AheadPeak(options, shard) : peak,
                   .planned = planned};
      }
    }
    if (GuardAsks(problem, options, shard)) {
      trouble = {.shard = index,
                 .measured = true,
                 .predicted = false,
                 .breach_step = 1,
                 .peak = shard.measured.back()};
    }
    if (trouble.shard >= 0) troubles.push_back(trouble);
  }
  std::stable_sort(troubles.begin(), troubles.end(), [&](const Trouble& a, const Trouble& b) {
    if (a.measured != b.measured) return a.measured;
    if (a.peak != b.peak) return a.peak > b.peak;
    return problem.shards[static_cast<std::size_t>(a.shard)].id <
           problem.shards[static_cast<std::size_t>(b.shard)].id;
  });
  return WithoutMigrating(problem, std::move(troubles));
}

}  // namespace foreshard::planner

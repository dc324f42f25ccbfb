#include "planner/planner_trouble.h"

#include <algorithm>

#include "planner/load_path.h"

namespace foreshard::planner {

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
  const bool rising = shard.measured.back() > *newest;
  return lowest > Limit(problem) ||
         (rising && lowest > options.guard_rising_share * Limit(problem));
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

bool MayForecast(const Shard& shard) {
  return !shard.fan.steps.empty() && shard.trust.Value() >= model::kTrustToAddCapacity &&
         shard.estimator_usable;
}

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
      if (peak > Target(problem)) {
        trouble = {.shard = index,
                   .measured = false,
                   .predicted = breach > 0,
                   .breach_step = breach,
                   .peak = peak};
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

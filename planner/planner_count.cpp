#include "planner/planner_count.h"

#include <algorithm>

#include "planner/load_path.h"
#include "planner/move_time.h"

namespace foreshard::planner {

namespace {

double Level(const Problem& problem) { return problem.policy.plan_quantile_percent / 100.0; }
double Target(const Problem& problem) { return problem.policy.target_cpu_percent / 100.0; }

// Planned quantile of the whole set's load, in shards at their target, for each bin ahead.
std::vector<double> TotalInShards(const Problem& problem, const Options& options) {
  std::size_t length = 0;
  std::size_t scenarios = SIZE_MAX;
  for (const Shard& shard : problem.shards) {
    length = std::max(length, shard.fan.steps.size());
    scenarios = std::min(scenarios, shard.scenarios.paths.size());
  }
  std::vector<double> total;
  for (std::size_t h = 0; h < length; ++h) {
    if (scenarios == 0) {
      double sum = 0;
      double median = 0;
      for (const Shard& shard : problem.shards) {
        if (h >= shard.fan.steps.size()) continue;
        sum += model::Quantile(shard.fan.steps[h], Level(problem));
        median += shard.fan.steps[h][model::kMedian];
      }
      total.push_back(PlannedLoad(problem.policy, options, median, sum) / Target(problem));
      continue;
    }
    std::vector<double> sums(scenarios);
    for (std::size_t r = 0; r < scenarios; ++r) {
      for (const Shard& shard : problem.shards) {
        if (h < shard.scenarios.paths[r].size()) sums[r] += shard.scenarios.paths[r][h];
      }
    }
    const model::Quantiles quantiles = model::QuantilesOf(sums);
    total.push_back(PlannedLoad(problem.policy, options, quantiles[model::kMedian],
                                model::Quantile(quantiles, Level(problem))) /
                    Target(problem));
  }
  return total;
}

}  // namespace

CountPlan ProposeCount(const Problem& problem, const Options& options) {
  const int shards = static_cast<int>(problem.shards.size());
  const std::vector<double> total = TotalInShards(problem, options);
  if (total.empty())
    return {.feasible = true, .shards = shards, .first_slot = -1, .first_count = shards, .cost = 0};
  double bytes = 0;
  for (const Shard& shard : problem.shards) {
    for (const Unit& unit : shard.units) bytes += unit.bytes;
  }
  const MoveTime whole = EstimateMoveTime(problem.memory, options.priors, bytes, true);
  return PlanShardCount(total,
                        {.shards = shards,
                         .min_shards = std::min(problem.policy.min_shards, shards),
                         .max_shards = std::max(problem.policy.max_shards, shards),
                         .full_move_slots = whole.p80_seconds / problem.bin_seconds,
                         .concurrent_streams_max = 6 * problem.policy.max_concurrent_migrations,
                         .price_per_change = options.weights.change * 3'600 / problem.bin_seconds});
}

}  // namespace foreshard::planner

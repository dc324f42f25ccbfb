#include "planner/load_path.h"

#include <algorithm>

namespace foreshard::planner {

LoadPath OwnPath(const Shard& shard) { return {.steps = shard.fan.steps}; }

double PlannedLoad(const model::ScalingSpec& policy, const Options& options, double median,
                   double quantile) {
  if (!options.margin_once) return quantile;
  return std::max(median, quantile * policy.target_cpu_percent / policy.limit_cpu_percent);
}

double HighestPlanned(const LoadPath& path, const model::ScalingSpec& policy,
                      const Options& options, std::size_t from, std::size_t to) {
  const double level = policy.plan_quantile_percent / 100.0;
  double highest = 0;
  for (std::size_t step = std::max<std::size_t>(from, 1); step <= std::min(to, path.steps.size());
       ++step) {
    const model::Quantiles& quantiles = path.steps[step - 1];
    highest = std::max(highest, PlannedLoad(policy, options, quantiles[model::kMedian],
                                            model::Quantile(quantiles, level)));
  }
  return highest;
}

std::size_t FirstAbove(const LoadPath& path, double level, double threshold, std::size_t from,
                       std::size_t to) {
  for (std::size_t step = std::max<std::size_t>(from, 1); step <= std::min(to, path.steps.size());
       ++step) {
    if (model::Quantile(path.steps[step - 1], level) > threshold) return step;
  }
  return 0;
}

std::size_t AheadSteps(const Options& options, std::size_t known) {
  return std::min(known,
                  static_cast<std::size_t>(options.ahead_day_share * static_cast<double>(known)));
}

double HighestQuantile(const LoadPath& path, double level, std::size_t from, std::size_t to) {
  double highest = 0;
  for (std::size_t step = std::max<std::size_t>(from, 1); step <= std::min(to, path.steps.size());
       ++step) {
    highest = std::max(highest, model::Quantile(path.steps[step - 1], level));
  }
  return highest;
}

}  // namespace foreshard::planner

#include "planner/grown_demand.h"

#include <algorithm>

namespace foreshard::planner {

GrownDemand::GrownDemand(const Problem& problem, const UsualLoad& usual, const Growth& growth)
    : problem_(problem), usual_(usual), growth_(growth) {
  for (const Shard& shard : problem.shards) steps_ = std::max(steps_, shard.fan.steps.size());
  for (const Shard& shard : problem.shards) {
    ratios_.push_back(RatiosOf(shard));
    const bool named =
        std::find(growth.shards.begin(), growth.shards.end(), shard.id) != growth.shards.end();
    grows_.push_back(growth.shards.empty() || named);
  }
}

double GrownDemand::Median(std::size_t shard, model::BinIndex bin, bool grown) const {
  const Shard& one = problem_.shards[shard];
  const bool grows = grown && grows_[shard] && bin >= growth_.from && bin < growth_.to;
  return (grows ? growth_.factor : 1) * std::max(0.0, Usual(one, bin) - one.background);
}

double GrownDemand::At(std::size_t shard, model::BinIndex bin, std::size_t lead, std::size_t path,
                       bool grown) const {
  return Median(shard, bin, grown) * Ratio(shard, lead, path);
}

double GrownDemand::Ratio(std::size_t shard, std::size_t lead, std::size_t path) const {
  const std::vector<double>& ratios = ratios_[shard];
  if (ratios.empty() || lead == 0) return 1;
  return ratios[(std::min(lead, steps_) - 1) * kPaths + path];
}

double GrownDemand::Usual(const Shard& shard, model::BinIndex bin) const {
  const model::BinIndex ahead = bin - problem_.now;
  const auto steps = static_cast<model::BinIndex>(shard.fan.steps.size());
  if (ahead >= 1 && ahead <= steps)
    return shard.fan.steps[static_cast<std::size_t>(ahead - 1)][model::kMedian];
  const double measured = shard.measured.empty() ? shard.background : shard.measured.back();
  if (ahead <= 0) return measured;
  const auto known = usual_.utilisation.find(shard.id);
  if (known != usual_.utilisation.end() && !known->second.empty()) {
    const auto size = static_cast<model::BinIndex>(known->second.size());
    return known->second[static_cast<std::size_t>(bin / usual_.step_bins % size)];
  }
  return steps > 0 ? shard.fan.steps.back()[model::kMedian] : measured;
}

// The forecast's errors relative to its median.
std::vector<double> GrownDemand::RatiosOf(const Shard& shard) const {
  constexpr double kHardlyAny = 0.005;  // of a shard: its relative error says nothing
  constexpr double kRatioMost = 5;
  std::vector<double> ratios;
  if (shard.fan.steps.empty()) return ratios;
  const std::vector<std::vector<double>>& paths = shard.scenarios.paths;
  for (std::size_t h = 0; h < steps_; ++h) {
    const model::Quantiles& fan = shard.fan.steps[std::min(h, shard.fan.steps.size() - 1)];
    const double median = fan[model::kMedian] - shard.background;
    for (std::size_t r = 0; r < kPaths; ++r) {
      double value = model::Quantile(fan, (static_cast<double>(r) + 0.5) / kPaths);
      if (!paths.empty() && !paths[r % paths.size()].empty()) {
        const std::vector<double>& path = paths[r % paths.size()];
        value = path[std::min(h, path.size() - 1)];
      }
      const double ratio = median < kHardlyAny ? 1 : (value - shard.background) / median;
      ratios.push_back(std::clamp(ratio, 0.0, kRatioMost));
    }
  }
  return ratios;
}

}  // namespace foreshard::planner

#include "planner/load_path.h"

#include <algorithm>

namespace foreshard::planner {

namespace {

model::Quantiles Scaled(const model::Quantiles& steps, double background, double factor,
                        double new_background) {
  model::Quantiles scaled{};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    scaled[i] = std::max(0.0, steps[i] - background) * factor + new_background;
  }
  return scaled;
}

LoadPath ScaledPath(const Shard& shard, double factor, double new_background) {
  LoadPath path;
  for (const model::Quantiles& step : shard.fan.steps) {
    path.steps.push_back(Scaled(step, shard.background, factor, new_background));
  }
  return path;
}

bool Joint(const model::Scenarios& a, const model::Scenarios& b) {
  return !a.paths.empty() && a.origin == b.origin && a.drawn_from == b.drawn_from;
}

}  // namespace

LoadPath OwnPath(const Shard& shard) { return {.steps = shard.fan.steps}; }

LoadPath WithoutShare(const Shard& shard, double share) {
  return ScaledPath(shard, 1 - share, shard.background);
}

LoadPath OnlyShare(const Shard& shard, double share, double background) {
  return ScaledPath(shard, share, background);
}

LoadPath WithShareOf(const Shard& shard, const Shard& other, double share) {
  const std::size_t length = std::min(shard.fan.steps.size(), other.fan.steps.size());
  const bool joint = Joint(shard.scenarios, other.scenarios);
  LoadPath path;
  for (std::size_t h = 0; h < length; ++h) {
    const model::Quantiles added = Scaled(other.fan.steps[h], other.background, share, 0);
    model::Quantiles step = shard.fan.steps[h];
    for (std::size_t i = 0; i < step.size(); ++i) step[i] += added[i];
    if (joint) {
      std::vector<double> sums;
      for (std::size_t r = 0; r < shard.scenarios.paths.size(); ++r) {
        const double moved = std::max(0.0, other.scenarios.paths[r][h] - other.background) * share;
        sums.push_back(shard.scenarios.paths[r][h] + moved);
      }
      step = model::QuantilesOf(sums);
    }
    path.steps.push_back(step);
  }
  return path;
}

std::size_t FirstAbove(const LoadPath& path, double level, double threshold, std::size_t from,
                       std::size_t to) {
  for (std::size_t step = std::max<std::size_t>(from, 1); step <= std::min(to, path.steps.size());
       ++step) {
    if (model::Quantile(path.steps[step - 1], level) > threshold) return step;
  }
  return 0;
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

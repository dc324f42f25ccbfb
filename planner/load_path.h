#pragma once

#include <cstddef>
#include <vector>

#include "planner/options.h"
#include "planner/problem.h"

// The utilisation of one shard over the horizon as a distribution per bin, as its own fan has it.

namespace foreshard::planner {

// steps[h - 1] is the bin `now + h`.
struct LoadPath {
  std::vector<model::Quantiles> steps;
};

LoadPath OwnPath(const Shard& shard);

// What counts as load when it is compared with the target. Target and planned quantile are two
// margins for one risk; to pay once, the median is held to the target and the planned quantile to
// the limit: the greater of the median and of quantile * target / limit.
double PlannedLoad(const model::ScalingSpec& policy, const Options& options, double median,
                   double quantile);
// The highest of the path in steps [from, to].
double HighestPlanned(const LoadPath& path, const model::ScalingSpec& policy,
                      const Options& options, std::size_t from, std::size_t to);

// First step (1-based) in [from, to] whose `level` quantile is above `threshold`; 0 if none.
std::size_t FirstAbove(const LoadPath& path, double level, double threshold, std::size_t from,
                       std::size_t to);

// How many of the `known` steps of Shard::later, a day of them, are looked at.
std::size_t AheadSteps(const Options& options, std::size_t known);

double HighestQuantile(const LoadPath& path, double level, std::size_t from, std::size_t to);

}  // namespace foreshard::planner

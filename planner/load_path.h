#pragma once

#include <cstddef>
#include <vector>

#include "planner/problem.h"

// The utilisation of one shard over the horizon as a distribution per bin, for placements that do
// not exist yet.

namespace foreshard::planner {

// steps[h - 1] is the bin `now + h`.
struct LoadPath {
  std::vector<model::Quantiles> steps;
};

LoadPath OwnPath(const Shard& shard);

// The shard after `share` of its client load has left: background stays.
LoadPath WithoutShare(const Shard& shard, double share);

// `share` of the shard's client load on a new shard of the same size with the given background.
LoadPath OnlyShare(const Shard& shard, double share, double background);

// The shard with `share` of `other`'s client load added. Scenarios are summed path by path where
// both have joint ones; quantiles are added otherwise, which is right for perfectly correlated
// loads and too high for others: the safe side.
LoadPath WithShareOf(const Shard& shard, const Shard& other, double share);

// First step (1-based) in [from, to] whose `level` quantile is above `threshold`; 0 if none.
std::size_t FirstAbove(const LoadPath& path, double level, double threshold, std::size_t from,
                       std::size_t to);

double HighestQuantile(const LoadPath& path, double level, std::size_t from, std::size_t to);

}  // namespace foreshard::planner

#pragma once

#include <cstddef>
#include <vector>

#include "planner/problem.h"

// The utilisation of one shard over the horizon as a distribution per bin, as its own fan has it.

namespace foreshard::planner {

// steps[h - 1] is the bin `now + h`.
struct LoadPath {
  std::vector<model::Quantiles> steps;
};

LoadPath OwnPath(const Shard& shard);

// First step (1-based) in [from, to] whose `level` quantile is above `threshold`; 0 if none.
std::size_t FirstAbove(const LoadPath& path, double level, double threshold, std::size_t from,
                       std::size_t to);

double HighestQuantile(const LoadPath& path, double level, std::size_t from, std::size_t to);

}  // namespace foreshard::planner

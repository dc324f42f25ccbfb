#pragma once

#include <vector>

#include "planner/options.h"
#include "planner/problem.h"

// Which shards need help, and why.

namespace foreshard::planner {

// A shard that needs help, and why.
struct Trouble {
  int shard = -1;
  bool measured = false;
  bool predicted = false;       // planned quantile above the limit
  bool ahead = false;           // only after its fan, before which it can bear no copy any more
  std::size_t breach_step = 0;  // first such step; 0: none
  double peak = 0;              // planned quantile, or the measured value
  double planned = 0;           // what is held to the target, see PlannedLoad
  bool rested = false;          // who asks has looked at the cool-down already
};

// A forecast that may add capacity: trusted enough, with an estimator that is.
bool MayForecast(const Shard& shard);

// Most urgent first: what is measured, then by how high it goes. What is moving already needs no
// second answer and is left out, unless it is all there is to say.
std::vector<Trouble> FindTroubles(const Problem& problem, const Options& options);

}  // namespace foreshard::planner

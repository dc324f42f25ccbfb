#pragma once

#include <cstddef>
#include <vector>

// What one plan costs.

namespace foreshard::bench {

struct SpeedRow {
  std::size_t shards = 0;
  std::size_t units = 0;
  std::size_t troubled = 0;
  double plan_millis = 0;    // CPU, median
  double greedy_millis = 0;  // the same without the search
  double memory_mb = 0;      // resident set, highest so far
  std::size_t steps = 0;     // of the plan
};

// One plan for a fleet of that size, a fiftieth of it (at least 20) over the limit soon.
SpeedRow RunSpeed(std::size_t shards);

}  // namespace foreshard::bench

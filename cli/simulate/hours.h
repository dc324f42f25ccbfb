#pragma once

#include <string>
#include <vector>

#include "cli/simulate/options.h"
#include "cli/simulate/run.h"

// Where a strategy's member-hours go, slot by slot, as shares of what a fleet costs that carries
// each bin's whole demand at the limit, evenly and at once.

namespace foreshard::simulate {

// Shard-hours of the scored bins, one part after the other; they add up to `shards`.
struct Hours {
  double shards = 0;
  double load = 0;      // as few shards as carry the bin's demand at the limit
  double target = 0;    // and more, to carry it at the target
  double ahead = 0;     // and what the next hour needs beyond that
  double behind = 0;    // and what the last hour needed
  double uneven = 0;    // because the fullest shard is fuller than the mean
  double idle = 0;      // the rest; negative where the fleet runs above its target
  int over = 0;         // overloaded slots
  int over_moving = 0;  // of them, while something was copied
  int over_copies = 0;  // of them, where clients alone would not have been too many
};

Hours HoursOf(const Course& course, const Options& options);

// One line a strategy, means over the runs.
std::string HoursToTable(const Options& options, const std::vector<RunResult>& runs);

}  // namespace foreshard::simulate

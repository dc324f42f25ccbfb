#pragma once

#include <string>

// The planner against the exact optimum of small fleets: at most 8 shards and 40 ranges, a load
// that does not change ("one period"). CBC (Debian package coinor-cbc) finds the optimum. Source:
// design page "planner", section 17.

namespace foreshard::bench {

struct ExactResult {
  int fleets = 0;
  int optimal = 0;    // of them
  double median = 0;  // relative loss
  double worst = 0;
  double idle = 0;      // median, if nothing were done
  std::string problem;  // why there is no result: CBC failed, or found less than the planner did
};

bool HasCbc();

// One plan against the best plan of the same cycle: each shard in at most one move. The loss is of
// the gain over doing nothing. A breach that the best plan answers and ours does not is a problem,
// not a loss.
ExactResult RunExactPlans(int seeds);

// Plans of cycle after cycle, each carried out, until nothing more is wanted, against the best
// fleet that any set of moves could make. The loss is in member-hours of one horizon: shards,
// headroom, breaches, moves.
ExactResult RunExactFleets(int seeds);

}  // namespace foreshard::bench

#pragma once

#include <vector>

#include "planner/candidate.h"

// How to do with fewer shards: merge one into another, or spread its units over several; several
// shards may be on their way out at once. Never on a forecast alone, never on measurement alone.
// Source: design page "planner", section 13.

namespace foreshard::planner {

// The moves that empty one shard, in order; the first one may start now.
struct Shrink {
  std::vector<Candidate> moves;
  double benefit = 0;  // member-hours saved, headroom lost
  double cost = 0;     // of the moves, and of parting again where the load comes back
};

struct Shrinks {
  // What was begun, shard by shard: moves of what still fits. It need not pay again.
  std::vector<Shrink> begun;
  // For one shard more, on top of what was begun: ways that keep every shard at or below the
  // target, best first.
  std::vector<Shrink> ways;
};

// Whether a spread of that shard was begun.
bool Drains(const Memory& memory, const model::ShardId& shard);

// REQUIRES: an outlook that ends with the fans (Options::ahead_day_share is 0): what is joined now
// may be parted again in time.
Shrinks ShrinksFor(const Outlook& outlook);

}  // namespace foreshard::planner

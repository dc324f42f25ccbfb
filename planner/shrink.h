#pragma once

#include <vector>

#include "planner/candidate.h"

// How to do with one shard less: merge one into another, or spread its units over several. Never on
// a forecast alone, never on measurement alone. Source: design page "planner", section 13.

namespace foreshard::planner {

// The moves that empty one shard, in order; the first one may start now.
struct Shrink {
  std::vector<Candidate> moves;
  double benefit = 0;  // member-hours saved, headroom lost
  double cost = 0;     // of the moves, and of parting again where the load comes back
};

// Whether a spread of that shard was begun.
bool Drains(const Memory& memory, const model::ShardId& shard);

// What was begun comes first. Ways that keep every shard at or below the level, best first; empty
// when there is none.
std::vector<Shrink> ShrinksFor(const Outlook& outlook);

}  // namespace foreshard::planner

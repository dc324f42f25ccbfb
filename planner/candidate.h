#pragma once

#include <string>
#include <vector>

#include "model/plan.h"
#include "planner/draft.h"
#include "planner/move_time.h"
#include "planner/options.h"
#include "planner/problem.h"

// What could be done for a troubled shard, with what each would cost and bring.

namespace foreshard::planner {

struct CandidateSearch {
  std::vector<Candidate> candidates;
  std::string why_no_split;  // of the first range that has no split point
};

// Splits at the heat's split point, moves of whole ranges, and hot keys isolated, away from
// `source`: to a new shard (if allowed) and to the emptiest shards that are ready, idle and not
// themselves troubled. Evaluated in the draft.
// A unit that moved within the cool-down is left out unless `resting_too`.
CandidateSearch CandidatesFor(const Draft& draft, std::size_t source, bool new_shard_allowed,
                              bool resting_too);

// J over the horizon when the action starts at candidate.begin. Source: design page "planner",
// section 6. REQUIRES: Carry() fits.
void Evaluate(const Draft& draft, Candidate& candidate);

// Feasible ones first; among them the least J, among equals the order of generation.
bool Better(const Candidate& a, const Candidate& b);

}  // namespace foreshard::planner

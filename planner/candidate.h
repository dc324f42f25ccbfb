#pragma once

#include <string>
#include <vector>

#include "model/plan.h"
#include "planner/move_time.h"
#include "planner/options.h"
#include "planner/problem.h"

// One thing that could be done for a troubled shard, with what it would cost and bring.

namespace foreshard::planner {

struct Candidate {
  model::ActionType type = model::ActionType::kSplit;
  std::size_t source = 0;      // index into Problem::shards
  std::size_t unit = 0;        // index into its units
  int destination = -1;        // index; -1: a new shard
  std::string at = {};         // Split
  model::KeyRange range = {};  // what leaves
  double share = 0;            // of the source's client load
  double bytes = 0;
  MoveTime time = {};
  // Filled by Evaluate:
  double source_peak = 0;  // planned quantile after the cutover, highest of the horizon
  double destination_peak = 0;
  double action_cost = 0;  // member-hours
  double benefit = 0;      // J(NoChange) - J(this), action cost apart
  double overload_minutes_avoided = 0;
  double scenarios_better = 0;  // share of scenarios in which this beats NoChange
  bool keeps_target = false;    // both shards stay at or below the target after the cutover
  bool in_time = false;         // p80 of its duration ends before the breach
};

// Splits at the heat's split point and moves of whole ranges away from `problem.shards[source]`, to
// a new shard (if allowed) and to every shard that is ready, idle and not itself troubled.
std::vector<Candidate> CandidatesFor(const Problem& problem, std::size_t source,
                                     bool new_shard_allowed, const Options& options,
                                     std::string& why_no_split);

// J over the horizon when the action starts now. Source: design page "planner", section 6.
void Evaluate(const Problem& problem, const Options& options, Candidate& candidate);

}  // namespace foreshard::planner

#pragma once

#include <string>

#include "base/random.h"
#include "model/plan.h"
#include "planner/options.h"
#include "planner/problem.h"

// A plan is played before it is shown as one that could be carried out: against every scenario,
// with durations drawn from what was learned of moves, and again with each step failing once at
// some moment and being tried again. Source: design page "planner", section 15.
//
// In the play a copy takes less of a shard that is close to its limit, as the mover throttles it.
// A measured breach is believed: the load that the guard saw does not go away by itself.

namespace foreshard::planner {

struct Rehearsal {
  bool passed = true;
  int plays = 0;  // without a planned failure
  int legal = 0;  // of them: no shard is worse off than if nothing were done
  int failure_plays = 0;
  int failure_legal = 0;
  double overload_minutes_without = 0;  // mean of the plays, shards of the plan together
  double overload_minutes_planned = 0;
  std::string why;  // a person's sentence without a full stop; "" when it passed
};

inline constexpr int kRehearsals = 64;
inline constexpr double kLegalShareLeast = 0.95;

// It passes when in at least 95 of 100 plays no shard is pushed over its limit, or kept longer over
// it, than if nothing were done; when overload does not grow; and when every failure leaves a fleet
// in which that is still so. REQUIRES: steps.
Rehearsal Rehearse(const Problem& problem, const model::Plan& plan, const Options& options,
                   Random& random);

// The plan as it may be shown: one that would be carried out or recommended is rehearsed; where
// that fails it is Blocked with the reason RehearsalFailed, and its summary says why.
model::Plan Rehearsed(const Problem& problem, model::Plan plan, const Options& options,
                      Random& random);

}  // namespace foreshard::planner

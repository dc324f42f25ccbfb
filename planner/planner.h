#pragma once

#include "base/random.h"
#include "model/plan.h"
#include "planner/move_time.h"
#include "planner/options.h"
#include "planner/problem.h"

// The planner: given what will probably be asked of each shard, which change, if any, should start
// now?
//
// A pure function from a Problem to a Plan: no clock (the present bin is an input), no I/O, no
// hidden randomness, no unordered containers. A cycle runs every bin. The whole plan is computed,
// only the steps that must start now are released: decision kWaiting says when the next one will.
//
//   guard      measured utilisation over the limit: act on what was measured, no forecast needed
//   count      how many shards the planned quantile of total demand needs (P-Store's dynamic
//   programming) placement  which range of the troubled shard goes where, by cost and benefit in
//   member-hours release    now, or wait until the latest start; blocked by mode, freeze,
//   cool-down, trust, a migration in flight
//
// A predicted breach (planned quantile above the limit, trusted forecast) makes some action
// mandatory: cost and benefit then only choose which. Everything else must pay: benefit >= kappa *
// cost, in most scenarios or with a real breach probability.

namespace foreshard::planner {

model::Plan MakePlan(const Problem& problem, const Options& options, Random& random);

// The memory of the next cycle.
Memory Remember(const Problem& problem, const model::Plan& plan);

}  // namespace foreshard::planner

#pragma once

#include <vector>

#include "model/plan.h"
#include "planner/planner_trouble.h"
#include "planner/search.h"

// What may start now, what waits, and what forbids it.

namespace foreshard::planner {

// What other steps of the same plan have used up already.
struct Used {
  int moves = 0;
  double bytes = 0;
};

// What forbids to start now; kNone if nothing does. A breach, measured or predicted, does not wait
// for the source's cool-down where the options say so.
model::PlanReason WhatBlocks(const Problem& problem, const Options& options, const Trouble& trouble,
                             const Candidate& chosen, const Used& used);

// A step with what it waits for.
struct Scheduled {
  const Candidate* candidate = nullptr;
  const Trouble* trouble = nullptr;
  model::PlanReason blocked = model::PlanReason::kNone;
  bool waits = false;
  bool seen_once = false;  // it waits for a second look
  int Rank() const { return blocked != model::PlanReason::kNone ? 2 : waits ? 1 : 0; }
};

// Which steps start now: as many as may run at the same time, the most urgent first.
std::vector<Scheduled> Schedule(const Problem& problem, const Options& options,
                                const std::vector<Trouble>& troubles, const Found& found);

}  // namespace foreshard::planner

#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/plan.h"
#include "planner/problem.h"

// What a planned step does to who owns what. For those who play a plan forward: the rehearsal and
// the question "what if?".

namespace foreshard::planner {

struct LeavingPart {
  std::size_t unit = 0;  // of the source
  double part = 1;       // of the unit's load and bytes
  Unit moved;            // as its new owner holds it; its share is still that of the source's load
  Unit rest;             // what stays; part 1: nothing does
};

struct StepEffect {
  std::size_t source = 0;
  int destination = -1;  // -1: a new shard
  std::vector<LeavingPart> parts;
};

// Errors: kReobserve naming what is not as the step says: no such shard, or it owns no such range
// or key.
Result<StepEffect> EffectOf(const Problem& problem, const model::PlannedStep& step);

// Part of the unit's load at or above the bound: by its reservoir, else half of it.
double ShareAbove(const model::KeySpace& space, const Unit& unit, const std::string& bound);

}  // namespace foreshard::planner

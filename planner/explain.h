#pragma once

#include <string>

#include "model/plan.h"
#include "planner/candidate.h"
#include "planner/problem.h"
#include "planner/shrink.h"

// One sentence a plan, built from its values: what, where, before when; which number against which
// limit; cost, gain, the next best alternative; and for what is not done, why. Numbers are rounded,
// times are UTC.

namespace foreshard::planner {

std::string Explain(const Problem& problem, const model::Plan& plan);  // nothing is troubled
std::string ExplainTrouble(const Problem& problem, const model::Plan& plan, std::size_t shard,
                           double peak, const std::string& why_no_split);
std::string ExplainAction(const Problem& problem, const model::Plan& plan, const Candidate& chosen,
                          double peak, const Candidate* next_best);

std::string ExplainShrink(const Problem& problem, const model::Plan& plan, const Shrink& shrink);
std::string DescribeShrink(const Problem& problem, const Shrink& shrink);

// "Split s-4kq7 at 40 to a new shard".
std::string Describe(const Problem& problem, const Candidate& candidate);

}  // namespace foreshard::planner

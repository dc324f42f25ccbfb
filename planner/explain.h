#pragma once

#include <string>

#include "model/plan.h"
#include "planner/candidate.h"
#include "planner/planner_trouble.h"
#include "planner/problem.h"
#include "planner/shrink.h"

// One sentence a plan, built from its values: what, where, before when; which number against which
// limit; cost, gain, the next best alternative; and for what is not done, why. Numbers are rounded,
// times are UTC.

namespace foreshard::planner {

std::string Explain(const Problem& problem, const model::Plan& plan);  // nothing is troubled
std::string ExplainTrouble(const Problem& problem, const model::Plan& plan, std::size_t shard,
                           double peak, const std::string& why_no_split);
// What is done, or would be but for what the plan's reason says.
struct ActionTold {
  const Candidate& chosen;
  const Trouble& trouble;
  const Candidate* next_best = nullptr;
  bool seen_once = false;  // it waits for a second look
};
std::string ExplainAction(const Problem& problem, const model::Plan& plan, const ActionTold& told);
// Nothing is done, since the best that could be would bring less than it costs.
std::string ExplainNotWorthIt(const Problem& problem, const model::Plan& plan,
                              const Candidate& best, const Trouble& trouble);

std::string ExplainShrink(const Problem& problem, const model::Plan& plan, const Shrink& shrink);
std::string DescribeShrink(const Problem& problem, const Shrink& shrink);

// "Split s-4kq7 at 40 to a new shard".
std::string Describe(const Problem& problem, const Candidate& candidate);

}  // namespace foreshard::planner

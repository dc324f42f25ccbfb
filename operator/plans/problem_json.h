#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "planner/problem.h"

// The planner's Problem as JSON, so that a plan can be asked for again elsewhere: by `kubectl
// foreshard plan --what-if`, in a test, in a report of a fault.
//
// {"version": "foreshard.dev/problem/v1", "now": ..., "shards": [...], ...}: every field of the
// struct by its name in camelCase; bins are whole numbers, durations texts as in the API, numbers
// shortest so that they read back the same. A field that a reader does not know means that it would
// answer another question, so it is refused.

namespace foreshard::op {

inline constexpr const char* kProblemVersion = "foreshard.dev/problem/v1";

std::string ProblemToJson(const planner::Problem& problem);

// Errors: kGiveUp, reason InvalidProblem: each names the field, its value and what is accepted.
// What is read may be given to MakePlan: lists are ordered, bounds canonical, numbers finite.
Result<planner::Problem> ParseProblem(std::string_view json);

}  // namespace foreshard::op

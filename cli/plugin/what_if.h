#pragma once

#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "cli/plugin/question.h"
#include "kube/kube_api.h"
#include "operator/plans/problem_store.h"
#include "planner/what_if.h"

// `plan --what-if`: the question that the operator keeps of its last cycles, asked again with more
// load. The planner runs here; the cluster is only read (one ConfigMap).

namespace foreshard::plugin {

struct Told {
  std::string name_space;
  std::string set;
  WallTime now{};
  Question question;
  op::KeptProblem kept;
  planner::WhatIf answer;
};

// Errors: kGiveUp "NotFound" where the operator has kept nothing yet; those of the API.
Result<op::KeptProblem> ReadKeptProblem(kube::KubeApi& api, const kube::ObjectRef& set,
                                        Deadline deadline);

// The next time at which that LoadEvent happens, or the rest of it if it happens now; its ramps are
// left out. Errors: kGiveUp "BadQuestion" where it says no multiplier or does not happen soon;
// those of the API.
Result<Question> QuestionOfEvent(kube::KubeApi& api, const kube::ObjectRef& set,
                                 const std::string& event, WallTime now, Deadline deadline);

// Errors: kGiveUp "BadQuestion" naming a shard that is none of the set's.
Result<planner::WhatIf> Answer(const op::KeptProblem& kept, const Question& question);

std::string WhatIfText(const Told& told);
std::string WhatIfJson(const Told& told);

}  // namespace foreshard::plugin

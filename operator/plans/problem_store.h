#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "operator/builders/names.h"
#include "planner/problem.h"
#include "planner/what_if.h"

// The question that the planner answered last, kept beside the set for `kubectl foreshard plan
// --what-if`: one ConfigMap SET-problem, owned by the ShardSet. Who may view the namespace may read
// it; it holds loads, bounds and sampled keys, no row and no secret.
//
// It is for people, so nothing here fails a pass, and a steady state writes it once an hour.

namespace foreshard::op {

inline constexpr const char* kProblemLabel = "foreshard.dev/problem-of";  // the set's name
std::string ProblemNameOf(const std::string& set);

struct KeptProblem {
  planner::Problem problem;
  planner::UsualLoad usual;
  WallTime written{};
};

// The object's JSON. Numbers are rounded to what a plan can tell apart; where it would not fit into
// a ConfigMap it holds fewer of the scenarios, equally many of each shard. Errors: kGiveUp when it
// does not fit even so.
Result<std::string> ProblemObject(const SetName& set, const KeptProblem& kept);

// Errors: kGiveUp, reason InvalidProblem, naming the field.
Result<KeptProblem> ParseProblemObject(const std::string& json);

class ProblemStore {
 public:
  // Writes what `question` gives if it was not written for an hour, or if `stamp` (who owns what,
  // and the policy) is another. An object of that name without our label is left alone.
  void Keep(kube::KubeApi& kube, const SetName& set, model::BinIndex now, std::chrono::seconds bin,
            const std::string& stamp, const std::function<KeptProblem()>& question,
            Deadline deadline);

 private:
  std::string stamp_;
  model::BinIndex tried_at_ = 0;  // also when it failed; 0: never
};

}  // namespace foreshard::op

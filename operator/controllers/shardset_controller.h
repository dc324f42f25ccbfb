#pragma once

#include <map>
#include <mutex>

#include "operator/controllers/roll_limit.h"
#include "operator/controllers/shardset_act.h"
#include "operator/limits.h"
#include "operator/reconciler.h"

namespace foreshard::op {

struct ShardSetOptions {
  std::size_t rolling_sets_max = kRollingSetsMax;  // that take on a new template at the same time
  std::string name_space = {};                     // of all that count for that; "": everywhere
  std::chrono::milliseconds authority_settles = kAuthoritySettles;
};

// Makes what a ShardSet describes, and tells how it is: observe, decide, act, once a pass.
//
// Owner: wiring. Threads: one worker for each set at a time.
class ShardSetController final : public Reconciler {
 public:
  ShardSetController(kube::KubeApi& kube, ShardAdmin& admin, const Clock& clock, Images images,
                     ShardSetOptions options = {})
      : hands_{kube, admin, clock},
        images_(std::move(images)),
        options_(std::move(options)),
        observer_(kube, admin, clock),
        roll_limit_(options_.rolling_sets_max) {}

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

 private:
  Result<Outcome> AfterEffect(const ShardSetObservation& seen, const Effect& effect,
                              const Status& done, Deadline deadline);
  void TellProblem(const ShardSetObservation& seen, const Error& problem, Deadline deadline);
  Result<bool> TakesPlace(const kube::ObjectRef& ref, Deadline deadline);
  bool IsFutile(const kube::ObjectRef& ref, const Effect& effect);

  ShardSetHands hands_;
  Images images_;
  const ShardSetOptions options_;
  ShardSetObserver observer_;
  RollLimit roll_limit_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, std::pair<std::string, int>>
      repeated_;  // the last object applied, how often in a row
};

}  // namespace foreshard::op

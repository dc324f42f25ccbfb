#pragma once

#include <map>
#include <mutex>

#include "operator/controllers/shardset_act.h"
#include "operator/reconciler.h"

namespace foreshard::op {

// Makes what a ShardSet describes, and tells how it is: observe, decide, act, once a pass.
//
// Owner: wiring. Threads: one worker for each set at a time.
class ShardSetController final : public Reconciler {
 public:
  ShardSetController(kube::KubeApi& kube, ShardAdmin& admin, const Clock& clock, Images images)
      : hands_{kube, admin, clock}, images_(std::move(images)), observer_(kube, admin, clock) {}

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

 private:
  Result<Outcome> AfterEffect(const ShardSetObservation& seen, const Effect& effect,
                              const Status& done, Deadline deadline);
  void TellProblem(const ShardSetObservation& seen, const Error& problem, Deadline deadline);
  bool IsFutile(const kube::ObjectRef& ref, const Effect& effect);

  ShardSetHands hands_;
  Images images_;
  ShardSetObserver observer_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, std::pair<std::string, int>>
      repeated_;  // the last object applied, how often in a row
};

}  // namespace foreshard::op

#pragma once

#include <map>
#include <mutex>

#include "operator/controllers/audit_act.h"
#include "operator/reconciler.h"

namespace foreshard::op {

struct AuditControllerOptions {
  kube::KubeApi& copies;  // to see whether there is anything to do; may be old
  kube::KubeApi& kube;    // the server itself: findings are judged by who owns what now
  ShardAuditor& shards;
  const Clock& clock;
  std::chrono::milliseconds interval;  // between passes that nobody asked for; 0: none
  std::function<bool(std::chrono::milliseconds)> pause;
  std::function<void(const AuditObservation&)> on_look;
  std::function<void(const kube::ObjectRef&)> on_gone{};  // the set is deleted
};

// Anti-entropy: looks, once a day and when asked, whether each row is on the shard that owns its
// key and whether reference tables agree; tells it in `status.audit`, and repairs what a person has
// seen and wants gone.
//
// A pass of this controller is one turn of some seconds; the place where it stands is in the
// status, so that another leader goes on.
//
// Owner: wiring. Threads: one worker for each set at a time.
class AuditController final : public Reconciler {
 public:
  explicit AuditController(AuditControllerOptions options) : options_(std::move(options)) {}

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

 private:
  // Newer than the status.
  struct Place {
    model::AuditRun run;
    MonotonicTime told{};
    int failed_repairs = 0;
  };

  Result<std::optional<AuditObservation>> Look(kube::KubeApi& kube, const kube::ObjectRef& ref,
                                               Deadline deadline);
  AuditHands Hands() const;
  Result<Outcome> Begin(const AuditObservation& seen, Deadline deadline);
  Result<Outcome> GoOn(const AuditObservation& seen, Deadline deadline);
  Result<Outcome> Repair(const AuditObservation& seen, Deadline deadline);
  Result<Outcome> TellRepair(const AuditObservation& seen, model::AuditRepair repair,
                             Deadline deadline);
  Place& PlaceOf(const model::ShardSet& set);

  AuditControllerOptions options_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, Place> places_;
};

}  // namespace foreshard::op

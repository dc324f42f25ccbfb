#pragma once

#include <functional>

#include "operator/controllers/backup_act.h"
#include "operator/reconciler.h"

namespace foreshard::op {

struct BackupControllerOptions {
  kube::KubeApi& copies;  // to see whether there is anything to do; may be old
  kube::KubeApi& kube;    // the server itself: a failure is counted once
  const Clock& clock;
  Images images;
  std::function<void(const BackupObservation&)> on_look{};
  std::function<void(const kube::ObjectRef&)> on_gone{};  // the set is deleted
};

// Base backups of all shards by schedule and when asked, told in `status.backup`, and restores that
// prove them, told in `status.backup.verification`.
//
// Owner: wiring. Threads: one worker for each set at a time.
class BackupController final : public Reconciler {
 public:
  explicit BackupController(BackupControllerOptions options) : options_(std::move(options)) {}

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

 private:
  Result<Outcome> BackUp(const kube::ObjectRef& ref, Deadline deadline);
  Result<Outcome> Verify(const kube::ObjectRef& ref, Deadline deadline);

  BackupControllerOptions options_;
};

}  // namespace foreshard::op

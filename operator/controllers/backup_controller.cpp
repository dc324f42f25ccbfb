#include "operator/controllers/backup_controller.h"

#include "base/log.h"
#include "operator/api/backup_json.h"

namespace foreshard::op {
namespace {

constexpr std::chrono::milliseconds kAtOnce{1};

bool IsSettled(const BackupObservation& seen, const BackupDecision& decision) {
  return decision.action == BackupAction::kNone && IsTold(seen, decision);
}

void LogChange(const BackupObservation& seen, const BackupDecision& decision) {
  const model::BackupStatus before = seen.set.status.backup.value_or(model::BackupStatus());
  const model::BackupStatus after = decision.status.value_or(model::BackupStatus());
  const auto say = [&](const char* event, const model::BackupRun& run) {
    log::Info(event, {{"set", seen.set.name},
                      {"namespace", seen.set.name_space},
                      {"type", ToText(run.type)},
                      {"failures", run.failures},
                      {"problem", run.problem}});
  };
  if (!before.running && after.running) say("backup_begins", *after.running);
  if (before.running && !after.running) say("backed_up", *before.running);
  if (after.running && after.failures != before.failures) say("backup_failed", *after.running);
}

}  // namespace

Result<Outcome> BackupController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  auto seen = ObserveBackups(options_.copies, options_.clock, ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) {
    if (options_.on_gone) options_.on_gone(ref);
    return Outcome::Done();
  }
  if (options_.on_look) options_.on_look(**seen);
  BackupDecision decision = DecideBackups(**seen);
  if (IsSettled(**seen, decision)) return Outcome::LookAgain(decision.wait_for);
  // A copy may be old: a failure that was told already would be counted again.
  seen = ObserveBackups(options_.kube, options_.clock, ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) return Outcome::LookAgain(kAtOnce);
  decision = DecideBackups(**seen);
  if (IsSettled(**seen, decision)) return Outcome::LookAgain(decision.wait_for);
  if (!IsTold(**seen, decision)) {
    LogChange(**seen, decision);
    const Status told = TellBackups(options_.kube, **seen, decision, deadline);
    return told ? Result<Outcome>(Outcome::LookAgain(kAtOnce)) : told.error();
  }
  const Status done = ActOnBackupJob(options_.kube, **seen, decision, options_.images, deadline);
  return done ? Result<Outcome>(Outcome::LookAgain(kAtOnce)) : done.error();
}

}  // namespace foreshard::op

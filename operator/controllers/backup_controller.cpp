#include "operator/controllers/backup_controller.h"

#include <algorithm>

#include "base/log.h"
#include "operator/api/backup_json.h"
#include "operator/controllers/verification_act.h"

namespace foreshard::op {
namespace {

constexpr std::chrono::milliseconds kAtOnce{1};
constexpr std::chrono::milliseconds kNever{0};  // until something changes

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

void LogChange(const VerificationObservation& seen, const VerificationDecision& decision) {
  const model::BackupStatus backups = seen.set.status.backup.value_or(model::BackupStatus());
  const auto before = backups.verification.value_or(model::VerificationStatus());
  const auto after = decision.status.value_or(model::VerificationStatus());
  const auto say = [&](const char* event, const std::string& problem) {
    log::Info(event, {{"set", seen.set.name},
                      {"namespace", seen.set.name_space},
                      {"failures", after.failures},
                      {"problem", problem}});
  };
  if (!before.running && after.running) say("backup_verification_begins", "");
  if (after.failures != before.failures)
    say("backup_verification_failed",
        after.running && !after.running->problem.empty() ? after.running->problem
                                                         : decision.condition->message);
  if (!after.time.empty() && after.time != before.time) say("backup_verified", "");
}

}  // namespace

Result<Outcome> BackupController::Reconcile(const kube::ObjectRef& ref, Deadline deadline) {
  const Result<Outcome> backed_up = BackUp(ref, deadline);
  if (!backed_up || backed_up->look_again_after == kAtOnce) return backed_up;
  const Result<Outcome> verified = Verify(ref, deadline);
  if (!verified || backed_up->look_again_after == kNever) return verified;
  if (verified->look_again_after == kNever) return backed_up;
  return Outcome::LookAgain(std::min(backed_up->look_again_after, verified->look_again_after));
}

Result<Outcome> BackupController::BackUp(const kube::ObjectRef& ref, Deadline deadline) {
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

Result<Outcome> BackupController::Verify(const kube::ObjectRef& ref, Deadline deadline) {
  const auto settled = [](const VerificationObservation& seen,
                          const VerificationDecision& decision) {
    return decision.action == BackupAction::kNone && IsTold(seen, decision);
  };
  auto seen = ObserveVerification(options_.copies, options_.clock, ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) return Outcome::Done();
  VerificationDecision decision = DecideVerification(**seen);
  if (settled(**seen, decision)) return Outcome::LookAgain(decision.wait_for);
  // As above: a copy may be old.
  seen = ObserveVerification(options_.kube, options_.clock, ref, deadline);
  if (!seen) return seen.error();
  if (!*seen) return Outcome::LookAgain(kAtOnce);
  decision = DecideVerification(**seen);
  if (settled(**seen, decision)) return Outcome::LookAgain(decision.wait_for);
  Status done = Ok();
  if (!IsTold(**seen, decision)) {
    LogChange(**seen, decision);
    done = TellVerification(options_.kube, **seen, decision, deadline);
  } else {
    done = ActOnVerificationJob(options_.kube, **seen, decision, options_.images, deadline);
  }
  return done ? Result<Outcome>(Outcome::LookAgain(kAtOnce)) : done.error();
}

}  // namespace foreshard::op

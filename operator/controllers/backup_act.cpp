#include "operator/controllers/backup_act.h"

#include "kube/kinds.h"
#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"

namespace foreshard::op {
namespace {

// Without what the maker of points says, and who verifies.
std::optional<model::BackupStatus> OursOf(std::optional<model::BackupStatus> status) {
  if (!status) return status;
  status->last_point.reset();
  status->point_problem.clear();
  status->verification.reset();
  return status;
}

}  // namespace

bool IsTold(const BackupObservation& seen, const BackupDecision& decision) {
  const model::ShardSetStatus& status = seen.set.status;
  const model::Condition* told = FindCondition(status.conditions, kBackupCondition);
  if ((told != nullptr) != decision.condition.has_value()) return false;
  if (OursOf(status.backup) != OursOf(decision.status)) return false;
  return told == nullptr || (told->status == decision.condition->status &&
                             told->reason == decision.condition->reason &&
                             told->message == decision.condition->message);
}

Status TellBackups(kube::KubeApi& kube, const BackupObservation& seen,
                   const BackupDecision& decision, Deadline deadline) {
  model::ShardSetStatus status;
  status.backup = decision.status;
  if (decision.condition) {
    status.conditions = seen.set.status.conditions;
    SetCondition(status.conditions, *decision.condition, seen.now);
  }
  const kube::ObjectRef ref{seen.set.name_space, seen.set.name};
  kube::ApplyOptions options;
  options.field_manager = kBackupManager;
  options.subresource = "status";
  const auto written = kube.Apply(kube::kShardSets, ref,
                                  ToJson(BackupStatusApply(seen.set, status)), options, deadline);
  if (!written) return written.error();
  if (decision.status) {
    // An older schema drops the field: a turn that is not kept would begin for ever.
    const Result<Value> kept = ParseJson(written->json);
    if (!kept || !(*kept)["status"]["backup"].is_null()) return Ok();
    return Error::GiveUp(
        "the API server has an older ShardSet that cannot keep status.backup: apply the crds/ of "
        "this release",
        "CrdTooOld");
  }
  // What was said of points goes with the wish for them.
  options.field_manager = kPointsManager;
  const auto forgotten = kube.Apply(kube::kShardSets, ref,
                                    ToJson(BackupStatusApply(seen.set, status)), options, deadline);
  return forgotten ? Ok() : Status(forgotten.error());
}

Status ActOnBackupJob(kube::KubeApi& kube, const BackupObservation& seen,
                      const BackupDecision& decision, const Images& images, Deadline deadline) {
  const SetName set = NameOf(seen.set);
  const kube::ObjectRef ref{set.name_space, BackupJobName(set, decision.shard)};
  if (decision.action == BackupAction::kDeleteJob) {
    return kube.Delete(kube::kJobs, ref,
                       {.uid = decision.uid,
                        .resource_version = {},
                        .propagation = "Background",
                        .grace_period_seconds = std::nullopt},
                       deadline);
  }
  CHECK(decision.action == BackupAction::kCreateJob, "nothing to do");
  const auto created = kube.Create(
      kube::kJobs, ref, ToJson(BuildBackupJob(set, seen.set.spec, decision.job, images)), deadline);
  if (created || created.error().code == "409") return Ok();  // the next look sees it
  return created.error();
}

}  // namespace foreshard::op

#include "operator/controllers/verification_act.h"

#include "kube/kinds.h"
#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"

namespace foreshard::op {

bool IsTold(const VerificationObservation& seen, const VerificationDecision& decision) {
  const model::ShardSetStatus& status = seen.set.status;
  const model::Condition* told = FindCondition(status.conditions, kVerifiedCondition);
  if ((told != nullptr) != decision.condition.has_value()) return false;
  const auto said = status.backup ? status.backup->verification : std::nullopt;
  if (said != decision.status) return false;
  return told == nullptr || (told->status == decision.condition->status &&
                             told->reason == decision.condition->reason &&
                             told->message == decision.condition->message);
}

Status TellVerification(kube::KubeApi& kube, const VerificationObservation& seen,
                        const VerificationDecision& decision, Deadline deadline) {
  model::ShardSetStatus status;
  if (decision.status) {
    status.backup.emplace();
    status.backup->verification = decision.status;
  }
  if (decision.condition) {
    status.conditions = seen.set.status.conditions;
    SetCondition(status.conditions, *decision.condition, seen.now);
  }
  kube::ApplyOptions options;
  options.field_manager = kVerificationManager;
  options.subresource = "status";
  const auto written = kube.Apply(kube::kShardSets, {seen.set.name_space, seen.set.name},
                                  ToJson(VerificationStatusApply(seen.set, status)), options,
                                  deadline);
  return written ? Ok() : Status(written.error());
}

Status ActOnVerificationJob(kube::KubeApi& kube, const VerificationObservation& seen,
                            const VerificationDecision& decision, const Images& images,
                            Deadline deadline) {
  const SetName set = NameOf(seen.set);
  const kube::ObjectRef ref{set.name_space, VerificationJobName(set, decision.shard)};
  if (decision.action == BackupAction::kDeleteJob) {
    return kube.Delete(kube::kJobs, ref,
                       {.uid = decision.uid,
                        .resource_version = {},
                        .propagation = "Background",
                        .grace_period_seconds = std::nullopt},
                       deadline);
  }
  CHECK(decision.action == BackupAction::kCreateJob, "nothing to do");
  const auto created =
      kube.Create(kube::kJobs, ref,
                  ToJson(BuildVerificationJob(set, seen.set.spec, decision.job, images)), deadline);
  if (created || created.error().code == "409") return Ok();  // the next look sees it
  return created.error();
}

}  // namespace foreshard::op

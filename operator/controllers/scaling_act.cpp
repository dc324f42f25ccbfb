#include "operator/controllers/scaling_act.h"

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/controllers/scaling_status.h"

namespace foreshard::op {

namespace {

// Why the planner made it, for people and reports that look at the migration long after the plan
// has changed.
Value MigrationObject(const ScalingDecision& decision) {
  Value object = NewMigration(*decision.migration);
  Value& annotations = object.Member("metadata").Member("annotations");
  annotations.Set("foreshard.dev/reason", ToString(decision.plan.reason));
  annotations.Set("foreshard.dev/summary", decision.plan.summary);
  return object;
}

Status WriteStatus(kube::KubeApi& kube, const ScalingObservation& seen,
                   const ScalingDecision& decision, Deadline deadline) {
  const Result<kube::Object> written = kube.Apply(
      kube::kShardSets, {seen.set.name_space, seen.set.name},
      ToJson(ScalingStatusApply(seen.set, decision.status)),
      {.field_manager = kScalingManager, .force = true, .dry_run = false, .subresource = "status"},
      deadline);
  if (!written) return written.error();
  return Ok();
}

Status WriteVerdict(kube::KubeApi& kube, const EventVerdict& verdict, Deadline deadline) {
  const Result<kube::Object> written = kube.Apply(
      kube::kLoadEvents, {verdict.event.name_space, verdict.event.name},
      ToJson(LoadEventStatusApply(verdict.event, verdict.condition)),
      {.field_manager = kScalingManager, .force = true, .dry_run = false, .subresource = "status"},
      deadline);
  if (!written) return written.error();
  return Ok();
}

}  // namespace

// The plan is shown before it is carried out: the intent stands in the status even if we end
// between the two.
Result<bool> ActOnScaling(kube::KubeApi& kube, const ScalingObservation& seen,
                          const ScalingDecision& decision, Deadline deadline) {
  if (!decision.has_plan) return false;
  for (const EventVerdict& verdict : decision.events) {
    const Status written = WriteVerdict(kube, verdict, deadline);
    if (!written) return written.error();
  }
  const bool news = IsNews(seen.set.status, decision.status);
  if (news) {
    const Status written = WriteStatus(kube, seen, decision, deadline);
    if (!written) return written.error();
  }
  if (!decision.migration) return news || !decision.events.empty();
  const model::ShardMigration& migration = *decision.migration;
  log::Info("scaling_migration", {{"set", seen.set.name},
                                  {"namespace", seen.set.name_space},
                                  {"migration", migration.name},
                                  {"approved", migration.spec.approved},
                                  {"reason", ToString(decision.plan.reason)},
                                  {"summary", decision.plan.summary}});
  const Result<kube::Object> created =
      kube.Create(kube::kShardMigrations, {migration.name_space, migration.name},
                  ToJson(MigrationObject(decision)), deadline);
  if (!created) return created.error();
  return true;
}

}  // namespace foreshard::op

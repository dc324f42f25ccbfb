#include "operator/controllers/scaling_act.h"

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/controllers/scaling_status.h"

namespace foreshard::op {

Result<bool> ActOnScaling(kube::KubeApi& kube, const ScalingObservation& seen,
                          const ScalingDecision& decision, Deadline deadline) {
  if (!decision.has_plan) return false;
  if (decision.migration) {
    const model::ShardMigration& migration = *decision.migration;
    log::Info("scaling_migration", {{"set", seen.set.name},
                                    {"namespace", seen.set.name_space},
                                    {"migration", migration.name},
                                    {"approved", migration.spec.approved},
                                    {"summary", decision.plan.summary}});
    const Result<kube::Object> created =
        kube.Create(kube::kShardMigrations, {migration.name_space, migration.name},
                    ToJson(NewMigration(migration)), deadline);
    if (!created) return created.error();
    return true;
  }
  if (!IsNews(seen.set.status, decision.status)) return false;
  const Result<kube::Object> written = kube.Apply(
      kube::kShardSets, {seen.set.name_space, seen.set.name},
      ToJson(ScalingStatusApply(seen.set, decision.status)),
      {.field_manager = kScalingManager, .force = true, .dry_run = false, .subresource = "status"},
      deadline);
  if (!written) return written.error();
  return true;
}

}  // namespace foreshard::op

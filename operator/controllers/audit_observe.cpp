#include "operator/controllers/audit_observe.h"

#include "kube/kinds.h"
#include "operator/api/conditions.h"
#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"

namespace foreshard::op {
namespace {

std::string AnnotationOf(const kube::Object& object, const char* name) {
  const auto found = object.metadata.annotations.find(name);
  return found != object.metadata.annotations.end() ? found->second : std::string();
}

Status ReadTable(kube::KubeApi& kube, const kube::ObjectRef& ref, AuditObservation& seen,
                 Deadline deadline) {
  const auto object = kube.Get(kube::kRoutingTables, ref, deadline);
  if (!object) return object.error();
  if (!*object) return Ok();
  Result<model::RoutingTable> table =
      ParseRoutingTable((*object)->json, seen.set.spec.sharding.key_space);
  if (!table) return table.error();
  if (const Status valid = model::Validate(*table); !valid) return valid;
  seen.table = *std::move(table);
  return Ok();
}

Status ReadMigrations(kube::KubeApi& kube, const kube::ObjectRef& ref, AuditObservation& seen,
                      Deadline deadline) {
  const auto list = kube.List(kube::kShardMigrations, {.name_space = ref.name_space}, deadline);
  if (!list) return list.error();
  for (const kube::Object& object : list->items) {
    Result<model::ShardMigration> migration = ParseShardMigrationFrame(object.json);
    if (!migration || migration->spec.shard_set_name != ref.name) continue;
    seen.migrations.push_back(*std::move(migration));
  }
  return Ok();
}

}  // namespace

Result<std::optional<AuditObservation>> ObserveAudit(kube::KubeApi& kube, const Clock& clock,
                                                     std::chrono::milliseconds interval,
                                                     const kube::ObjectRef& ref,
                                                     Deadline deadline) {
  const auto object = kube.Get(kube::kShardSets, ref, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<AuditObservation>();
  Result<model::ShardSet> set = ParseShardSet((*object)->json);
  if (!set || set->deleting) return std::optional<AuditObservation>();
  AuditObservation seen;
  seen.now = clock.Wall();
  seen.interval = interval;
  seen.set = *std::move(set);
  seen.created = ParseRfc3339((*object)->metadata.creation_timestamp);
  seen.ready = IsTrue(seen.set.status.conditions, "Ready");
  seen.paused = AnnotationOf(**object, kPauseAnnotation) == "true";
  seen.verify = AnnotationOf(**object, kVerifyAnnotation);
  seen.repair = AnnotationOf(**object, kRepairAnnotation);
  if (seen.set.status.audit) seen.audit = *seen.set.status.audit;
  if (const Status read = ReadTable(kube, ref, seen, deadline); !read) return read.error();
  if (const Status read = ReadMigrations(kube, ref, seen, deadline); !read) return read.error();
  return std::optional(std::move(seen));
}

}  // namespace foreshard::op

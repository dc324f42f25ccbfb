#include "operator/controllers/kube_migration_store.h"

#include <algorithm>

#include "kube/kinds.h"
#include "migration/spec_json.h"
#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/mover_job.h"
#include "operator/controllers/migration_time.h"

namespace foreshard::op {
namespace {

Status Dropped(const Result<kube::Object>& result) {
  if (!result) return result.error();
  return Ok();
}

kube::ObjectRef RefOf(const model::ShardMigration& migration) {
  return {migration.name_space, migration.name};
}

bool HasCondition(const Value& job, std::string_view type) {
  const Value::List& conditions = job.At("status.conditions").Items();
  return std::any_of(conditions.begin(), conditions.end(), [&](const Value& condition) {
    return condition["type"].Text() == type && condition["status"].Text() == "True";
  });
}

// The newest judgement; one that says "skipped" only counts when there is no other.
std::optional<migration::PreflightResult> PreflightOf(const std::vector<Value>& pods) {
  std::optional<migration::PreflightResult> found;
  for (const Value& pod : pods) {
    for (const Value& container : pod.At("status.initContainerStatuses").Items()) {
      if (container["name"].Text() != "preflight") continue;
      const Value& ended = container.At("state.terminated");
      if (!ended.is_object() || ended["exitCode"].Int(1) != 0) continue;
      const auto result = migration::ParsePreflightResult(ended["message"].Text());
      if (result && (!found || !result->skipped)) found = *result;
    }
  }
  return found;
}

}  // namespace

// The argument behind --spec of any of its containers: all have the same one.
std::optional<migration::MigrationSpec> SpecOfJob(const Value& job) {
  const Value& containers = job.At("spec.template.spec.containers");
  if (containers.Items().empty()) return std::nullopt;
  const auto& arguments = containers.Items().front()["args"].Items();
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i].Text() != "--spec") continue;
    const auto spec = migration::ParseMigrationSpec(arguments[i + 1].Text());
    return spec ? std::optional(*spec) : std::nullopt;
  }
  return std::nullopt;
}

JobSeen JobSeenOf(const Value& job, const std::vector<Value>& pods) {
  return {.exists = true,
          .deleting = !job.At("metadata.deletionTimestamp").is_null(),
          .failed = HasCondition(job, "Failed"),
          .preflight = PreflightOf(pods),
          .spec = SpecOfJob(job)};
}

// A spec that the schema let through and we cannot use still has to be seen: its status says what
// is wrong.
Result<std::optional<model::ShardMigration>> KubeMigrationStore::ReadMigration(
    const kube::ObjectRef& ref, Deadline deadline) {
  const auto object = kube_.Get(kube::kShardMigrations, ref, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<model::ShardMigration>();
  auto migration = ParseShardMigration((*object)->json);
  if (!migration) return migration.error();
  return std::optional(std::move(*migration));
}

Result<std::optional<SetView>> KubeMigrationStore::ReadSet(const std::string& name_space,
                                                           const std::string& name,
                                                           Deadline deadline) {
  const auto object = kube_.Get(kube::kShardSets, {name_space, name}, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<SetView>();
  // The whole spec: tables and key space decide what moves.
  auto set = ParseShardSet((*object)->json);
  if (!set) return set.error();
  SetView view{.set = std::move(*set), .table = {}, .table_version = {}, .migrations = {}};

  const auto table = kube_.Get(kube::kRoutingTables, {name_space, name}, deadline);
  if (!table) return table.error();
  if (*table) {
    auto parsed = ParseRoutingTable((*table)->json, view.set.spec.sharding.key_space);
    if (!parsed) return parsed.error();
    view.table = std::move(*parsed);
    view.table_version = (*table)->metadata.resource_version;
  }
  const auto list = kube_.List(kube::kShardMigrations, {.name_space = name_space}, deadline);
  if (!list) return list.error();
  for (const kube::Object& item : list->items) {
    auto migration = ParseShardMigrationFrame(item.json);
    if (migration && migration->spec.shard_set_name == name) {
      view.migrations.push_back(std::move(*migration));
    }
  }
  std::sort(view.migrations.begin(), view.migrations.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return std::optional(std::move(view));
}

Result<JobSeen> KubeMigrationStore::ReadJob(const model::ShardMigration& migration,
                                            Deadline deadline) {
  const std::string name = JobName(migration);
  const auto job = kube_.Get(kube::kJobs, {migration.name_space, name}, deadline);
  if (!job) return job.error();
  if (!*job) return JobSeen{};
  const auto json = ParseJson((*job)->json);
  if (!json) return json.error();
  const auto pods = kube_.List(kube::kPods,
                               {.name_space = migration.name_space,
                                .label_selector = "foreshard.dev/migration=" + migration.name},
                               deadline);
  if (!pods) return pods.error();
  std::vector<Value> parsed;
  for (const kube::Object& pod : pods->items) {
    auto value = ParseJson(pod.json);
    if (value) parsed.push_back(std::move(*value));
  }
  return JobSeenOf(*json, parsed);
}

Status KubeMigrationStore::WriteStatus(const model::ShardMigration& migration,
                                       const model::ShardMigrationStatus& status,
                                       Deadline deadline) {
  const std::string patch = ToJson(MigrationStatusPatch(migration, status));
  return Dropped(kube_.Patch(kube::kShardMigrations, RefOf(migration), patch,
                             {.subresource = "status"}, deadline));
}

Status KubeMigrationStore::SetFinalizer(const model::ShardMigration& migration, bool present,
                                        Deadline deadline) {
  std::vector<std::string> finalizers = migration.finalizers;
  std::erase(finalizers, std::string(kMigrationFinalizer));
  if (present) finalizers.emplace_back(kMigrationFinalizer);
  const Value patch = Value::Object(
      {{"metadata", Value::Object({{"finalizers", Value::OfList(finalizers)},
                                   {"resourceVersion", migration.resource_version}})}});
  return Dropped(
      kube_.Patch(kube::kShardMigrations, RefOf(migration), ToJson(patch), {}, deadline));
}

// A merge patch with the version: lists are replaced whole, and a version that moved on is refused.
Status KubeMigrationStore::PublishTable(const std::string& name_space,
                                        const model::RoutingTable& table,
                                        const std::string& version, Deadline deadline) {
  if (const Status good = model::Validate(table); !good) return good;
  const Value annotations =
      Value::Object({{std::string(kSwitchingAnnotation), SwitchingJson(table)}});
  const Value patch = Value::Object(
      {{"metadata", Value::Object({{"resourceVersion", version}, {"annotations", annotations}})},
       {"spec", RoutingTableSpec(table)}});
  return Dropped(kube_.Patch(kube::kRoutingTables, {name_space, table.shard_set_name},
                             ToJson(patch), {}, deadline));
}

Status KubeMigrationStore::CreateJob(const model::ShardMigration& migration,
                                     const model::ShardSet& set,
                                     const migration::MigrationSpec& spec, Deadline deadline) {
  const std::string json = ToJson(BuildMoverJob(NameOf(set), migration, spec, images_));
  const kube::ObjectRef ref{migration.name_space, JobName(migration)};
  const auto created = kube_.Create(kube::kJobs, ref, json, deadline);
  if (created || created.error().code == "409") return Ok();
  return created.error();
}

Status KubeMigrationStore::DeleteJob(const model::ShardMigration& migration, Deadline deadline) {
  return kube_.Delete(kube::kJobs, {migration.name_space, JobName(migration)}, {}, deadline);
}

}  // namespace foreshard::op

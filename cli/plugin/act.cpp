#include "cli/plugin/act.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kube/kinds.h"
#include "operator/api/migration_json.h"

namespace foreshard::plugin {

namespace {

const char* Word(model::MigrationType type) {
  switch (type) {
    case model::MigrationType::kSplit:
      return "split";
    case model::MigrationType::kMove:
      return "move";
    case model::MigrationType::kMerge:
      return "merge";
    case model::MigrationType::kIsolate:
      return "isolate";
    case model::MigrationType::kMoveKeys:
      return "move-keys";
  }
  Unreachable(type);
}

std::string WithoutPrefix(const model::ShardId& shard) {
  return shard.value.starts_with("s-") ? shard.value.substr(2) : shard.value;
}

}  // namespace

Status SetSwitch(kube::KubeApi& api, const kube::ObjectRef& migration, const std::string& field,
                 bool value, Deadline deadline) {
  const nlohmann::json patch{{"spec", {{field, value}}}};
  const auto patched = api.Patch(kube::kShardMigrations, migration, patch.dump(),
                                 {.field_manager = "kubectl-foreshard"}, deadline);
  if (patched) return Ok();
  if (patched.error().code == "404") {
    return Error::GiveUp(fmt::format("there is no shardmigration {} in namespace {}",
                                     migration.name, migration.name_space),
                         "NotFound");
  }
  return patched.error();
}

Result<std::string> CreateMigration(kube::KubeApi& api, model::ShardMigration migration,
                                    Deadline deadline) {
  // A name of its own kind and source; the same command twice is refused by the server, not done
  // twice.
  const std::string what = migration.spec.range ? migration.spec.range->from : std::string();
  migration.name =
      fmt::format("{}-{}-{}{}", migration.spec.shard_set_name, Word(migration.spec.type),
                  WithoutPrefix(migration.spec.source), what.empty() ? "" : "-" + what);
  migration.spec.approved = true;
  const auto created = api.Create(kube::kShardMigrations, {migration.name_space, migration.name},
                                  op::ToJson(op::NewMigration(migration)), deadline);
  if (!created) return created.error();
  return migration.name;
}

}  // namespace foreshard::plugin

#include "operator/points/kube_set_source.h"

#include <algorithm>

#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"

namespace foreshard::op {
namespace {

// It holds routers itself, or is about to.
bool HoldsRouters(const model::ShardMigration& migration) {
  const std::string& phase = migration.status.phase;
  return phase == "Cutover" || phase == "RollingBack";
}

}  // namespace

Result<model::RoutingTable> KubeSetSource::ReadTable(Deadline deadline) {
  const auto object = kube_.Get(kube::kRoutingTables, {set_.name_space, set_.name}, deadline);
  if (!object) return object.error();
  if (!*object) return Error::Reobserve("there is no RoutingTable");
  auto table = ParseRoutingTable((*object)->json, set_.spec.sharding.key_space);
  if (!table) return table.error();
  if (const Status valid = model::Validate(*table); !valid) return valid.error();
  return *std::move(table);
}

Result<backup::SetState> KubeSetSource::Read(Deadline deadline) {
  const auto table = ReadTable(deadline);
  if (!table) return table.error();
  const auto list = kube_.List(kube::kShardMigrations, {.name_space = set_.name_space}, deadline);
  if (!list) return list.error();
  backup::SetState state;
  state.set_uid = set_.uid;
  state.epoch = table->epoch;
  state.routing_table = ToJson(RoutingTableSpec(*table));
  state.lease_transitions = transitions_();
  for (const model::ShardAddress& shard : table->shards) state.shards.push_back(shard.id);
  std::ranges::sort(state.shards);
  Value unfinished = Value::Array();
  for (const kube::Object& object : list->items) {
    const auto migration = ParseShardMigrationFrame(object.json);
    const auto json = ParseJson(object.json);
    if (!migration || !json || migration->spec.shard_set_name != set_.name) continue;
    state.number_max.value = std::max(state.number_max.value, migration->status.number);
    state.record_max = std::max(state.record_max, migration->status.record);
    if (HoldsRouters(*migration)) state.cutovers.push_back(migration->name);
    if (IsTerminal(migration->status)) continue;
    // Progress is no part of it: a copy that goes on must not cost the point.
    unfinished.Add(Value::Object({{"name", migration->name},
                                  {"spec", (*json)["spec"]},
                                  {"phase", migration->status.phase},
                                  {"number", migration->status.number},
                                  {"destination", migration->status.destination.value}}));
  }
  std::ranges::sort(state.cutovers);
  state.migrations = ToJson(unfinished);
  return state;
}

}  // namespace foreshard::op

#include "operator/controllers/shardset_fleet.h"

#include <algorithm>

#include "operator/api/migration_json.h"
#include "operator/builders/access.h"
#include "operator/builders/backup.h"
#include "operator/builders/disruption_budget.h"
#include "operator/builders/patroni_config.h"
#include "operator/builders/router_deployment.h"
#include "operator/builders/services.h"
#include "operator/builders/stateful_set.h"

namespace foreshard::op {
namespace {

bool Has(const std::vector<model::ShardId>& shards, const model::ShardId& shard) {
  return std::ranges::find(shards, shard) != shards.end();
}

void Add(std::vector<WantedObject>& objects, const kube::ResourceKind& resource, Value json) {
  std::string name = json["metadata"]["name"].Text();
  objects.push_back({resource, std::move(name), std::move(json)});
}

void AddAccess(std::vector<WantedObject>& objects, const std::vector<Value>& access) {
  Add(objects, kube::kServiceAccounts, access[0]);
  Add(objects, kube::kRoles, access[1]);
  Add(objects, kube::kRoleBindings, access[2]);
}

}  // namespace

std::vector<model::ShardId> InitialShards(const ShardSetObservation& seen) {
  return NewShardIds(seen.set.uid, seen.set.spec.sharding.initial_shards);
}

std::vector<model::ShardId> WantedShards(const ShardSetObservation& seen) {
  std::vector<model::ShardId> shards;
  if (seen.table) {
    for (const model::ShardAddress& shard : seen.table->shards) shards.push_back(shard.id);
    std::ranges::sort(shards);
  } else if (seen.restore.record) {
    shards = seen.restore.record->point.state.shards;
  } else if (!seen.set.spec.restore_from || seen.set.status.epoch > 0) {
    shards = InitialShards(seen);
  }
  for (const model::ShardMigration& migration : seen.migrations) {
    const model::ShardId& destination = migration.status.destination;
    // A dry run only names the shard that the later run would make.
    if (destination.value.empty() || migration.spec.dry_run || IsTerminal(migration.status))
      continue;
    if (!Has(shards, destination)) shards.push_back(destination);
  }
  return shards;
}

std::vector<model::ShardId> OrphanedShards(const ShardSetObservation& seen) {
  const std::vector<model::ShardId> wanted = WantedShards(seen);
  std::vector<model::ShardId> orphans;
  for (const auto& [key, child] : seen.children) {
    if (key.first != "StatefulSet") continue;
    const model::ShardId shard{child.json["metadata"]["labels"][kShardLabel].Text()};
    if (!shard.value.empty() && !Has(wanted, shard) && !Has(orphans, shard))
      orphans.push_back(shard);
  }
  std::ranges::sort(orphans);
  return orphans;
}

std::vector<WantedObject> WantedShardObjects(const SetName& set, const model::ShardId& shard,
                                             const model::ShardSetSpec& spec,
                                             const Images& images,
                                             const std::optional<ShardRestore>& restore) {
  std::vector<WantedObject> objects;
  const bool restored = restore.has_value();
  Add(objects, kube::kConfigMaps, BuildPatroniConfigMap(set, shard, spec, restored));
  if (restored) Add(objects, kube::kConfigMaps, BuildRestoreConfigMap(set, shard, spec, *restore));
  if (spec.backup) Add(objects, kube::kConfigMaps, BuildBackupConfigMap(set, shard, spec));
  Add(objects, kube::kServices, BuildPrimaryService(set, shard));
  Add(objects, kube::kServices, BuildReplicaService(set, shard));
  Add(objects, kube::kServices, BuildPodsService(set, shard));
  Add(objects, kube::kPodDisruptionBudgets, BuildShardBudget(set, shard));
  Add(objects, kube::kStatefulSets, BuildStatefulSet(set, shard, spec, images, restored));
  return objects;
}

std::vector<WantedObject> WantedAccess(const SetName& set) {
  std::vector<WantedObject> objects;
  AddAccess(objects, BuildShardAccess(set));
  return objects;
}

std::vector<WantedObject> WantedRouterObjects(const SetName& set, const model::ShardSetSpec& spec,
                                              const Images& images) {
  std::vector<WantedObject> objects;
  AddAccess(objects, BuildRouterAccess(set));
  Add(objects, kube::kConfigMaps, BuildRouterConfigMap(set, spec));
  Add(objects, kube::kServices, BuildRouterService(set, spec.router));
  Add(objects, kube::kPodDisruptionBudgets, BuildRouterBudget(set));
  Add(objects, kube::kDeployments, BuildRouterDeployment(set, spec, images));
  return objects;
}

}  // namespace foreshard::op

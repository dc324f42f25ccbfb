#include <algorithm>

#include "operator/api/quantity.h"
#include "operator/builders/backup.h"
#include "operator/builders/secrets.h"
#include "operator/builders/stateful_set.h"
#include "operator/controllers/shardset_decide.h"
#include "operator/controllers/shardset_effects.h"

namespace foreshard::op {
namespace {

std::int64_t SizeOf(const Value& claim_spec) {
  const Result<std::int64_t> size =
      ParseQuantity(claim_spec.At("resources.requests.storage").Text());
  return size ? *size : 0;
}

// What a StatefulSet's claim template says cannot be changed: the object is made with what stands
// there.
void KeepClaimTemplate(Value& wanted, const Value& seen) {
  const Value::List& templates = seen.At("spec.volumeClaimTemplates").Items();
  if (templates.empty()) return;
  Value claim = wanted.At("spec.volumeClaimTemplates").Items().at(0);
  const Value& spec = templates[0]["spec"];
  claim.Member("spec")
      .Member("resources")
      .Member("requests")
      .Set("storage", spec.At("resources.requests.storage"));
  claim.Member("spec").Remove("storageClassName");
  if (!spec["storageClassName"].is_null())
    claim.Member("spec").Set("storageClassName", spec["storageClassName"]);
  wanted.Member("spec").Set("volumeClaimTemplates", Value(Value::List{claim}));
}

bool IsOwnedPerShard(const std::string& kind) {
  return kind == "StatefulSet" || kind == "Service" || kind == "PodDisruptionBudget" ||
         kind == "ConfigMap" || kind == "Endpoints";
}

Effect Remove(const std::pair<std::string, std::string>& key, const Child& child) {
  Effect effect = Simple(EffectKind::kDelete, child.resource, key.second);
  effect.uid = child.uid;
  return effect;
}

bool HasPods(const ShardSetObservation& seen, const std::string& shard) {
  return std::ranges::any_of(seen.children, [&shard](const auto& entry) {
    return entry.first.first == "Pod" &&
           entry.second.json["metadata"]["labels"][kShardLabel].Text() == shard;
  });
}

std::optional<Effect> FirstDifference(const ShardSetObservation& seen,
                                      std::vector<WantedObject> objects) {
  for (WantedObject& wanted : objects) {
    const Child* child = FindChild(seen.children, wanted.resource.kind, wanted.name);
    if (child != nullptr && child->deleting) continue;  // it comes back when it is gone
    if (child != nullptr && wanted.resource == kube::kStatefulSets)
      KeepClaimTemplate(wanted.json, child->json);
    if (child != nullptr && Covers(child->json, wanted.json)) continue;
    return Apply(wanted.resource, wanted.name, std::move(wanted.json));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Effect> DecideSecrets(const ShardSetObservation& seen) {
  const SetName set = NameOf(seen.set);
  const auto internal = DataOf(seen, InternalSecret(set));
  if (!HasAll(internal,
              {"superuser", "replication", "rewind", "foreshard", "restapi", "exporter"})) {
    Effect effect = Simple(EffectKind::kMakePasswords, kube::kSecrets, InternalSecret(set));
    effect.data = internal;
    return effect;
  }
  const auto client = DataOf(seen, ClientSecret(set));
  if (!HasAll(client, {"password"}))
    return Simple(EffectKind::kMakeClientSecret, kube::kSecrets, ClientSecret(set));
  // A key that somebody added stays: it does no harm, and an apply would not remove it.
  const auto wanted_client = ClientData(set, seen.set.spec, client.at("password"));
  if (!std::ranges::includes(client, wanted_client)) {
    return Apply(kube::kSecrets, ClientSecret(set),
                 BuildSecret(set, ClientSecret(set), Component::kRouter, wanted_client));
  }
  if (!seen.password_matches) {
    Effect effect = Simple(EffectKind::kMakeUsers, kube::kSecrets, UsersSecret(set));
    effect.data = client;
    return effect;
  }
  if (seen.backup_files &&
      !std::ranges::includes(DataOf(seen, BackupSecret(set)), *seen.backup_files)) {
    return Apply(kube::kSecrets, BackupSecret(set),
                 BuildSecret(set, BackupSecret(set), Component::kBackup, *seen.backup_files));
  }
  if (seen.restore_files && seen.restore.record &&
      !std::ranges::includes(DataOf(seen, RestoreName(set)), *seen.restore_files)) {
    return Apply(kube::kSecrets, RestoreName(set),
                 BuildSecret(set, RestoreName(set), Component::kBackup, *seen.restore_files));
  }
  return DecideCertificates(seen);
}

std::optional<Effect> DecideObjects(const ShardSetObservation& seen, const Images& images) {
  const SetName set = NameOf(seen.set);
  const model::ShardSetSpec& spec = seen.set.spec;
  if (std::optional<Effect> effect = FirstDifference(seen, WantedAccess(set))) return effect;
  for (const model::ShardId& shard : WantedShards(seen)) {
    const std::optional<ShardRestore> restore =
        seen.restore.record ? RestoreOfShard(*seen.restore.record, shard) : std::nullopt;
    if (std::optional<Effect> effect =
            FirstDifference(seen, WantedShardObjects(set, shard, spec, images, restore)))
      return effect;
  }
  return FirstDifference(seen, WantedRouterObjects(set, spec, images));
}

// Volumes grow: first each claim, then the StatefulSet is made anew around its running pods.
std::optional<Effect> DecideGrowth(const ShardSetObservation& seen) {
  const model::StorageSpec& storage = seen.set.spec.shard_template.storage;
  const std::vector<model::ShardId> shards = WantedShards(seen);
  const auto grows = [&](const Child& child, std::int64_t size) {
    const model::ShardId shard{child.json["metadata"]["labels"][kShardLabel].Text()};
    return size < storage.size_bytes && !child.deleting && IsOurs(seen, child) &&
           std::ranges::find(shards, shard) != shards.end();
  };
  for (const auto& [key, claim] : seen.children) {
    if (key.first != "PersistentVolumeClaim" || !grows(claim, SizeOf(claim.json["spec"]))) continue;
    Effect effect = Simple(EffectKind::kPatch, kube::kPersistentVolumeClaims, key.second);
    effect.object.Member("spec")
        .Member("resources")
        .Member("requests")
        .Set("storage", storage.size);
    return effect;
  }
  for (const auto& [key, child] : seen.children) {
    if (key.first != "StatefulSet") continue;
    const Value::List& templates = child.json.At("spec.volumeClaimTemplates").Items();
    if (templates.empty() || !grows(child, SizeOf(templates[0]["spec"]))) continue;
    Effect effect = Simple(EffectKind::kDelete, kube::kStatefulSets, key.second);
    effect.uid = child.uid;
    effect.propagation = "Orphan";
    return effect;
  }
  return std::nullopt;
}

namespace {

// The wish for backups was taken back: a passphrase does not stay where nobody needs it. No new pod
// mounts these any more.
std::optional<Effect> RemoveBackup(const ShardSetObservation& seen,
                                   const std::vector<model::ShardId>& shards) {
  if (seen.set.spec.backup) return std::nullopt;
  const SetName set = NameOf(seen.set);
  std::vector<std::pair<std::string, std::string>> keys = {{"Secret", BackupSecret(set)},
                                                           {"Secret", BackupTlsSecret(set)}};
  for (const model::ShardId& shard : shards)
    keys.emplace_back("ConfigMap", BackupConfigName(set, shard));
  for (const auto& key : keys) {
    const Child* child = FindChild(seen.children, key.first, key.second);
    if (child != nullptr && !child->deleting && IsOurs(seen, *child)) return Remove(key, *child);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Effect> DecideOrphans(const ShardSetObservation& seen) {
  const std::vector<model::ShardId> wanted = WantedShards(seen);
  if (std::optional<Effect> effect = RemoveBackup(seen, wanted)) return effect;
  for (const auto& [key, child] : seen.children) {
    const std::string shard = child.json["metadata"]["labels"][kShardLabel].Text();
    if (shard.empty() || child.deleting || !IsOurs(seen, child)) continue;
    if (std::ranges::find(wanted, model::ShardId{shard}) != wanted.end()) continue;
    if (key.first == "StatefulSet") {
      const auto database = seen.databases.find({shard});
      // Unknown counts as full: a shard that cannot be asked stays.
      const bool empty = database != seen.databases.end() && database->second.known &&
                         database->second.problem.empty() && !database->second.seen.has_rows;
      if (empty) return Remove(key, child);
      continue;
    }
    const bool stands =
        FindChild(seen.children, "StatefulSet", ShardName(NameOf(seen.set), {shard})) != nullptr;
    // The Service first: as long as it is there, its Endpoints are made again.
    if (key.first == "Endpoints" && FindChild(seen.children, "Service", key.second) != nullptr)
      continue;
    if (stands || HasPods(seen, shard)) continue;
    const bool claim = key.first == "PersistentVolumeClaim";
    if (claim && seen.set.spec.deletion_policy == model::DeletionPolicy::kRetain) continue;
    if (claim || IsOwnedPerShard(key.first)) return Remove(key, child);
  }
  return std::nullopt;
}

}  // namespace foreshard::op

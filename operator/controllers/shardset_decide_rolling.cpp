#include <algorithm>

#include "operator/api/migration_json.h"
#include "operator/controllers/shardset_decide.h"

// How a change of the pods' template (image, resources, affinity) reaches running shards.
//
// StatefulSets only wait (OnDelete): left to themselves they would take the highest ordinal first,
// which may be the primary, and all shards at once. Here one pod of the set goes at a time, by
// eviction, so that its budget counts: the replicas of a shard, then its primary, so that each
// shard changes its primary once; then the next shard. While any member of any shard is missing, or
// keys are being handed over, nobody else goes.

namespace foreshard::op {
namespace {

struct ShardPods {
  std::vector<std::string> outdated;  // by name
  std::string broken;                 // an outdated one that is not ready; "" for none
  int ready = 0;
  int all = 0;
  bool settled = false;  // the StatefulSet knows its newest template
  std::int64_t wanted = 0;
};

ShardPods PodsOf(const ShardSetObservation& seen, const model::ShardId& shard) {
  ShardPods pods;
  const Child* set = FindChild(seen.children, "StatefulSet", ShardName(NameOf(seen.set), shard));
  if (set == nullptr || set->deleting) return pods;
  const std::string revision = set->json.At("status.updateRevision").Text();
  pods.settled = !revision.empty() && set->json.At("status.observedGeneration").Int() ==
                                          set->json.At("metadata.generation").Int();
  pods.wanted = set->json.At("spec.replicas").Int();
  for (const auto& [key, child] : seen.children) {
    if (key.first != "Pod" || child.json["metadata"]["labels"][kShardLabel].Text() != shard.value)
      continue;
    ++pods.all;
    const bool ready = IsPodReady(child.json);
    pods.ready += ready ? 1 : 0;
    const std::string own = child.json["metadata"]["labels"]["controller-revision-hash"].Text();
    if (own.empty() || own == revision || child.deleting) continue;
    pods.outdated.push_back(key.second);
    if (!ready && pods.broken.empty()) pods.broken = key.second;
  }
  return pods;
}

bool IsWhole(const ShardPods& pods) {
  return pods.settled && pods.all == pods.wanted && pods.ready == pods.wanted;
}

bool KeysAreChangingHands(const ShardSetObservation& seen) {
  return std::ranges::any_of(seen.migrations, [](const model::ShardMigration& migration) {
    return migration.status.phase == "Cutover" || migration.status.phase == "RollingBack";
  });
}

Effect Evict(const model::ShardId& shard, const std::string& pod) {
  Effect effect;
  effect.shard = shard;
  effect.kind = EffectKind::kEvict;
  effect.resource = kube::kPods;
  effect.name = pod;
  return effect;
}

}  // namespace

bool BudgetAllows(const ShardSetObservation& seen, const Effect& eviction) {
  const Child* pod = FindChild(seen.children, "Pod", eviction.name);
  if (pod != nullptr && !IsPodReady(pod->json)) return true;  // another rule: the server decides
  const Child* budget =
      FindChild(seen.children, "PodDisruptionBudget", ShardName(NameOf(seen.set), eviction.shard));
  return budget == nullptr || budget->json.At("status.disruptionsAllowed").Int(1) > 0;
}

std::optional<Effect> DecideRolling(const ShardSetObservation& seen) {
  if (KeysAreChangingHands(seen)) return std::nullopt;
  bool whole = true;
  std::vector<std::pair<model::ShardId, ShardPods>> shards;
  for (const model::ShardId& shard : WantedShards(seen)) {
    shards.emplace_back(shard, PodsOf(seen, shard));
    whole = whole && IsWhole(shards.back().second) && !LeaderOf(seen, shard).empty();
  }
  // A pod that an earlier change broke serves nobody: the change that repairs it may take it.
  for (const auto& [shard, pods] : shards) {
    if (pods.settled && !pods.broken.empty() && pods.broken != LeaderOf(seen, shard))
      return Evict(shard, pods.broken);
  }
  if (!whole) return std::nullopt;
  for (const auto& [shard, pods] : shards) {
    if (pods.outdated.empty()) continue;
    const std::string leader = LeaderOf(seen, shard);
    for (const std::string& pod : pods.outdated) {
      if (pod != leader) return Evict(shard, pod);
    }
    return Evict(shard, leader);
  }
  return std::nullopt;
}

}  // namespace foreshard::op

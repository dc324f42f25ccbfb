#include <fmt/format.h>

#include <algorithm>

#include "migration/phase.h"
#include "operator/api/conditions.h"
#include "operator/api/migration_json.h"
#include "operator/builders/switchover.h"
#include "operator/controllers/shardset_effects.h"

// How a change of the pods' template (image, resources, affinity) reaches running shards.
//
// StatefulSets only wait (OnDelete): left to themselves they would take the highest ordinal first,
// which may be the primary, and all shards at once. Here one pod of the set goes at a time, by
// eviction, so that its budget counts: the replicas of a shard, then its primary, so that each
// shard changes its primary once; then the next shard. Before its pod goes the primary hands over
// to a member in sync, which Patroni is asked for. While any member of any shard is missing, or
// keys are being handed over, nobody else goes; the primary of a shard that a migration copies from
// or to goes after it.

namespace foreshard::op {
namespace {

// Two loops of Patroni and a clean stop: by then it has happened, or was refused.
constexpr std::chrono::seconds kHandOverPatience{30};

// Since when the pod has been asked to let another one lead; nothing: it has not been.
std::optional<WallTime> AskedSince(const ShardSetObservation& seen, const model::ShardId& shard,
                                   const std::string& pod_uid) {
  const Child* asked =
      FindChild(seen.children, "Endpoints", SwitchoverName(NameOf(seen.set), shard));
  return asked != nullptr ? SwitchoverAskedAt(asked->json, pod_uid) : std::nullopt;
}

// Meanwhile it stops and becomes a replica: neither leader nor ready, and not broken.
bool MayBeHandingOver(const ShardSetObservation& seen, const model::ShardId& shard,
                      const Child& pod) {
  const std::optional<WallTime> since = AskedSince(seen, shard, pod.uid);
  return since && seen.now < *since + kHandOverPatience;
}

struct ShardPods {
  std::vector<std::string> outdated;  // by name
  std::string broken;                 // an outdated one that is not ready; "" for none
                                      // (the leader only if there is no other)
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
  const std::string leader = LeaderOf(seen, shard);
  for (const auto& [key, child] : seen.children) {
    if (key.first != "Pod" || child.json["metadata"]["labels"][kShardLabel].Text() != shard.value)
      continue;
    ++pods.all;
    const bool ready = IsPodReady(child.json);
    pods.ready += ready ? 1 : 0;
    const std::string own = child.json["metadata"]["labels"]["controller-revision-hash"].Text();
    if (own.empty() || own == revision || child.deleting) continue;
    pods.outdated.push_back(key.second);
    if (!ready && (pods.broken.empty() || pods.broken == leader) &&
        !MayBeHandingOver(seen, shard, child))
      pods.broken = key.second;
  }
  return pods;
}

bool IsWhole(const ShardPods& pods) {
  return pods.settled && pods.all == pods.wanted && pods.ready == pods.wanted;
}

// A migration in its cutover or on its way back; null for none.
const model::ShardMigration* KeysAreChangingHands(const ShardSetObservation& seen) {
  const auto found =
      std::ranges::find_if(seen.migrations, [](const model::ShardMigration& migration) {
        return migration.status.phase == "Cutover" || migration.status.phase == "RollingBack";
      });
  return found != seen.migrations.end() ? &*found : nullptr;
}

// A failover takes the snapshot and the slots of a copy with it, and in the soak the way back: a
// migration from or to the shard would have to begin again. Null for none.
const model::ShardMigration* WhoNeedsPrimary(const ShardSetObservation& seen,
                                             const model::ShardId& shard) {
  using migration::Phase;
  const auto found =
      std::ranges::find_if(seen.migrations, [&](const model::ShardMigration& migration) {
        const auto phase = migration::ParsePhase(migration.status.phase);
        if (!phase || *phase < Phase::kPreparing || *phase > Phase::kSoaking) return false;
        return migration.spec.source == shard || migration.spec.destination == shard ||
               migration.status.destination == shard;
      });
  return found != seen.migrations.end() ? &*found : nullptr;
}

Effect Evict(const model::ShardId& shard, const std::string& pod) {
  Effect effect = Simple(EffectKind::kEvict, kube::kPods, pod);
  effect.shard = shard;
  return effect;
}

// What the budget told last: when it allows one more, an event says so. Asked before that, the
// server refuses, and nobody knows when to ask again.
bool BudgetAllows(const ShardSetObservation& seen, const Effect& eviction) {
  const Child* pod = FindChild(seen.children, "Pod", eviction.name);
  if (pod != nullptr && !IsPodReady(pod->json)) return true;  // another rule: the server decides
  const Child* budget =
      FindChild(seen.children, "PodDisruptionBudget", ShardName(NameOf(seen.set), eviction.shard));
  return budget == nullptr || budget->json.At("status.disruptionsAllowed").Int(1) > 0;
}

RollingStep Go(const ShardSetObservation& seen, Effect eviction) {
  if (!BudgetAllows(seen, eviction)) return {.effect = std::nullopt, .wanted = true};
  return {.effect = std::move(eviction), .wanted = true};
}

std::vector<std::string> InSync(const ShardSetObservation& seen, const model::ShardId& shard,
                                const std::string& leader) {
  const Child* sync = FindChild(seen.children, "Endpoints", SyncName(NameOf(seen.set), shard));
  return sync != nullptr ? MembersInSync(sync->json, leader) : std::vector<std::string>();
}

// Somebody leads and has somebody in sync: who has only just taken the lock does not take writes
// yet.
bool TakesWrites(const ShardSetObservation& seen, const model::ShardId& shard,
                 const ShardPods& pods) {
  const std::string leader = LeaderOf(seen, shard);
  if (leader.empty()) return false;
  const bool synchronous = seen.set.spec.shard_template.synchronous_replication;
  return !synchronous || pods.wanted < 2 || !InSync(seen, shard, leader).empty();
}

// A ready member that may lead after `leader` without losing anything; "" for none now.
std::string Successor(const ShardSetObservation& seen, const model::ShardId& shard,
                      const std::string& leader) {
  const bool synchronous = seen.set.spec.shard_template.synchronous_replication;
  const std::vector<std::string> in_sync = InSync(seen, shard, leader);
  for (const auto& [key, child] : seen.children) {
    if (key.first != "Pod" || key.second == leader || !IsPodReady(child.json)) continue;
    if (child.json["metadata"]["labels"][kShardLabel].Text() != shard.value) continue;
    if (!synchronous || std::ranges::find(in_sync, key.second) != in_sync.end()) return key.second;
  }
  return {};
}

// The last one of its shard. Asked once: a primary that stops cleanly hands over as well, to whom
// it likes.
RollingStep HandOver(const ShardSetObservation& seen, const model::ShardId& shard,
                     const ShardPods& pods, const std::string& leader) {
  const SetName set = NameOf(seen.set);
  const Child* pod = FindChild(seen.children, "Pod", leader);
  if (pods.all < 2 || pod == nullptr) return Go(seen, Evict(shard, leader));
  const std::optional<WallTime> since = AskedSince(seen, shard, pod->uid);
  if (since && seen.now >= *since + kHandOverPatience) return Go(seen, Evict(shard, leader));
  const std::string successor = since ? std::string() : Successor(seen, shard, leader);
  if (successor.empty()) return {.effect = std::nullopt, .wanted = true};
  Effect ask = Simple(EffectKind::kSwitchOver, kube::kEndpoints, SwitchoverName(set, shard));
  ask.shard = shard;
  ask.object = BuildSwitchover(
      set, shard,
      {.leader = leader, .leader_uid = pod->uid, .successor = successor, .asked_at = seen.now});
  return {.effect = std::move(ask), .wanted = true};
}

// Who has which template, over all shards.
struct Rollout {
  std::vector<std::pair<model::ShardId, ShardPods>> shards;
  bool settled = true;  // every StatefulSet knows its newest template
  bool whole = true;    // every shard takes writes and lacks nobody
  std::size_t outdated = 0;
  std::int64_t pods = 0;  // wanted
};

Rollout LookAtTemplates(const ShardSetObservation& seen) {
  Rollout rollout;
  for (const model::ShardId& shard : WantedShards(seen)) {
    const ShardPods& pods = rollout.shards.emplace_back(shard, PodsOf(seen, shard)).second;
    rollout.settled = rollout.settled && pods.settled;
    rollout.whole = rollout.whole && IsWhole(pods) && TakesWrites(seen, shard, pods);
    rollout.outdated += pods.outdated.size();
    rollout.pods += pods.wanted;
  }
  return rollout;
}

}  // namespace

RollingStep DecideRolling(const ShardSetObservation& seen) {
  if (KeysAreChangingHands(seen) != nullptr) return {};
  const Rollout rollout = LookAtTemplates(seen);
  // A pod that an earlier change broke serves nobody: the change that repairs it may take it; the
  // leader too where all are there and nobody is ready (the only member of a shard, for one).
  for (const auto& [shard, pods] : rollout.shards) {
    const bool nobody = pods.ready == 0 && pods.all == pods.wanted;
    if (pods.settled && !pods.broken.empty() && (nobody || pods.broken != LeaderOf(seen, shard)))
      return Go(seen, Evict(shard, pods.broken));
  }
  if (!rollout.whole) return {.effect = std::nullopt, .wanted = rollout.outdated > 0};
  for (const auto& [shard, pods] : rollout.shards) {
    const std::string leader = LeaderOf(seen, shard);
    for (const std::string& pod : pods.outdated) {
      if (pod != leader) return Go(seen, Evict(shard, pod));
    }
    if (!pods.outdated.empty() && WhoNeedsPrimary(seen, shard) == nullptr)
      return HandOver(seen, shard, pods, leader);
  }
  return {};
}

RolledOut JudgeRolling(const ShardSetObservation& seen) {
  const Rollout rollout = LookAtTemplates(seen);
  if (rollout.settled && rollout.outdated == 0) {
    // Who is away for another reason comes back with the newest template.
    if (rollout.whole || IsTrue(seen.set.status.conditions, kRolledOutCondition))
      return {true, "NewestTemplate", "every pod has the newest template"};
    return {false, "MembersStarting", "every pod has the newest template; not all are ready"};
  }
  if (rollout.outdated == 0)
    return {false, "RollingOut", "the StatefulSets do not know their newest template yet"};
  const auto waits = [&](std::string reason, const std::string& why) {
    return RolledOut{
        false, std::move(reason),
        fmt::format("{} of {} pods have an older template{}", rollout.outdated, rollout.pods, why)};
  };
  if (const model::ShardMigration* moving = KeysAreChangingHands(seen)) {
    return waits("KeysAreChangingHands",
                 fmt::format("; the next one goes after the cutover of {}", moving->name));
  }
  if (!rollout.whole)
    return waits("MembersStarting", "; the next one goes when every member is ready");
  const RollingStep next = DecideRolling(seen);
  if (next.effect && !seen.may_roll)
    return waits("WaitsForOtherSets", "; as many sets as may change at once do so now");
  if (next.wanted) return waits("RollingOut", "");
  for (const auto& [shard, pods] : rollout.shards) {
    const model::ShardMigration* busy =
        pods.outdated.empty() ? nullptr : WhoNeedsPrimary(seen, shard);
    if (busy == nullptr) continue;
    return waits(
        "MigrationNeedsPrimary",
        fmt::format("; the primary of shard {} goes when {} has ended", shard, busy->name));
  }
  return waits("RollingOut", "");
}

}  // namespace foreshard::op

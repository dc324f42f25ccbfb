#include "operator/controllers/shardset_decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/builders/patroni_config.h"
#include "operator/builders/routing_table.h"

namespace foreshard::op {
namespace {

constexpr std::chrono::seconds kLookWhenSettled{60};
constexpr std::chrono::seconds kLookWhenWaiting{2};
constexpr std::chrono::seconds kLookForRoom{10};  // nobody tells that another set is done

Effect Patch(const kube::ResourceKind& resource, const std::string& name, Value patch) {
  Effect effect;
  effect.kind = EffectKind::kPatch;
  effect.resource = resource;
  effect.name = name;
  effect.object = std::move(patch);
  return effect;
}

Effect PatchSet(const ShardSetObservation& seen, const std::vector<std::string>& finalizers) {
  // With the version: finalizers of others must not be lost.
  return Patch(
      kube::kShardSets, seen.set.name,
      Value::Object({{"metadata", Value::Object({{"resourceVersion", seen.set.resource_version},
                                                 {"finalizers", Value::OfList(finalizers)}})}}));
}

bool HasFinalizer(const ShardSetObservation& seen) {
  return std::ranges::find(seen.set.finalizers, kFinalizer) != seen.set.finalizers.end();
}

ShardSetDecision Do(Effect effect) {
  return {.effect = std::move(effect), .settled = {}, .whole = false};
}

ShardSetDecision Settled(std::chrono::milliseconds again) {
  return {.effect = std::nullopt, .settled = Outcome::LookAgain(again), .whole = false};
}

ShardSetDecision DecideWhileDeleting(const ShardSetObservation& seen) {
  if (!HasFinalizer(seen)) return Settled(kLookWhenSettled);
  DeletionStep step = DecideDeletion(seen);
  if (step.effect) return Do(std::move(*step.effect));
  if (step.waiting_for.empty()) {
    std::vector<std::string> rest = seen.set.finalizers;
    std::erase(rest, kFinalizer);
    return Do(PatchSet(seen, rest));
  }
  std::optional<Effect> tell =
      TellStatus(seen, StatusWithProblem(seen, Error::Retry(step.waiting_for, "Deleting")));
  if (tell) return Do(std::move(*tell));
  return Settled(kLookWhenWaiting);
}

// PostgreSQL knows these passwords since its first start: others that we invent would only lock us
// out.
std::optional<Error> LostPasswords(const ShardSetObservation& seen) {
  if (seen.set.status.epoch == 0) return std::nullopt;
  const std::string name = InternalSecret(NameOf(seen.set));
  const Child* secret = FindChild(seen.children, "Secret", name);
  for (const char* key : {"superuser", "replication", "rewind"}) {
    if (secret != nullptr && !secret->json["data"][key].Text().empty()) continue;
    return Error::GiveUp(
        fmt::format(
            "Secret {} has no {}: the shards go on with the passwords that their pods have, "
            "but no new pod can join; write it back from a backup, or from the environment "
            "of a running pod (PATRONI_..._PASSWORD)",
            name, key),
        "PasswordsLost");
  }
  return std::nullopt;
}

bool AllSetUp(const ShardSetObservation& seen, const std::vector<model::ShardId>& shards) {
  return std::ranges::all_of(shards, [&seen](const model::ShardId& shard) {
    const auto database = seen.databases.find(shard);
    return database != seen.databases.end() && database->second.known &&
           database->second.seen.set_up;
  });
}

// Patroni's own configuration with ours put over it; nothing if it says so already.
std::optional<Value> ChangedConfig(const Value& config, const Value& wanted) {
  const Value& parameters = wanted.At("postgresql.parameters");
  bool same = Covers(config, wanted);
  // A parameter that is no longer wanted must go, so both lists must be the same.
  same = same && config.At("postgresql.parameters").Fields().size() == parameters.Fields().size();
  if (same) return std::nullopt;
  Value changed = config;
  for (const auto& [name, item] : wanted.Fields()) {
    if (name != "postgresql") changed.Set(name, item);
  }
  for (const auto& [name, item] : wanted["postgresql"].Fields())
    changed.Member("postgresql").Set(name, item);
  return changed;
}

std::optional<Effect> DecideDynamicConfig(const ShardSetObservation& seen,
                                          const model::ShardId& shard, const Value& wanted) {
  const std::string name = ShardName(NameOf(seen.set), shard) + "-config";
  const Child* endpoints = FindChild(seen.children, "Endpoints", name);
  if (endpoints == nullptr) return std::nullopt;  // Patroni bootstraps from its file
  const Result<Value> config =
      ParseJson(endpoints->json["metadata"]["annotations"]["config"].Text());
  if (!config || !config->is_object()) return std::nullopt;
  const std::optional<Value> changed = ChangedConfig(*config, wanted);
  if (!changed) return std::nullopt;
  return Patch(
      kube::kEndpoints, name,
      Value::Object(
          {{"metadata",
            Value::Object({{"resourceVersion", endpoints->resource_version},
                           {"annotations", Value::Object({{"config", ToJson(*changed)}})}})}}));
}

}  // namespace

std::optional<Effect> DecideInside(const ShardSetObservation& seen) {
  const Value config = DynamicConfig(seen.set.spec);
  const std::vector<model::ShardId> wanted = WantedShards(seen);
  for (const model::ShardId& shard : wanted) {
    if (std::optional<Effect> effect = DecideDynamicConfig(seen, shard, config)) return effect;
  }
  for (const model::ShardId& shard : wanted) {
    const auto database = seen.databases.find(shard);
    if (database == seen.databases.end() || !database->second.known) continue;
    if (database->second.seen.set_up || !database->second.problem.empty()) continue;
    Effect effect;
    effect.kind = EffectKind::kSetUpShard;
    effect.shard = shard;
    return effect;
  }
  // Once, from what the creation says. A table that was there and is gone is never made anew: keys
  // may have moved since.
  if (!seen.table && seen.set.status.epoch == 0 && AllSetUp(seen, wanted)) {
    if (std::optional<Effect> end = EndRestore(seen)) return end;
    const SetName set = NameOf(seen.set);
    Effect effect;
    effect.kind = EffectKind::kApply;
    effect.resource = kube::kRoutingTables;
    effect.name = seen.set.name;
    if (!seen.restore.record) {
      effect.object = BuildRoutingTable(
          set, FirstRoutingTable(set, seen.set.spec.sharding, InitialShards(seen)));
      return effect;
    }
    const auto table =
        RestoredTable(set, seen.set.spec.sharding.key_space, seen.restore.record->point);
    CHECK(table.ok(), "the record was judged when it was made", seen.set.name);
    effect.object = BuildRoutingTable(set, *table);
    return effect;
  }
  return std::nullopt;
}

std::optional<Effect> TellStatus(const ShardSetObservation& seen, model::ShardSetStatus status) {
  if (status == seen.set.status) return std::nullopt;
  Effect effect;
  effect.kind = EffectKind::kTellStatus;
  const model::Condition* before = FindCondition(seen.set.status.conditions, "Ready");
  const model::Condition* now = FindCondition(status.conditions, "Ready");
  const bool changed = now != nullptr && (before == nullptr || before->status != now->status ||
                                          before->reason != now->reason);
  if (changed) {
    effect.event = EventText{.kind = "ShardSet",
                             .name = seen.set.name,
                             .uid = seen.set.uid,
                             .warning = now->status != "True" && before != nullptr,
                             .reason = now->reason,
                             .message = now->message};
  }
  effect.status = std::move(status);
  return effect;
}

ShardSetDecision DecideShardSet(const ShardSetObservation& seen, const Images& images) {
  if (seen.paused) {
    std::optional<Effect> tell = TellStatus(seen, StatusOfPaused(seen));
    return tell ? Do(std::move(*tell)) : Settled(kLookWhenSettled);
  }
  if (seen.set.deleting) return DecideWhileDeleting(seen);
  if (seen.invalid) {
    std::optional<Effect> tell = TellStatus(seen, StatusWithProblem(seen, *seen.invalid));
    if (tell) return Do(std::move(*tell));
    return {};  // nothing helps until it is edited
  }
  if (!HasFinalizer(seen)) {
    std::vector<std::string> finalizers = seen.set.finalizers;
    finalizers.emplace_back(kFinalizer);
    return Do(PatchSet(seen, finalizers));
  }
  // A wrong status is told before anything is repaired if somebody waits for it: Ready must not say
  // True for long.
  model::ShardSetStatus status = StatusOf(seen);
  if (IsTrue(seen.set.status.conditions, "Ready") && !IsTrue(status.conditions, "Ready")) {
    return Do(*TellStatus(seen, std::move(status)));
  }
  if (const std::optional<Error> lost = LostPasswords(seen)) {
    std::optional<Effect> tell = TellStatus(seen, StatusWithProblem(seen, *lost));
    return tell ? Do(std::move(*tell)) : Settled(kLookWhenSettled);
  }
  if (seen.set.spec.restore_from) {
    const RestoreStep step = JudgeRestore(seen);
    if (std::optional<Effect> effect = BeginRestore(seen, step)) return Do(std::move(*effect));
    if (!step.go_on) {
      std::optional<Effect> tell = TellStatus(seen, std::move(status));
      return tell ? Do(std::move(*tell)) : Settled(kLookForRoom);
    }
  }
  if (std::optional<Effect> effect = DecideSecrets(seen)) return Do(std::move(*effect));
  if (std::optional<Effect> effect = DecideObjects(seen, images)) return Do(std::move(*effect));
  if (std::optional<Effect> effect = DecideInside(seen)) return Do(std::move(*effect));
  if (std::optional<Effect> effect = DecideOrphans(seen)) return Do(std::move(*effect));
  RollingStep rolling = DecideRolling(seen);
  if (rolling.effect && seen.may_roll) return Do(std::move(*rolling.effect));
  if (std::optional<Effect> effect = DecideGrowth(seen)) return Do(std::move(*effect));
  const bool ready = IsTrue(status.conditions, "Ready") && !IsTrue(status.conditions, "Degraded");
  if (std::optional<Effect> effect = TellStatus(seen, std::move(status)))
    return Do(std::move(*effect));
  ShardSetDecision rest = Settled(!ready || seen.believed ? kLookWhenWaiting
                                  : rolling.wanted        ? kLookForRoom
                                                          : seen.inspection_age);
  rest.whole = ready && !rolling.wanted;
  return rest;
}

}  // namespace foreshard::op

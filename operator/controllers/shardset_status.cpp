#include <fmt/format.h>

#include <algorithm>

#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"
#include "operator/api/migration_json.h"
#include "operator/builders/annotations.h"
#include "operator/controllers/shardset_decide.h"
#include "operator/controllers/shardset_fleet.h"

namespace foreshard::op {
namespace {

constexpr std::int64_t kSizeStep = std::int64_t{8} << 20;

struct Why {
  std::string reason;
  std::string message;
};

// What keeps a pod from running, in Kubernetes' own words; "" if nothing is said.
std::string PodProblem(const Value& pod) {
  for (const Value& condition : pod.At("status.conditions").Items()) {
    if (condition["type"].Text() == "PodScheduled" && condition["status"].Text() == "False") {
      return "Unschedulable";
    }
  }
  for (const Value& container : pod.At("status.containerStatuses").Items()) {
    const std::string reason = container.At("state.waiting.reason").Text();
    if (!reason.empty() && reason != "ContainerCreating" && reason != "PodInitializing")
      return reason;
  }
  return {};
}

struct Members {
  int ready = 0;
  std::string problem;
};

Members MembersOf(const ShardSetObservation& seen, const model::ShardId& shard) {
  Members members;
  for (const auto& [key, child] : seen.children) {
    if (key.first != "Pod" || child.json["metadata"]["labels"][kShardLabel].Text() != shard.value)
      continue;
    if (IsPodReady(child.json)) {
      ++members.ready;
    } else if (members.problem.empty()) {
      members.problem = PodProblem(child.json);
    }
  }
  return members;
}

std::string Shortened(std::string text) {
  constexpr std::size_t kShownMax = 300;
  if (text.size() > kShownMax) text.resize(kShownMax);
  return text;
}

// A claim that waits for its volume although a pod wants it.
std::string ClaimAdvice(const Value& claim, const std::string& name) {
  if (claim.At("status.phase").Text() != "Pending") return {};
  const std::string class_name = claim.At("spec.storageClassName").Text();
  return fmt::format(
      "PersistentVolumeClaim {} has no volume: {} must exist and be able to make one", name,
      class_name.empty() ? std::string("a default StorageClass")
                         : fmt::format("StorageClass {}", class_name));
}

// What the script of a restore said before its container ended (builders/restore.py).
std::string RestoreProblem(const ShardSetObservation& seen, const model::ShardId& shard) {
  for (const auto& [key, child] : seen.children) {
    if (key.first != "Pod" || child.json["metadata"]["labels"][kShardLabel].Text() != shard.value)
      continue;
    for (const Value& container : child.json.At("status.containerStatuses").Items()) {
      for (const char* state : {"state", "lastState"}) {
        const std::string said = container[state]["terminated"]["message"].Text();
        if (said.starts_with("restore: ")) return Shortened(said.substr(9));
      }
    }
  }
  return {};
}

// What a person should do so that the shard comes up; "" where nothing is known but to wait.
std::string AdviceOf(const ShardSetObservation& seen, const model::ShardId& shard) {
  std::string scheduler;
  bool pods = false;
  for (const auto& [key, child] : seen.children) {
    if (child.json["metadata"]["labels"][kShardLabel].Text() != shard.value) continue;
    if (key.first == "PersistentVolumeClaim") {
      const std::string advice = ClaimAdvice(child.json, key.second);
      if (!advice.empty()) return advice;
    }
    if (key.first != "Pod") continue;
    pods = true;
    for (const Value& condition : child.json.At("status.conditions").Items()) {
      if (condition["type"].Text() == "PodScheduled" && condition["status"].Text() == "False")
        scheduler = condition["message"].Text();
    }
  }
  if (!scheduler.empty()) return Shortened(scheduler);
  const std::string name = ShardName(NameOf(seen.set), shard);
  if (!pods && FindChild(seen.children, "StatefulSet", name) != nullptr)
    return fmt::format("no pod was made yet: kubectl -n {} describe statefulset {}",
                       seen.set.name_space, name);
  const auto database = seen.databases.find(shard);
  return database != seen.databases.end() ? Shortened(database->second.problem) : std::string();
}

std::string ShardReason(const ShardSetObservation& seen, const model::ShardStatus& shard,
                        const Members& members) {
  if (shard.primary.empty()) return members.problem.empty() ? "NoPrimary" : members.problem;
  const Child* pod = FindChild(seen.children, "Pod", shard.primary);
  if (pod == nullptr || !IsPodReady(pod->json)) {
    return members.problem.empty() ? "PrimaryNotReady" : members.problem;
  }
  const auto database = seen.databases.find(shard.id);
  if (database == seen.databases.end() || !database->second.known) return "DatabaseUnknown";
  // A shard that served goes on serving while a new password or schema is put into it.
  return database->second.seen.set_up || shard.ready ? "" : "DatabaseNotSetUp";
}

// A size that is told again at each small change would be a write a minute for nobody's good.
std::int64_t ShownSize(std::int64_t before, std::int64_t now) {
  const std::int64_t step = std::max(kSizeStep, before / 10);
  return before > 0 && std::abs(now - before) < step ? before : now;
}

model::ShardStatus ShardStatusOf(const ShardSetObservation& seen, const model::ShardId& shard) {
  model::ShardStatus status;
  const auto before =
      std::ranges::find(seen.set.status.shard_statuses, shard, &model::ShardStatus::id);
  if (before != seen.set.status.shard_statuses.end()) status = *before;
  const Members members = MembersOf(seen, shard);
  status.id = shard;
  status.primary = LeaderOf(seen, shard);
  status.members = members.ready;
  status.reason = ShardReason(seen, status, members);
  status.ready = status.reason.empty();
  status.ranges.clear();
  if (seen.table) {
    for (const model::KeyRange& range : model::RangesOf(*seen.table, shard)) {
      status.ranges.push_back(model::ToString(range));
    }
  }
  const auto database = seen.databases.find(shard);
  if (database != seen.databases.end() && database->second.known) {
    status.size_bytes = ShownSize(status.size_bytes, database->second.seen.size_bytes);
  }
  return status;
}

model::Condition Claim(const ShardSetObservation& seen, std::string type, bool holds, Why why) {
  return {.type = std::move(type),
          .status = holds ? "True" : "False",
          .reason = std::move(why.reason),
          .message = std::move(why.message),
          .observed_generation = seen.set.generation,
          .last_transition_time = {}};
}

int AvailableRouters(const ShardSetObservation& seen) {
  const Child* deployment = FindChild(seen.children, "Deployment", RouterName(NameOf(seen.set)));
  if (deployment == nullptr) return 0;
  return static_cast<int>(deployment->json.At("status.availableReplicas").Int());
}

int ExistingRouters(const ShardSetObservation& seen) {
  const Child* deployment = FindChild(seen.children, "Deployment", RouterName(NameOf(seen.set)));
  if (deployment == nullptr) return 0;
  return static_cast<int>(deployment->json.At("status.replicas").Int());
}

constexpr std::size_t kAdviceShards = 3;  // the first ones; the others have the same trouble

std::string NotReadyShards(const ShardSetObservation& seen, const model::ShardSetStatus& status) {
  std::string text;
  std::size_t advised = 0;
  for (const model::ShardStatus& shard : status.shard_statuses) {
    if (shard.ready) continue;
    text += fmt::format("{}shard {}: {}", text.empty() ? "" : "; ", shard.id, shard.reason);
    const std::string advice = advised < kAdviceShards ? AdviceOf(seen, shard.id) : std::string();
    if (advice.empty()) continue;
    text += fmt::format(" ({})", advice);
    ++advised;
  }
  return text;
}

model::Condition Restored(const ShardSetObservation& seen) {
  const RestoreStep step = JudgeRestore(seen);
  std::string message = step.message;
  if (step.reason == "Restoring") {
    for (const backup::ShardPoint& shard : seen.restore.record->point.shards) {
      const std::string problem = RestoreProblem(seen, shard.shard);
      if (!problem.empty()) message += fmt::format("; shard {}: {}", shard.shard, problem);
    }
  }
  return Claim(seen, kRestoredCondition, step.restored, {step.reason, std::move(message)});
}

model::Condition RoutersReady(const ShardSetObservation& seen) {
  const int wanted = seen.set.spec.router.replicas;
  const int available = AvailableRouters(seen);
  const bool ready = available >= wanted;
  return Claim(seen, "RoutersReady", ready,
               {ready ? "AllRoutersReady" : "RoutersStarting",
                fmt::format("{} of {} routers are ready", std::min(available, wanted), wanted)});
}

model::Condition Ready(const ShardSetObservation& seen, const model::ShardSetStatus& status) {
  const std::string shards = NotReadyShards(seen, status);
  if (!shards.empty()) return Claim(seen, "Ready", false, {"ShardNotReady", shards});
  if (!seen.table && seen.set.status.epoch > 0) {
    return Claim(seen, "Ready", false,
                 {"RoutingTableMissing",
                  fmt::format("the RoutingTable of epoch {} was deleted; it is not made anew, "
                              "since keys may have moved: "
                              "restore it from a backup or from a router's GET /v1/table",
                              seen.set.status.epoch)});
  }
  const model::Condition* restored = FindCondition(status.conditions, kRestoredCondition);
  if (!seen.table && restored != nullptr && restored->status != "True")
    return Claim(seen, "Ready", false, {restored->reason, restored->message});
  if (!seen.table)
    return Claim(seen, "Ready", false, {"RoutingTableMissing", "the routing table is being made"});
  const model::Condition* routers = FindCondition(status.conditions, "RoutersReady");
  const bool some_router = AvailableRouters(seen) > 0 || seen.set.spec.router.replicas == 0;
  if (!some_router) return Claim(seen, "Ready", false, {"RoutersNotReady", routers->message});
  return Claim(seen, "Ready", true,
               {"AllShardsReady", fmt::format("{} shards take writes", status.ready_shards)});
}

model::Condition Degraded(const ShardSetObservation& seen, const model::ShardSetStatus& status) {
  std::string text;
  for (const model::ShardStatus& shard : status.shard_statuses) {
    if (shard.members >= seen.set.spec.shard_template.members) continue;
    text += fmt::format("{}shard {}: {} of {} members", text.empty() ? "" : "; ", shard.id,
                        shard.members, seen.set.spec.shard_template.members);
  }
  if (!status.orphaned_shards.empty()) {
    text += fmt::format("{}{} orphaned shards", text.empty() ? "" : "; ",
                        status.orphaned_shards.size());
  }
  const bool degraded = !text.empty();
  return Claim(
      seen, "Degraded", degraded,
      {degraded ? "MembersMissing" : "AllMembersReady", degraded ? text : "every member is ready"});
}

model::Condition Resharding(const ShardSetObservation& seen) {
  std::string names;
  for (const model::ShardMigration& migration : seen.migrations) {
    if (migration.status.phase.empty() || migration.spec.dry_run || IsTerminal(migration.status))
      continue;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", migration.name);
  }
  const bool moving = !names.empty();
  return Claim(
      seen, "Resharding", moving,
      {moving ? "MigrationInFlight" : "NoMigration", moving ? names : "no keys are moving"});
}

model::Condition RolledOutCondition(const ShardSetObservation& seen) {
  RolledOut rolled = JudgeRolling(seen);
  return Claim(seen, kRolledOutCondition, rolled.holds,
               {std::move(rolled.reason), std::move(rolled.message)});
}

std::string OrphanReason(const ShardSetObservation& seen, const model::ShardId& shard) {
  const auto database = seen.databases.find(shard);
  if (database == seen.databases.end() || !database->second.known) {
    return "Unreachable: it cannot be asked whether it holds rows";
  }
  return database->second.seen.has_rows ? "HoldsRows: it left the map but still holds rows"
                                        : "Empty: being removed";
}

void SetFleet(const ShardSetObservation& seen, model::ShardSetStatus& status) {
  status.shard_statuses.clear();
  status.orphaned_shards.clear();
  status.shards = status.ready_shards = status.members = 0;
  std::vector<model::ShardId> shards = WantedShards(seen);
  std::ranges::sort(shards);
  for (const model::ShardId& shard : shards) {
    status.shard_statuses.push_back(ShardStatusOf(seen, shard));
    ++status.shards;
    status.ready_shards += status.shard_statuses.back().ready ? 1 : 0;
    status.members += status.shard_statuses.back().members;
  }
  for (const model::ShardId& shard : OrphanedShards(seen)) {
    status.orphaned_shards.push_back({shard, OrphanReason(seen, shard)});
  }
}

// The whole status but the pause.
model::ShardSetStatus AsSeen(const ShardSetObservation& seen) {
  const SetName set = NameOf(seen.set);
  model::ShardSetStatus status = seen.set.status;
  status.observed_generation = seen.set.generation;
  status.router_replicas = ExistingRouters(seen);
  status.router_selector = RouterSelector(set);
  status.endpoint =
      fmt::format("{}.{}.svc:{}", RouterName(set), set.name_space, seen.set.spec.router.port);
  status.secret_name = ClientSecret(set);
  // An epoch only grows, also where the table is gone.
  if (seen.table) status.epoch = std::max(status.epoch, seen.table->epoch.value);
  SetFleet(seen, status);
  if (seen.set.spec.restore_from) SetCondition(status.conditions, Restored(seen), seen.now);
  SetCondition(status.conditions, RoutersReady(seen), seen.now);
  SetCondition(status.conditions, Degraded(seen, status), seen.now);
  SetCondition(status.conditions, Resharding(seen), seen.now);
  SetCondition(status.conditions, RolledOutCondition(seen), seen.now);
  SetCondition(status.conditions, Ready(seen, status), seen.now);
  return status;
}

void ForgetPause(model::ShardSetStatus& status) {
  std::erase_if(status.conditions,
                [](const model::Condition& condition) { return condition.type == "Paused"; });
}

}  // namespace

model::ShardSetStatus StatusOf(const ShardSetObservation& seen) {
  model::ShardSetStatus status = AsSeen(seen);
  ForgetPause(status);
  return status;
}

model::ShardSetStatus StatusOfPaused(const ShardSetObservation& seen) {
  model::ShardSetStatus status = seen.set.status;
  const std::int64_t acted_on = status.observed_generation;
  if (!seen.invalid && !seen.set.deleting) status = AsSeen(seen);
  status.observed_generation = acted_on;
  SetCondition(status.conditions,
               Claim(seen, "Paused", true,
                     {seen.set.deleting ? "DeletionWaits" : "AskedFor",
                      fmt::format("nothing is {}; to go on: kubectl -n {} annotate shardset {} {}-",
                                  seen.set.deleting ? "removed" : "changed", seen.set.name_space,
                                  seen.set.name, kPauseAnnotation)}),
               seen.now);
  return status;
}

model::ShardSetStatus StatusWithProblem(const ShardSetObservation& seen, const Error& problem) {
  model::ShardSetStatus status = seen.set.status;
  // What it serves stays as it was last seen: the last good state keeps serving.
  status.observed_generation = seen.set.generation;
  ForgetPause(status);
  if (!seen.invalid && !seen.set.deleting) status = StatusOf(seen);
  if (problem.reason == kStorageCannotGrow) {
    SetCondition(status.conditions,
                 Claim(seen, "Degraded", true, {problem.reason, problem.message}), seen.now);
    return status;
  }
  SetCondition(
      status.conditions,
      Claim(seen, "Ready", false,
            {problem.reason.empty() ? "ReconcileFailed" : problem.reason, problem.message}),
      seen.now);
  return status;
}

}  // namespace foreshard::op

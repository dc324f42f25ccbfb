#include "operator/controllers/backup_observe.h"

#include <fmt/format.h>

#include <algorithm>

#include "kube/kinds.h"
#include "operator/api/conditions.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"
#include "operator/builders/backup.h"
#include "operator/controllers/backup_secrets.h"

namespace foreshard::op {
namespace {

std::string TextOf(const std::map<std::string, std::string>& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() ? found->second : std::string();
}

bool HasCondition(const Value& object, std::string_view type) {
  for (const Value& condition : object.At("status.conditions").Items()) {
    if (condition["type"].Text() == type && condition["status"].Text() == "True") return true;
  }
  return false;
}

// Of a Job's pods there is one, or none any more.
std::string MessageOf(const Value& pod) {
  for (const Value& container : pod.At("status.containerStatuses").Items()) {
    const std::string message = container.At("state.terminated.message").Text();
    if (!message.empty()) return message;
  }
  return {};
}

Status ReadPrimary(kube::KubeApi& kube, const SetName& set, BackupShardSeen& shard,
                   Deadline deadline) {
  const auto leader =
      kube.Get(kube::kEndpoints, {set.name_space, ShardName(set, shard.id)}, deadline);
  if (!leader) return leader.error();
  if (!*leader) return Ok();
  shard.primary = TextOf((*leader)->metadata.annotations, "leader");
  if (shard.primary.empty()) return Ok();
  const auto pod = kube.Get(kube::kPods, {set.name_space, shard.primary}, deadline);
  if (!pod) return pod.error();
  if (!*pod) return Ok();
  const Result<Value> json = ParseJson((*pod)->json);
  if (!json) return json.error();
  for (const Value& container : json->At("spec.containers").Items())
    shard.prepared = shard.prepared || container["name"].Text() == kBackupContainer;
  return Ok();
}

Status ReadShards(kube::KubeApi& kube, BackupObservation& seen, Deadline deadline) {
  const SetName set = NameOf(seen.set);
  const auto object = kube.Get(kube::kRoutingTables, {set.name_space, set.name}, deadline);
  if (!object) return object.error();
  if (!*object) return Ok();
  const auto table = ParseRoutingTable((*object)->json, seen.set.spec.sharding.key_space);
  if (!table) return table.error();
  for (const model::ShardAddress& address : table->shards) {
    BackupShardSeen shard{.id = address.id, .primary = {}, .prepared = false, .job = {}};
    Status read = ReadPrimary(kube, set, shard, deadline);
    if (!read) return read;
    auto job = ReadBackupJob(kube, set, shard.id, BackupJobName(set, shard.id), deadline);
    if (!job) return job.error();
    shard.job = *std::move(job);
    seen.shards.push_back(std::move(shard));
  }
  std::ranges::sort(seen.shards, {}, &BackupShardSeen::id);
  return Ok();
}

}  // namespace

Result<BackupJobSeen> ReadBackupJob(kube::KubeApi& kube, const SetName& set,
                                    const model::ShardId& shard, const std::string& name,
                                    Deadline deadline) {
  const auto object = kube.Get(kube::kJobs, {set.name_space, name}, deadline);
  if (!object) return object.error();
  BackupJobSeen job;
  if (!*object) return job;
  const Result<Value> json = ParseJson((*object)->json);
  if (!json) return json.error();
  job = {.exists = true,
         .deleting = (*object)->metadata.deletion_timestamp.has_value(),
         .run = TextOf((*object)->metadata.labels, kBackupRunLabel),
         .succeeded = HasCondition(*json, "Complete"),
         .failed = HasCondition(*json, "Failed"),
         .message = {},
         .uid = (*object)->metadata.uid};
  if (!job.succeeded && !job.failed) return job;
  const auto pods = kube.List(
      kube::kPods,
      {.name_space = set.name_space,
       .label_selector = fmt::format("{},{}={}", SetSelector(set), kBackupShardLabel, shard)},
      deadline);
  if (!pods) return pods.error();
  for (const kube::Object& pod : pods->items) {
    const bool its = std::ranges::any_of(
        pod.metadata.owners, [&](const auto& owner) { return owner.uid == job.uid; });
    const Result<Value> value = ParseJson(pod.json);
    if (its && value) job.message = MessageOf(*value);
  }
  return job;
}

Result<std::optional<BackupObservation>> ObserveBackups(kube::KubeApi& kube, const Clock& clock,
                                                        const kube::ObjectRef& ref,
                                                        Deadline deadline) {
  const auto object = kube.Get(kube::kShardSets, ref, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<BackupObservation>();
  Result<model::ShardSet> set = ParseShardSet((*object)->json);
  if (!set || set->deleting) return std::optional<BackupObservation>();
  BackupObservation seen;
  seen.now = clock.Wall();
  seen.set = *std::move(set);
  seen.ready = IsTrue(seen.set.status.conditions, "Ready");
  seen.paused = TextOf((*object)->metadata.annotations, kPauseAnnotation) == "true";
  seen.request = TextOf((*object)->metadata.annotations, kBackupAnnotation);
  if (!seen.set.spec.backup) return std::optional(std::move(seen));
  const auto files = ReadBackupFiles(kube, seen.set.name_space, *seen.set.spec.backup, deadline);
  if (!files && files.error().reason != "BackupSecretMissing") return files.error();
  if (!files) seen.secret_problem = files.error().message;
  if (const Status read = ReadShards(kube, seen, deadline); !read) return read.error();
  return std::optional(std::move(seen));
}

}  // namespace foreshard::op

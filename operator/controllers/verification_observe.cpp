#include "operator/controllers/verification_observe.h"

#include <fmt/format.h>

#include <algorithm>

#include "kube/kinds.h"
#include "operator/api/conditions.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"
#include "operator/builders/backup.h"
#include "operator/builders/verification.h"
#include "operator/controllers/backup_secrets.h"
#include "operator/controllers/restore_record.h"
#include "operator/points/kube_point_book.h"

namespace foreshard::op {
namespace {

bool IsWanted(const model::ShardSet& set) {
  return set.spec.backup && set.spec.backup->verification_schedule;
}

Status ReadShards(kube::KubeApi& kube, VerificationObservation& seen, Deadline deadline) {
  const SetName set = NameOf(seen.set);
  const auto object = kube.Get(kube::kRoutingTables, {set.name_space, set.name}, deadline);
  if (!object) return object.error();
  if (!*object) return Ok();
  const auto table = ParseRoutingTable((*object)->json, seen.set.spec.sharding.key_space);
  if (!table) return table.error();
  const model::BackupStatus backups = seen.set.status.backup.value_or(model::BackupStatus());
  for (const model::ShardAddress& address : table->shards) {
    auto job =
        ReadBackupJob(kube, set, address.id, VerificationJobName(set, address.id), deadline);
    if (!job) return job.error();
    const bool backed_up =
        std::ranges::find(backups.shards, address.id, &model::ShardBackup::id) !=
        backups.shards.end();
    const auto files =
        kube.Get(kube::kConfigMaps, {set.name_space, BackupConfigName(set, address.id)}, deadline);
    if (!files) return files.error();
    seen.shards.push_back(
        {.id = address.id,
         .backed_up = backed_up,
         .prepared = *files && (*files)->json.find("\"verify.py\"") != std::string::npos,
         .job = *std::move(job)});
  }
  std::ranges::sort(seen.shards, {}, &VerificationShardSeen::id);
  return Ok();
}

// The newest point of this set, if a set could begin from it.
Status ReadPoint(kube::KubeApi& kube, VerificationObservation& seen, Deadline deadline) {
  KubePointBook book(
      {.kube = kube, .set = {seen.set.name_space, seen.set.name}, .oldest = {}});
  const auto points = book.List(seen.set.uid, deadline);
  if (!points && points.error().kind == Error::Kind::kGiveUp) {
    seen.point_problem =
        fmt::format("ConfigMap {}: {}", PointBookName(seen.set.name), points.error().message);
    return Ok();
  }
  if (!points) return points.error();
  if (points->empty()) return Ok();
  const backup::Point& newest = *std::ranges::max_element(*points, {}, &backup::Point::number);
  const auto table = RestoredTable(NameOf(seen.set), seen.set.spec.sharding.key_space, newest);
  if (table) {
    seen.point = newest;
  } else {
    seen.point_problem =
        fmt::format("the routing table of point {}: {}", newest.number, table.error().message);
  }
  return Ok();
}

std::string TextOf(const std::map<std::string, std::string>& map, const char* key) {
  const auto found = map.find(key);
  return found != map.end() ? found->second : std::string();
}

}  // namespace

Result<std::optional<VerificationObservation>> ObserveVerification(kube::KubeApi& kube,
                                                                   const Clock& clock,
                                                                   const kube::ObjectRef& ref,
                                                                   Deadline deadline) {
  using Nothing = std::optional<VerificationObservation>;
  const auto object = kube.Get(kube::kShardSets, ref, deadline);
  if (!object) return object.error();
  if (!*object) return Nothing();
  Result<model::ShardSet> set = ParseShardSet((*object)->json);
  if (!set || set->deleting) return Nothing();
  const bool left = set->status.backup && set->status.backup->verification;
  if (!IsWanted(*set) && !left) return Nothing();
  VerificationObservation seen;
  seen.now = clock.Wall();
  seen.set = *std::move(set);
  seen.ready = IsTrue(seen.set.status.conditions, "Ready");
  seen.paused = TextOf((*object)->metadata.annotations, kPauseAnnotation) == "true";
  seen.request = TextOf((*object)->metadata.annotations, kVerifyBackupAnnotation);
  if (const Status read = ReadShards(kube, seen, deadline); !read) return read.error();
  if (!IsWanted(seen.set)) return std::optional(std::move(seen));
  const auto files = ReadBackupFiles(kube, seen.set.name_space, *seen.set.spec.backup, deadline);
  if (!files && files.error().reason != "BackupSecretMissing") return files.error();
  if (!files) seen.secret_problem = files.error().message;
  const bool works = std::ranges::any_of(
      seen.shards, [](const VerificationShardSeen& shard) { return shard.job.exists; });
  if (!left || !seen.set.status.backup->verification->running || works)
    return std::optional(std::move(seen));
  if (const Status read = ReadPoint(kube, seen, deadline); !read) return read.error();
  return std::optional(std::move(seen));
}

}  // namespace foreshard::op

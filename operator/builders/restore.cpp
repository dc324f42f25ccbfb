#include "operator/builders/restore.h"

#include <fmt/format.h>

#include "operator/builders/backup.h"
#include "operator/builders/pod_parts.h"
#include "operator/builders/restore_text.h"

namespace foreshard::op {
namespace {

constexpr const char* kDataFolder = "/data/pg";
constexpr const char* kScript = "python3 /etc/foreshard/restore/restore.py";
constexpr const char* kMethod = "foreshard_restore";

// A claim that is mounted for backups too is one volume of the pod: the same claim twice would keep
// it from starting.
bool IsMountedForBackups(const model::ShardSetSpec& spec) {
  return spec.backup && spec.backup->claim_name == spec.restore_from->repository.claim_name;
}

BackupPlaces PlacesOf(const model::ShardSetSpec& spec) {
  BackupPlaces places{.config = "/etc/foreshard/restore",
                      .secret = "/etc/foreshard/restore-secret",
                      .repository = "/restore-repository"};
  if (IsMountedForBackups(spec)) places.repository = kBackupPlaces.repository;
  return places;
}

}  // namespace

std::string RestoreName(const SetName& set) { return set.name + "-restore"; }
std::string RestoreConfigName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-restore";
}

Value BuildRestoreConfigMap(const SetName& set, const model::ShardId& shard,
                            const model::ShardSetSpec& spec, const ShardRestore& restore) {
  const model::RestoreSpec& from = *spec.restore_from;
  const BackupPlaces places = PlacesOf(spec);
  const SetName old{.name_space = set.name_space, .name = from.set, .uid = {}};
  const Value wish = Value::Object({{"stanza", shard.value},
                                    {"scope", ShardName(set, shard)},
                                    {"target", restore.target},
                                    {"timeline", restore.point.timeline},
                                    {"lsn", restore.point.lsn},
                                    {"systemIdentifier", restore.point.system_identifier},
                                    {"dataFolder", kDataFolder},
                                    {"secretFolder", places.secret}});
  Value object = NewObject(set, {.api_version = "v1",
                                 .kind = "ConfigMap",
                                 .name = RestoreConfigName(set, shard),
                                 .component = Component::kShard,
                                 .shard = shard});
  object.Set("data", Value::Object({{"restore.json", ToPrettyJson(wish)},
                                    {"restore.conf", fmt::format("[global]\n{}{}[{}]\npg1-path={}\n",
                                                                 RepositoryLines(old, from.repository,
                                                                                 places),
                                                                 CommonLines("warn"), shard,
                                                                 kDataFolder)},
                                    {"restore.py", kRestoreScript}}));
  return Hashed(std::move(object));
}

void AddRestoreToPod(const SetName& set, const model::ShardId& shard,
                     const model::ShardSetSpec& spec, Value& pod) {
  const BackupPlaces places = PlacesOf(spec);
  const std::string& claim = spec.restore_from->repository.claim_name;
  const bool own_volume = !claim.empty() && !IsMountedForBackups(spec);
  Value containers = Value::Array();
  for (Value container : pod["containers"].Items()) {
    if (container["name"].Text() == "postgres") {
      const std::string command = container["command"].Items().at(2).Text();
      container.Set("command", Value::Array({"sh", "-ec", fmt::format("{} again; {}", kScript,
                                                                      command)}));
      container.Member("volumeMounts").Add(Mount("restore-config", places.config, true));
      container.Member("volumeMounts").Add(Mount("restore-secret", places.secret, true));
      if (own_volume)
        container.Member("volumeMounts").Add(Mount("restore-repository", places.repository));
    }
    containers.Add(std::move(container));
  }
  pod.Set("containers", std::move(containers));
  pod.Member("volumes").Add(ConfigVolume("restore-config", RestoreConfigName(set, shard)));
  pod.Member("volumes").Add(SecretVolume("restore-secret", RestoreName(set), 0440));
  if (!own_volume) return;
  pod.Member("volumes").Add(Value::Object(
      {{"name", "restore-repository"},
       {"persistentVolumeClaim", Value::Object({{"claimName", claim}})}}));
}

void AddRestoreToBootstrap(Value& bootstrap) {
  bootstrap.Set("method", kMethod);
  // The recovery settings are pgBackRest's; they know the point.
  bootstrap.Set(kMethod, Value::Object({{"command", kScript},
                                        {"no_params", true},
                                        {"keep_existing_recovery_conf", true}}));
  bootstrap.Set("post_bootstrap", fmt::format("{} opened", kScript));
}

}  // namespace foreshard::op

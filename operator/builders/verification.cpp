#include "operator/builders/verification.h"

#include <fmt/format.h>

#include <algorithm>

#include "operator/builders/backup.h"
#include "operator/builders/pod_parts.h"
#include "operator/builders/restore_text.h"
#include "operator/builders/verify_text.h"

namespace foreshard::op {
namespace {

constexpr const char* kScratch = "/scratch";
constexpr const char* kDataFolder = "/scratch/pg";
constexpr int kJobSecondsMax = 24 * 3600;
constexpr int kJobKeptSeconds = 3600;  // the operator removes it as soon as its result is told

Value Wish(const SetName& set, const model::ShardSetSpec& spec, const VerificationJob& job) {
  Value tables = Value::Array();
  for (const model::ShardedTable& table : spec.sharding.tables) tables.Add(table.name);
  Value wish = Value::Object({{"stanza", job.shard.value},
                              {"scope", ShardName(set, job.shard)},
                              {"target", ""},
                              {"timeline", 0},
                              {"lsn", "0/0"},
                              {"systemIdentifier", ""},
                              {"epoch", 0},
                              {"dataFolder", kDataFolder},
                              {"secretFolder", kBackupPlaces.secret},
                              {"database", spec.postgres.database},
                              {"tables", std::move(tables)}});
  if (!job.point) return wish;
  const auto place =
      std::ranges::find(job.point->shards, job.shard, &backup::ShardPoint::shard);
  CHECK(place != job.point->shards.end(), "a point without this shard", job.shard);
  wish.Set("target", backup::PointName(job.point->state.set_uid, job.point->number));
  wish.Set("timeline", place->timeline).Set("lsn", place->lsn);
  wish.Set("systemIdentifier", place->system_identifier);
  wish.Set("epoch", job.point->state.epoch.value);
  return wish;
}

Value Container(const SetName& set, const model::ShardSetSpec& spec, const VerificationJob& job,
                const Images& images) {
  Value mounts = Value::Array({Mount("backup-config", kBackupPlaces.config, true),
                               Mount("backup-secret", kBackupPlaces.secret, true),
                               Mount("scratch", kScratch), Mount("tmp", "/tmp")});
  if (!spec.backup->claim_name.empty())
    mounts.Add(Mount("repository", kBackupPlaces.repository, true));
  return Value::Object(
      {{"name", "verify"},
       {"image", images.postgres},
       {"imagePullPolicy", images.pull_policy},
       {"command",
        Value::Array({"python3", fmt::format("{}/verify.py", kBackupPlaces.config)})},
       {"env", Value::Array({EnvText("FORESHARD_VERIFY", ToJson(Wish(set, spec, job))),
                             EnvText("PGTZ", "UTC")})},
       {"terminationMessagePath", "/dev/termination-log"},
       {"terminationMessagePolicy", "FallbackToLogsOnError"},
       {"resources",
        Value::Object(
            {{"requests", Value::Object({{"cpu", "50m"}, {"memory", "256Mi"}})},
             {"limits", Value::Object({{"cpu", "1"}, {"memory", "1Gi"}})}})},
       {"securityContext", ContainerSecurity()},
       {"volumeMounts", std::move(mounts)}});
}

// Kubernetes makes this claim with the pod and removes it with the pod. It has no label of ours: it
// is no member's.
Value ScratchVolume(const model::StorageSpec& storage) {
  Value claim = Value::Object(
      {{"accessModes", Value::Array({"ReadWriteOnce"})},
       {"resources",
        Value::Object({{"requests", Value::Object({{"storage", storage.size}})}})}});
  if (!storage.storage_class_name.empty())
    claim.Set("storageClassName", storage.storage_class_name);
  return Value::Object(
      {{"name", "scratch"},
       {"ephemeral", Value::Object({{"volumeClaimTemplate",
                                     Value::Object({{"spec", std::move(claim)}})}})}});
}

}  // namespace

std::string VerificationJobName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-verify";
}

void AddVerificationFiles(const SetName& set, const model::ShardId& shard,
                          const model::BackupSpec& backup, Value& data) {
  data.Set("verify.conf",
           fmt::format("[global]\n{}{}[{}]\npg1-path={}\n",
                       RepositoryLines(set, backup, kBackupPlaces), CommonLines("warn"), shard,
                       kDataFolder));
  data.Set("verify.py", kVerifyScript);
  data.Set("restore.py", kRestoreScript);
}

Value BuildVerificationJob(const SetName& set, const model::ShardSetSpec& spec,
                           const VerificationJob& job, const Images& images) {
  Value volumes = Value::Array({ConfigVolume("backup-config", BackupConfigName(set, job.shard)),
                                SecretVolume("backup-secret", BackupSecret(set), 0440),
                                ScratchVolume(spec.shard_template.storage), EmptyDir("tmp")});
  const std::string& claim = spec.backup->claim_name;
  if (!claim.empty()) {
    volumes.Add(Value::Object(
        {{"name", "repository"},
         {"persistentVolumeClaim", Value::Object({{"claimName", claim}})}}));
  }
  Value object = BuildJobBesideShards(set, spec,
                                      {.name = VerificationJobName(set, job.shard),
                                       .component = Component::kVerification,
                                       .shard = job.shard,
                                       .run = job.run,
                                       .container = Container(set, spec, job, images),
                                       .volumes = std::move(volumes),
                                       .seconds_max = kJobSecondsMax,
                                       .kept_seconds = kJobKeptSeconds},
                                      images);
  object.Member("spec").Member("template").Member("metadata").Member("labels").Set(
      kRepositoryLabel, claim.empty() ? "s3" : "volume");
  return object;
}

Result<model::ShardVerification> ParseVerificationResult(const model::ShardId& shard,
                                                         const std::string& time,
                                                         const std::string& message) {
  const Result<Value> json = ParseJson(message);
  if (!json || (*json)["label"].Text().empty() || !(*json)["pages"].is_int())
    return Error::GiveUp("the verification ended well, but what it has seen is not known");
  return model::ShardVerification{.id = shard,
                                  .time = time,
                                  .label = (*json)["label"].Text(),
                                  .point = (*json)["point"].Text(),
                                  .rows = (*json)["rows"].Int(),
                                  .pages = (*json)["pages"].Int(),
                                  .seconds = (*json)["seconds"].Int(),
                                  .problem = {}};
}

}  // namespace foreshard::op

#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/images.h"
#include "operator/builders/names.h"
#include "operator/certificates.h"

// How pgBackRest is set, and where it runs (docs/adr/0057): in each PostgreSQL container for WAL,
// as a server beside it for who wants a copy of its files, and in one Job for each base backup.

namespace foreshard::op {

inline constexpr int kBackupPort = 8432;  // pgBackRest's own protocol, TLS with certificates
inline constexpr const char* kBackupContainer = "backup";

// Where a container finds them.
struct BackupPlaces {
  const char* config;
  const char* secret;
  const char* repository;  // of a claim
};
inline constexpr BackupPlaces kBackupPlaces{.config = "/etc/foreshard/backup",
                                            .secret = "/etc/foreshard/backup-secret",
                                            .repository = "/repository"};

// Lines of pgBackRest's section [global]: the repository of the set, and what all commands share.
// Logs go to the container's output; a lock is one pod's.
std::string RepositoryLines(const SetName& set, const model::BackupSpec& backup,
                            const BackupPlaces& places);
std::string CommonLines(std::string_view level);

// On a Job and its pods: which shard is copied, and in which turn. The label of shards is not used,
// since it makes a pod a member.
inline constexpr const char* kBackupShardLabel = "foreshard.dev/backup-shard";
inline constexpr const char* kBackupRunLabel = "foreshard.dev/backup-run";

std::string BackupConfigName(const SetName& set, const model::ShardId& shard);  // a ConfigMap
std::string BackupJobName(const SetName& set, const model::ShardId& shard);
std::string BackupSecret(const SetName& set);     // orders-backup
std::string BackupTlsSecret(const SetName& set);  // orders-backup-tls

// What a Job shows to a shard's server.
CertificateRequest BackupCertificate(const SetName& set);

// ConfigMap with `shard.conf` (of the pods) and `job.conf`, and where backups are verified what that
// Job needs. Nothing in it is secret.
// REQUIRES: spec.backup.
Value BuildBackupConfigMap(const SetName& set, const model::ShardId& shard,
                           const model::ShardSetSpec& spec);

using SecretReader =
    std::function<Result<std::map<std::string, std::string>>(const std::string& name)>;
// Files of <set>-backup, the only place with passphrase and keys besides the user's own Secrets:
// `secret.conf` for pgBackRest, and ca.crt of the store.
// Errors: those of the reader; kRetry "BackupSecretMissing" naming Secret and key that are missing
// or of another form.
Result<std::map<std::string, std::string>> BackupSecretFiles(const model::BackupSpec& backup,
                                                             const SecretReader& read);

// Puts archiving into the pod of a shard: volumes, environment and mounts of its PostgreSQL
// container, and the server beside it. REQUIRES: spec.backup.
void AddBackupToPod(const SetName& set, const model::ShardId& shard,
                    const model::ShardSetSpec& spec, const Images& images, Value& pod);

// A Job beside the shards of a set, tried once; who made it tries again with patience.
struct BackupJobParts {
  std::string name;
  Component component = Component::kBackup;
  model::ShardId shard;
  std::string run;  // of the label
  Value container;
  Value volumes;
  int seconds_max = 0;
  int kept_seconds = 0;  // for its log
};
Value BuildJobBesideShards(const SetName& set, const model::ShardSetSpec& spec,
                           const BackupJobParts& parts, const Images& images);

// One base backup of one shard. What it was is the last message of its container
// (ParseBackupResult). REQUIRES: spec.backup.
struct BackupJob {
  model::ShardId shard;
  std::string primary;  // its pod
  model::BackupType type = model::BackupType::kFull;
  std::string run;  // of the label
};
Value BuildBackupJob(const SetName& set, const model::ShardSetSpec& spec, const BackupJob& job,
                     const Images& images);

// Errors: kGiveUp where it is no such message.
Result<model::ShardBackup> ParseBackupResult(const model::ShardId& shard,
                                             const std::string& message);

}  // namespace foreshard::op

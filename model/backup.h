#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"

// Backups of a set as its owner wants them, and what is known about them (docs/adr/0057).

namespace foreshard::model {

struct S3Repository {
  std::string endpoint;
  std::string bucket;
  std::string region;
  std::string path;                     // "": /<namespace>/<set>
  std::string credentials_secret_name;  // keys accessKeyId, secretAccessKey
  std::string ca_secret_name;           // key ca.crt; "": the CAs of the image
  bool path_style = false;              // false: the bucket is part of the host's name
  bool operator==(const S3Repository&) const = default;
};

struct BackupSpec {
  std::string claim_name;  // a PersistentVolumeClaim; "": s3
  std::optional<S3Repository> s3;
  std::string encryption_secret_name;              // key passphrase; "": not encrypted
  std::string full_schedule = "0 1 * * 0";         // five cron fields
  std::string incremental_schedule = "0 1 * * *";  // the same
  std::string time_zone = "UTC";
  int retain_full = 2;
  std::chrono::milliseconds point_interval = std::chrono::minutes(5);
  std::optional<std::string> verification_schedule{};  // five cron fields; nothing: not wanted
  bool operator==(const BackupSpec&) const = default;
};

// `spec.restoreFrom`: the set begins as another one was at one of its points (docs/adr/0061).
struct RestoreSpec {
  std::string set;    // whose points, in ConfigMap <set>-points
  std::string point;  // "foreshard/<uid>/17", "17", or a time: the newest point at or before it
  // Where its backups are. Of this only claim, store and passphrase mean something.
  BackupSpec repository;
  bool operator==(const RestoreSpec&) const = default;
};

enum class BackupType { kFull, kIncremental };

// The newest base backup of one shard, as pgBackRest tells it. Times are RFC 3339.
struct ShardBackup {
  ShardId id;
  std::string type;   // full | diff | incr: what it became
  std::string label;  // pgBackRest's name of it
  std::string start_time;
  std::string time;                   // it had ended
  std::int64_t size_bytes = 0;        // of the database
  std::int64_t repository_bytes = 0;  // what it added to the repository
  std::string oldest_time;            // the oldest backup that is kept had ended
  bool operator==(const ShardBackup&) const = default;
};

// One complete turn over all shards.
struct BackupDone {
  std::string start_time;
  std::string time;
  std::int64_t size_bytes = 0;
  std::int64_t repository_bytes = 0;
  bool operator==(const BackupDone&) const = default;
};

// A turn that is under way: shards one after the other.
struct BackupRun {
  std::string request;  // the annotation that it answers; "": none
  BackupType type = BackupType::kFull;
  std::string start_time;
  std::vector<ShardBackup> done;  // of this turn
  int failures = 0;               // in a row
  std::string retry_time;         // not before; "": at once
  std::string problem;            // of the last failure
  bool operator==(const BackupRun&) const = default;
};

struct BackupPoint {
  std::int64_t number = 0;
  std::string time;
  bool operator==(const BackupPoint&) const = default;
};

// What the newest restore of one shard's backup has shown (docs/adr/0066).
struct ShardVerification {
  ShardId id;
  std::string time;   // it had ended
  std::string label;  // of the backup
  std::string point;  // to which it recovered; "": where the backup is consistent
  std::int64_t rows = 0;   // of the sharded tables
  std::int64_t pages = 0;  // with a checksum that is right
  std::int64_t seconds = 0;
  std::string problem;  // "": nothing is wrong
  bool operator==(const ShardVerification&) const = default;
};

// Shards one after the other.
struct VerificationRun {
  std::string request;  // the annotation that it answers; "": none
  std::string start_time;
  std::vector<ShardId> done;  // of this turn, ordered
  int failures = 0;           // of the shard that is next
  std::string retry_time;     // not before; "": at once
  std::string problem;        // of the last failure
  bool operator==(const VerificationRun&) const = default;
};

struct VerificationStatus {
  std::string request;     // the annotation that was answered last
  std::string start_time;  // the newest turn that has ended began
  std::string time;        // the newest turn that found nothing wrong had ended
  std::int64_t seconds = 0;  // how long that took
  std::string due_time;      // since when one is due that finds nothing wrong; "": none is
  std::vector<ShardVerification> shards;  // ordered by id
  std::int64_t failures = 0;              // of all time
  std::optional<VerificationRun> running;
  bool operator==(const VerificationStatus&) const = default;
};

struct BackupStatus {
  std::string request;  // the annotation that was answered last
  std::optional<BackupDone> last_full;
  std::optional<BackupDone> last_incremental;
  std::vector<ShardBackup> shards;  // ordered by id
  std::string oldest_time;          // every shard can be restored to any later point
  std::int64_t failures = 0;        // of all time
  std::optional<BackupRun> running;
  // Written by who makes the points.
  std::optional<BackupPoint> last_point;
  std::string point_problem;  // of the newest attempt; "": it was kept
  // Written by who verifies.
  std::optional<VerificationStatus> verification{};
  bool operator==(const BackupStatus&) const = default;
};

}  // namespace foreshard::model

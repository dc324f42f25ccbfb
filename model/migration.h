#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/key_space.h"
#include "model/shard_set.h"

// One ShardMigration as the API has it. The phase is text here: what it means is
// `migration/phase.h`, a layer above.

namespace foreshard::model {

enum class MigrationType { kSplit, kMove, kMerge, kIsolate, kMoveKeys };

struct ShardMigrationSpec {
  std::string shard_set_name;
  MigrationType type = MigrationType::kSplit;
  ShardId source;
  ShardId destination;            // empty: a new shard, named in the status
  std::optional<KeyRange> range;  // Split, Move
  std::vector<std::string> keys;  // Isolate, MoveKeys
  std::chrono::milliseconds deadline = std::chrono::hours(6);
  std::chrono::milliseconds soak = std::chrono::minutes(10);
  bool dry_run = false;
  bool rehearse = false;
  bool approved = false;
  bool paused = false;
  bool abort = false;
  bool rollback = false;
};

struct MigrationProgress {
  std::int64_t copied_rows = 0;
  std::int64_t total_rows_estimate = 0;
  std::int64_t copied_bytes = 0;
  std::int64_t total_bytes_estimate = 0;
  int copy_percent = -1;
  std::int64_t copy_rows_per_second = 0;  // over the last minute; 0: not known
  std::int64_t copy_seconds_left = -1;    // at that speed; -1: not known
  std::int64_t lag_millis = 0;
  bool operator==(const MigrationProgress&) const = default;
};

// What a phase took, all its visits together. -1: not known.
struct MigrationPhase {
  std::string phase;
  std::int64_t visits = 0;
  std::int64_t millis = 0;
  std::int64_t hold_millis = -1;  // the longest; of phases that hold clients
  // How the source served meanwhile; of Planned: in the half hour before.
  std::int64_t statements_per_second = -1;
  std::int64_t errors_per_million = -1;
  std::int64_t p99_micros = -1;
  bool operator==(const MigrationPhase&) const = default;
};

struct CutoverStatus {
  std::int64_t hold_millis = 0;
  std::int64_t fenced_retries = 0;
  int routers_acknowledged = 0;
  std::int64_t epoch = 0;
  bool operator==(const CutoverStatus&) const = default;
};

struct MigrationEstimate {
  std::int64_t duration_seconds = 0;
  std::int64_t p80_duration_seconds = 0;
  bool operator==(const MigrationEstimate&) const = default;
};

struct ShardMigrationStatus {
  std::int64_t observed_generation = 0;
  std::int32_t number = 0;  // 0: not given yet
  std::int64_t record = 0;
  std::int32_t attempt = 0;
  std::string phase;
  std::string phase_start_time;  // RFC 3339 with microseconds: limits, soak, the next attempt
  // The shard that gains the keys, once chosen: the intent by which a new shard is made, recorded
  // before it exists.
  ShardId destination;
  // Merge: all that the source owned when the number was given. Afterwards the table cannot say it.
  std::optional<KeyRange> range;
  std::vector<Condition> conditions;
  MigrationProgress progress;
  std::optional<CutoverStatus> cutover;
  std::optional<MigrationEstimate> estimate;
  std::vector<MigrationPhase> phases{};  // those that are over, in the order of their first visit
  std::string start_time;
  std::string completion_time;  // "": it is not over
  std::string job_name;
  bool operator==(const ShardMigrationStatus&) const = default;
};

struct ShardMigration {
  std::string name_space;
  std::string name;
  std::string uid;
  std::int64_t generation = 0;
  std::string resource_version;
  std::string creation_timestamp;
  bool deleting = false;
  std::vector<std::string> finalizers;
  ShardMigrationSpec spec;
  ShardMigrationStatus status;
};

}  // namespace foreshard::model

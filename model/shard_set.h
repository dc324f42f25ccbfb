#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/audit.h"
#include "model/backup.h"
#include "model/ids.h"
#include "model/key_space.h"

// One sharded database as its owner describes it, and what is known about it. Plain values: JSON is
// turned into these once, in operator/api/.

namespace foreshard::model {

enum class ScalingMode { kOff, kObserve, kRecommend, kAuto };
enum class TlsMode { kDisable, kPrefer, kRequire };
enum class ReadConsistency { kStrong, kReadYourWrites, kBounded, kEventual };
enum class DeletionPolicy { kRetain, kDelete };

struct DatabaseParameter {
  std::string name;
  std::string value;
  bool operator==(const DatabaseParameter&) const = default;
};

struct PostgresSpec {
  std::string version = "15";
  std::string database = "app";
  std::vector<DatabaseParameter> parameters;
};

struct ShardedTable {
  std::string name;  // schema.table
  std::string column;
  bool operator==(const ShardedTable&) const = default;
};

struct ShardingSpec {
  KeySpace key_space;
  std::vector<ShardedTable> tables;
  std::vector<std::string> reference_tables;
  int initial_shards = 2;
};

// Quantities as they were written, by resource name ("cpu" -> "500m").
struct ComputeResources {
  std::map<std::string, std::string> requests;
  std::map<std::string, std::string> limits;
};

struct StorageSpec {
  std::string size;  // quantity as written
  std::int64_t size_bytes = 0;
  std::string max_size;  // "": volumes do not grow by themselves
  std::int64_t max_size_bytes = 0;
  std::string storage_class_name;
};

struct ShardTemplate {
  int members = 2;
  bool synchronous_replication = true;
  StorageSpec storage;
  ComputeResources resources;
  std::vector<std::string> zones;
  // Fields of pods that pass through; the JSON texts are "" where nothing was given.
  std::string affinity_json;
  std::string tolerations_json;
  std::map<std::string, std::string> node_selector;
  std::string priority_class_name;
};

// Of which statements the routers write a line, and how much of it is told as it was said.
struct AccessLogSpec {
  int one_in = 0;      // one statement in so many, by chance; 0: none
  bool users = false;  // names of users instead of hashes
  bool keys = false;   // sharding keys instead of hashes
};

struct RouterSpec {
  int replicas = 2;
  std::string service_type = "ClusterIP";
  int port = 5432;
  int server_connections_per_shard = 20;
  int client_connections = 2000;
  ComputeResources resources;
  TlsMode tls_mode = TlsMode::kPrefer;
  std::string tls_secret_name;  // "": the operator's own CA issues one
  ReadConsistency read_consistency = ReadConsistency::kStrong;
  std::chrono::milliseconds bounded_staleness{500};
  AccessLogSpec access_log;
};

struct FreezeWindow {
  std::string name;
  std::string schedule;  // five cron fields
  std::chrono::milliseconds duration{0};
  std::string time_zone = "UTC";
};

struct ScalingSpec {
  ScalingMode mode = ScalingMode::kRecommend;
  int min_shards = 2;
  int max_shards = 16;
  int max_members = 5;
  int target_cpu_percent = 74;
  int limit_cpu_percent = 80;
  int target_storage_percent = 70;
  std::chrono::milliseconds bin = std::chrono::minutes(5);
  std::vector<std::chrono::milliseconds> seasons;
  std::chrono::milliseconds horizon = std::chrono::hours(2);
  int plan_quantile_percent = 75;
  int benefit_ratio_percent = 130;
  int scale_in_confirmations = 3;
  std::chrono::milliseconds cool_down = std::chrono::hours(1);
  int max_concurrent_migrations = 1;
  std::int64_t max_moved_bytes_per_hour = std::int64_t{50} << 30;
  std::vector<FreezeWindow> freeze_windows;
};

struct MetricsSpec {
  std::string prometheus_url;  // "": the one installed with the operator
  std::chrono::milliseconds history = std::chrono::hours(24 * 28);
  std::string selector;
};

struct ShardSetSpec {
  PostgresSpec postgres;
  ShardingSpec sharding;
  ShardTemplate shard_template;
  RouterSpec router;
  ScalingSpec scaling;
  MetricsSpec metrics;
  std::optional<BackupSpec> backup;  // none: no backups, and no WAL is archived
  std::optional<RestoreSpec> restore_from;  // none: it begins empty
  DeletionPolicy deletion_policy = DeletionPolicy::kRetain;
};

// What the API conventions call a condition. The writer gives the transition time; reading keeps
// the one that is there.
struct Condition {
  std::string type;
  std::string status;  // True | False | Unknown
  std::string reason;
  std::string message;
  std::int64_t observed_generation = 0;
  std::string last_transition_time;  // RFC 3339
  bool operator==(const Condition&) const = default;
};

struct ShardStatus {
  ShardId id;
  bool ready = false;
  std::string primary;              // pod
  int members = 0;                  // ready ones
  std::vector<std::string> ranges;  // "40-80"
  std::int64_t size_bytes = 0;
  std::string reason;  // why it is not ready
  // Written by the scaling controller.
  std::optional<int> cpu_percent;
  std::optional<int> load_score_percent;
  std::optional<int> forecast_peak_percent;
  std::string forecast_peak_time;
  bool operator==(const ShardStatus&) const = default;
};

struct OrphanedShard {
  ShardId id;
  std::string reason;
  bool operator==(const OrphanedShard&) const = default;
};

struct PlanStep {
  std::string type;  // the five migration types, AddMember, RemoveMember
  ShardId shard;
  std::string at;
  std::string start_time;
  std::string reason;
  bool operator==(const PlanStep&) const = default;
};

struct PlanStatus {
  std::string time;
  std::vector<PlanStep> steps;
  std::string summary;
  std::string decision;  // NoChange | Waiting | Recommended | Executing | Blocked
  bool operator==(const PlanStatus&) const = default;
};

struct ShardSetStatus {
  std::int64_t observed_generation = 0;
  int shards = 0;
  int ready_shards = 0;
  int members = 0;
  int router_replicas = 0;
  std::string router_selector;
  std::int64_t epoch = 0;
  std::string endpoint;
  std::string secret_name;
  std::vector<Condition> conditions;
  std::vector<ShardStatus> shard_statuses;  // ordered by id
  std::vector<OrphanedShard> orphaned_shards;
  std::optional<PlanStatus> plan;      // written by the scaling controller
  std::optional<AuditStatus> audit;    // written by the audit controller
  std::optional<BackupStatus> backup;  // written by the backup controller
  bool operator==(const ShardSetStatus&) const = default;
};

struct ShardSet {
  std::string name_space;
  std::string name;
  std::string uid;
  std::int64_t generation = 0;
  std::string resource_version;
  bool deleting = false;
  std::vector<std::string> finalizers;
  ShardSetSpec spec;
  ShardSetStatus status;
};

// What is known about the future that history cannot show.
struct LoadEvent {
  std::string name_space;
  std::string name;
  std::int64_t generation = 0;
  std::string shard_set_name;
  std::string event_class;
  std::string start;  // RFC 3339
  std::chrono::milliseconds duration{0};
  std::string recurrence;
  std::string time_zone = "UTC";
  std::chrono::milliseconds before{0};
  std::chrono::milliseconds after{0};
  std::optional<int> expected_multiplier_percent;
  std::vector<ShardId> shards;
  std::vector<std::string> keys;
  std::vector<Condition> conditions;  // of its status
};

}  // namespace foreshard::model

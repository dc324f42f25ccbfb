#include "operator/api/shard_set_spec.h"

#include <algorithm>
#include <array>
#include <set>

#include "operator/api/backup_json.h"
#include "operator/api/enum_names.h"
#include "operator/calendar/occurrences.h"

namespace foreshard::op {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

// What the operator itself relies on. The CRD refuses the same names.
constexpr std::array<std::string_view, 40> kReservedParameters = {"wal_level",
                                                                  "max_replication_slots",
                                                                  "max_wal_senders",
                                                                  "max_prepared_transactions",
                                                                  "max_slot_wal_keep_size",
                                                                  "max_logical_replication_workers",
                                                                  "max_worker_processes",
                                                                  "hot_standby",
                                                                  "hot_standby_feedback",
                                                                  "wal_log_hints",
                                                                  "track_commit_timestamp",
                                                                  "listen_addresses",
                                                                  "port",
                                                                  "unix_socket_directories",
                                                                  "data_directory",
                                                                  "config_file",
                                                                  "hba_file",
                                                                  "ident_file",
                                                                  "external_pid_file",
                                                                  "cluster_name",
                                                                  "primary_conninfo",
                                                                  "primary_slot_name",
                                                                  "restore_command",
                                                                  "recovery_target_timeline",
                                                                  "synchronous_standby_names",
                                                                  "synchronous_commit",
                                                                  "fsync",
                                                                  "full_page_writes",
                                                                  "archive_mode",
                                                                  "archive_command",
                                                                  "password_encryption",
                                                                  "session_replication_role",
                                                                  "default_transaction_read_only",
                                                                  "ssl",
                                                                  "ssl_ca_file",
                                                                  "ssl_cert_file",
                                                                  "ssl_key_file",
                                                                  "ssl_crl_file",
                                                                  "event_source",
                                                                  "allow_system_table_mods"};

constexpr std::size_t kFreezeWindowsMax = 32;  // as the CRD says

constexpr std::array<std::string_view, 3> kTakenDatabases = {"postgres", "template0", "template1"};
constexpr std::array<std::string_view, 3> kServiceTypes = {"ClusterIP", "NodePort", "LoadBalancer"};

bool IsIdentifier(std::string_view text, bool dollar) {
  if (text.empty() || text.size() > 63) return false;
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  if (!letter(text[0])) return false;
  return std::ranges::all_of(text.substr(1), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || (dollar && c == '$');
  });
}

void CheckTableName(const std::string& path, const std::string& name, Problems& problems) {
  const std::size_t dot = name.find('.');
  const bool good = dot != std::string::npos &&
                    IsIdentifier(std::string_view(name).substr(0, dot), true) &&
                    IsIdentifier(std::string_view(name).substr(dot + 1), true);
  if (!good) {
    problems.Add(path, name, "schema.table, for example public.orders");
    return;
  }
  if (name.starts_with("pg_") || name.starts_with("information_schema.") ||
      name.starts_with("foreshard.")) {
    problems.Add(path, name, "a table outside the system schemas");
  }
}

model::PostgresSpec ReadPostgres(const Fields& fields) {
  model::PostgresSpec postgres;
  postgres.version = fields.Text("version", "15");
  if (postgres.version != "15")
    fields.problems().Add(fields.PathOf("version"), postgres.version, "15");
  postgres.database = fields.Text("database", "app");
  const bool taken = std::ranges::find(kTakenDatabases, postgres.database) != kTakenDatabases.end();
  if (!IsIdentifier(postgres.database, false) || taken) {
    fields.problems().Add(fields.PathOf("database"), postgres.database,
                          "a lower-case name other than postgres, template0 and template1");
  }
  for (const Fields& item : fields.ObjectList("parameters")) {
    model::DatabaseParameter parameter{item.RequiredText("name"), item.Text("value")};
    if (std::ranges::find(kReservedParameters, parameter.name) != kReservedParameters.end()) {
      item.problems().Add(item.PathOf("name"), parameter.name,
                          "a setting that the operator does not set itself");
    }
    if (parameter.value.find_first_of("\r\n") != std::string::npos) {
      item.problems().Add(item.PathOf("value"), parameter.value, "one line");
    }
    postgres.parameters.push_back(std::move(parameter));
  }
  return postgres;
}

model::ShardingSpec ReadSharding(const Fields& fields) {
  model::ShardingSpec sharding;
  sharding.key_space.strategy =
      fields.OneOf("strategy", Names(kStrategyNames), model::Strategy::kHash);
  sharding.key_space.key_type =
      fields.OneOf("keyType", Names(kKeyTypeNames), model::KeyType::kBigint);
  sharding.initial_shards = fields.Small("initialShards", 2, {.least = 1, .most = 256});
  std::set<std::string> names;
  for (const Fields& item : fields.ObjectList("tables")) {
    model::ShardedTable table{item.RequiredText("name"), item.RequiredText("column")};
    CheckTableName(item.PathOf("name"), table.name, item.problems());
    if (!table.column.empty() && !IsIdentifier(table.column, true)) {
      item.problems().Add(item.PathOf("column"), table.column, "a plain column name");
    }
    if (!names.insert(table.name).second) {
      item.problems().Add(item.PathOf("name"), table.name, "each table once");
    }
    sharding.tables.push_back(std::move(table));
  }
  if (sharding.tables.empty())
    fields.problems().Add(fields.PathOf("tables"), "[]", "at least one table");
  sharding.reference_tables = fields.TextList("referenceTables");
  for (std::size_t i = 0; i < sharding.reference_tables.size(); ++i) {
    const std::string& table = sharding.reference_tables[i];
    const std::string path = fields.PathOf("referenceTables") + "[" + std::to_string(i) + "]";
    CheckTableName(path, table, fields.problems());
    if (!names.insert(table).second)
      fields.problems().Add(path, table, "each table once, in one of the lists");
  }
  return sharding;
}

model::ComputeResources ReadResources(const Fields& fields) {
  return {.requests = fields.QuantityMap("requests"), .limits = fields.QuantityMap("limits")};
}

std::string PassedThrough(const Fields& fields, std::string_view name) {
  const Value& raw = fields.Raw(name);
  const bool empty = raw.is_null() || (raw.is_object() && raw.Fields().empty()) ||
                     (raw.is_list() && raw.Items().empty());
  return empty ? std::string() : ToJson(raw);
}

model::ShardTemplate ReadTemplate(const Fields& fields) {
  model::ShardTemplate shard;
  shard.members = fields.Small("members", 2, {.least = 1, .most = 9});
  shard.synchronous_replication = fields.Bool("synchronousReplication", true);
  if (shard.synchronous_replication && shard.members == 1) {
    // Strict: the primary would wait for a replica that nobody wants, and take no write ever.
    fields.problems().Add(fields.PathOf("synchronousReplication"), "true",
                          "false with one member, or at least two members");
  }
  const Fields storage = fields.Object("storage");
  const Fields::Quantity size = storage.Size("size");
  if (size.value <= 0)
    storage.problems().Add(storage.PathOf("size"), size.text, "a size, for example 20Gi");
  const Fields::Quantity max_size = storage.Size("maxSize");
  if (!max_size.text.empty() && max_size.value < size.value) {
    storage.problems().Add(storage.PathOf("maxSize"), max_size.text, "at least size, " + size.text);
  }
  shard.storage = {.size = size.text,
                   .size_bytes = size.value,
                   .max_size = max_size.text,
                   .max_size_bytes = max_size.value,
                   .storage_class_name = storage.Text("storageClassName")};
  shard.resources = ReadResources(fields.Object("resources"));
  shard.zones = fields.TextList("zones");
  if (const Value& affinity = fields.Raw("affinity"); !affinity.is_null() && !affinity.is_object())
    fields.problems().Add(fields.PathOf("affinity"), ToJson(affinity), "the affinity of a pod");
  if (const Value& list = fields.Raw("tolerations"); !list.is_null() && !list.is_list())
    fields.problems().Add(fields.PathOf("tolerations"), ToJson(list), "a list of tolerations");
  shard.affinity_json = PassedThrough(fields, "affinity");
  shard.tolerations_json = PassedThrough(fields, "tolerations");
  shard.node_selector = fields.TextMap("nodeSelector");
  shard.priority_class_name = fields.Text("priorityClassName");
  return shard;
}

model::RouterSpec ReadRouter(const Fields& fields) {
  model::RouterSpec router;
  router.replicas = fields.Small("replicas", 2, {.least = 0, .most = 1000});
  const Fields service = fields.Object("service");
  router.service_type = service.Text("type", "ClusterIP");
  if (std::ranges::find(kServiceTypes, router.service_type) == kServiceTypes.end()) {
    service.problems().Add(service.PathOf("type"), router.service_type,
                           "one of ClusterIP, NodePort, LoadBalancer");
  }
  router.port = service.Small("port", 5432, {.least = 1, .most = 65535});
  router.server_connections_per_shard =
      fields.Small("serverConnectionsPerShard", 20, {.least = 1, .most = 10000});
  router.client_connections =
      fields.Small("clientConnections", 2000, {.least = 1, .most = 1'000'000});
  router.resources = ReadResources(fields.Object("resources"));
  const Fields tls = fields.Object("tls");
  router.tls_mode = tls.OneOf("mode", Names(kTlsModeNames), model::TlsMode::kPrefer);
  router.tls_secret_name = tls.Text("secretName");
  router.read_consistency = fields.OneOf("readConsistency", Names(kReadConsistencyNames),
                                         model::ReadConsistency::kStrong);
  router.bounded_staleness = fields.Duration("boundedStaleness", milliseconds(500));
  const Fields access_log = fields.Object("accessLog");
  router.access_log = {.one_in = access_log.Small("oneIn", 0, {.least = 0, .most = 1'000'000'000}),
                       .users = access_log.Bool("users", false),
                       .keys = access_log.Bool("keys", false)};
  return router;
}

std::vector<milliseconds> ReadSeasons(const Fields& fields) {
  if (!fields.Has("seasons")) return {hours(24), hours(168)};
  std::vector<milliseconds> seasons;
  const std::vector<std::string> texts = fields.TextList("seasons");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Value holder = Value::Object({{"season", texts[i]}});
    const Fields one(holder, fields.PathOf("seasons") + "[" + std::to_string(i) + "]",
                     fields.problems());
    seasons.push_back(one.Duration("season", hours(24)));
  }
  return seasons;
}

void CheckSchedule(const Fields& item, const model::FreezeWindow& window) {
  const Status good = CheckWindow(window);
  if (good) return;
  if (good.error().message.starts_with("timeZone")) {
    item.problems().Add(item.PathOf("timeZone"), window.time_zone,
                        "a name of the time zone database, as Europe/Berlin");
  } else {
    item.problems().Add(item.PathOf("schedule"), window.schedule,
                        "five cron fields that happen (" + good.error().message + ")");
  }
}

std::vector<model::FreezeWindow> ReadFreezeWindows(const Fields& fields) {
  std::vector<model::FreezeWindow> windows;
  const std::vector<Fields> items = fields.ObjectList("freezeWindows");
  if (items.size() > kFreezeWindowsMax) {  // each costs a look into the calendar
    fields.problems().Add(fields.PathOf("freezeWindows"), std::to_string(items.size()) + " windows",
                          "at most " + std::to_string(kFreezeWindowsMax));
    return windows;
  }
  for (const Fields& item : items) {
    windows.push_back({.name = item.RequiredText("name"),
                       .schedule = item.RequiredText("schedule"),
                       .duration = item.Duration("duration", milliseconds(0)),
                       .time_zone = item.Text("timeZone", "UTC")});
    if (windows.back().duration <= milliseconds(0)) {
      item.problems().Add(item.PathOf("duration"), item.Text("duration"), "a duration above zero");
    }
    CheckSchedule(item, windows.back());
  }
  return windows;
}

model::ScalingSpec ReadScaling(const Fields& fields) {
  model::ScalingSpec scaling;
  scaling.mode = fields.OneOf("mode", Names(kScalingModeNames), model::ScalingMode::kRecommend);
  scaling.min_shards = fields.Small("minShards", 2, {.least = 1, .most = 1000});
  scaling.max_shards = fields.Small("maxShards", 16, {.least = 1, .most = 1000});
  scaling.max_members = fields.Small("maxMembers", 5, {.least = 1, .most = 9});
  scaling.target_cpu_percent = fields.Small("targetCpuPercent", 74, {.least = 1, .most = 99});
  scaling.limit_cpu_percent = fields.Small("limitCpuPercent", 80, {.least = 2, .most = 100});
  scaling.target_storage_percent =
      fields.Small("targetStoragePercent", 70, {.least = 1, .most = 99});
  scaling.bin = fields.Duration("bin", minutes(5));
  scaling.seasons = ReadSeasons(fields);
  scaling.horizon = fields.Duration("horizon", hours(2));
  scaling.plan_quantile_percent =
      fields.Small("planQuantilePercent", 75, {.least = 50, .most = 99});
  scaling.benefit_ratio_percent =
      fields.Small("benefitRatioPercent", 130, {.least = 100, .most = 10000});
  scaling.scale_in_confirmations =
      fields.Small("scaleInConfirmations", 3, {.least = 1, .most = 100});
  scaling.cool_down = fields.Duration("coolDown", hours(1));
  scaling.max_concurrent_migrations =
      fields.Small("maxConcurrentMigrations", 1, {.least = 1, .most = 16});
  scaling.max_moved_bytes_per_hour = fields.Size("maxMovedBytesPerHour", "50Gi").value;
  scaling.freeze_windows = ReadFreezeWindows(fields);
  if (scaling.min_shards > scaling.max_shards) {
    fields.problems().Add(fields.PathOf("minShards"), std::to_string(scaling.min_shards),
                          "at most maxShards, " + std::to_string(scaling.max_shards));
  }
  if (scaling.limit_cpu_percent <= scaling.target_cpu_percent) {
    fields.problems().Add(
        fields.PathOf("limitCpuPercent"), std::to_string(scaling.limit_cpu_percent),
        "more than targetCpuPercent, " + std::to_string(scaling.target_cpu_percent));
  }
  if (scaling.bin < milliseconds(1000) || scaling.horizon < scaling.bin) {
    fields.problems().Add(fields.PathOf("bin"), fields.Text("bin"),
                          "at least 1s and at most the horizon");
  }
  return scaling;
}

model::MetricsSpec ReadMetrics(const Fields& fields) {
  model::MetricsSpec metrics;
  metrics.prometheus_url = fields.Text("prometheusURL");
  const std::string& url = metrics.prometheus_url;
  if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://")) {
    fields.problems().Add(fields.PathOf("prometheusURL"), url,
                          "an address that begins with http:// or https://");
  }
  metrics.history = fields.Duration("history", hours(24 * 28));
  metrics.selector = fields.Text("selector");
  return metrics;
}

}  // namespace

model::ShardSetSpec ReadShardSetSpec(const Value& spec, Problems& problems) {
  const Fields fields(spec, "spec", problems);
  model::ShardSetSpec read;
  read.postgres = ReadPostgres(fields.Object("postgres"));
  read.sharding = ReadSharding(fields.Object("sharding"));
  read.shard_template = ReadTemplate(fields.Object("shardTemplate"));
  read.router = ReadRouter(fields.Object("router"));
  read.scaling = ReadScaling(fields.Object("scaling"));
  read.metrics = ReadMetrics(fields.Object("metrics"));
  if (fields.Has("backup")) read.backup = ReadBackupSpec(fields.Object("backup"));
  if (fields.Has("restoreFrom"))
    read.restore_from = ReadRestoreSpec(fields.Object("restoreFrom"), read.backup);
  read.deletion_policy =
      fields.OneOf("deletionPolicy", Names(kDeletionPolicyNames), model::DeletionPolicy::kRetain);
  if (read.shard_template.members > read.scaling.max_members) {
    problems.Add("spec.shardTemplate.members", std::to_string(read.shard_template.members),
                 "at most scaling.maxMembers, " + std::to_string(read.scaling.max_members));
  }
  return read;
}

}  // namespace foreshard::op

#include "operator/builders/patroni_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "operator/api/quantity.h"
#include "operator/builders/restore.h"

namespace foreshard::op {
namespace {

constexpr std::int64_t kMebi = 1 << 20;
constexpr const char* kTls = "/etc/foreshard/tls";

// Two migrations at a time, each with a slot for its stream, one for the way back and one for the
// snapshot; one slot for each member; some for people.
constexpr int kReplicationSlots = 24;
constexpr int kWalSenders = 32;
constexpr int kWorkerProcesses = 24;
constexpr int kLogicalWorkers = 12;
// What operator, mover, exporter and Patroni use besides the routers' pools.
constexpr int kOwnConnections = 60;
constexpr int kRoutersForConnections = 10;

std::string Megabytes(std::int64_t bytes) { return fmt::format("{}MB", bytes / kMebi); }

std::int64_t MemoryOf(const model::ComputeResources& resources) {
  for (const auto* side : {&resources.limits, &resources.requests}) {
    const auto found = side->find("memory");
    if (found == side->end()) continue;
    const Result<std::int64_t> bytes = ParseQuantity(found->second);
    if (bytes && *bytes > 0) return *bytes;
  }
  return 512 * kMebi;
}

void SetSizes(Value& parameters, const model::ShardTemplate& shard) {
  const std::int64_t memory = MemoryOf(shard.resources);
  const std::int64_t disk = shard.storage.size_bytes;
  const std::int64_t wal = std::clamp(disk / 6, 64 * kMebi, 4096 * kMebi);
  parameters.Set("shared_buffers", Megabytes(std::clamp(memory / 4, 32 * kMebi, 8192 * kMebi)));
  parameters.Set("effective_cache_size", Megabytes(std::max(memory * 3 / 4, 64 * kMebi)));
  parameters.Set("maintenance_work_mem",
                 Megabytes(std::clamp(memory / 16, 16 * kMebi, 1024 * kMebi)));
  parameters.Set("max_wal_size", Megabytes(wal));
  parameters.Set("min_wal_size", Megabytes(std::clamp(wal / 2, 32 * kMebi, 1024 * kMebi)));
  // The fuse: a slot that nobody reads must not fill the volume.
  parameters.Set("max_slot_wal_keep_size", Megabytes(std::max(disk / 4, 64 * kMebi)));
}

// Where pgBackRest finds the rest is in its environment (builders/backup). Also without writes
// nothing waits in the volume for longer than a point.
void SetArchiving(Value& parameters, const model::BackupSpec& backup) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(backup.point_interval);
  parameters.Set("archive_mode", "on");
  parameters.Set("archive_command", "pgbackrest archive-push %p");
  parameters.Set("archive_timeout", fmt::format("{}s", seconds.count()));
}

Value Authentication(std::string_view user) {
  return Value::Object({{"username", user},
                        {"sslmode", "verify-ca"},
                        {"sslrootcert", fmt::format("{}/ca.crt", kTls)}});
}

// Passwords in SCRAM only, over TLS only; the local socket asks for a password too, since sidecars
// share it. By it Patroni asks a replica that streams from nobody for its timeline, to tell whether
// it must be rewound ("all" databases are not replication).
Value HostRules() {
  return Value::Array({"local all all scram-sha-256",
                       "local replication standby scram-sha-256",
                       "hostssl replication standby all scram-sha-256",
                       "hostssl replication foreshard all scram-sha-256",
                       "host replication all all reject", "hostssl all all all scram-sha-256",
                       "host all all 127.0.0.1/32 scram-sha-256", "host all all all reject"});
}

Value Kubernetes(const SetName& set, const model::ShardId& shard) {
  return Value::Object(
      {{"use_endpoints", true},
       {"namespace", set.name_space},
       {"scope_label", kClusterLabel},
       {"role_label", kRoleLabel},
       {"labels", Value::Object({{kSetLabel, set.name}, {kShardLabel, shard.value}})},
       {"ports",
        Value::Array({Value::Object({{"name", "postgresql"}, {"port", kPostgresPort}})})}});
}

// Requests must come with a certificate of the set's CA and with the password where they change
// something. Names are not compared (members know each other by address), the CA is.
Value RestApi() {
  return Value::Object({{"listen", fmt::format("0.0.0.0:{}", kPatroniPort)},
                        {"certfile", fmt::format("{}/tls.crt", kTls)},
                        {"keyfile", fmt::format("{}/tls.key", kTls)},
                        {"cafile", fmt::format("{}/ca.crt", kTls)},
                        {"verify_client", "optional"}});
}

Value Control() {
  return Value::Object({{"insecure", true},
                        {"certfile", fmt::format("{}/tls.crt", kTls)},
                        {"keyfile", fmt::format("{}/tls.key", kTls)},
                        {"cacert", fmt::format("{}/ca.crt", kTls)}});
}

}  // namespace

Value PostgresParameters(const model::ShardSetSpec& spec) {
  const int connections =
      kRoutersForConnections * spec.router.server_connections_per_shard + kOwnConnections;
  Value parameters = Value::Object({{"wal_level", "logical"},
                                    {"hot_standby", "on"},
                                    {"hot_standby_feedback", "on"},
                                    {"wal_log_hints", "on"},
                                    {"max_connections", connections},
                                    {"max_prepared_transactions", connections},
                                    {"max_replication_slots", kReplicationSlots},
                                    {"max_wal_senders", kWalSenders},
                                    {"max_worker_processes", kWorkerProcesses},
                                    {"max_logical_replication_workers", kLogicalWorkers},
                                    {"wal_sender_timeout", "10s"},
                                    {"wal_receiver_timeout", "10s"},
                                    {"tcp_keepalives_idle", "5"},
                                    {"tcp_keepalives_interval", "2"},
                                    {"tcp_keepalives_count", "3"},
                                    {"password_encryption", "scram-sha-256"},
                                    {"ssl", "on"},
                                    {"ssl_cert_file", fmt::format("{}/tls.crt", kTls)},
                                    {"ssl_key_file", fmt::format("{}/tls.key", kTls)},
                                    {"ssl_ca_file", fmt::format("{}/ca.crt", kTls)},
                                    {"ssl_min_protocol_version", "TLSv1.2"},
                                    {"log_statement", "none"},
                                    {"log_parameter_max_length", "0"},
                                    {"log_parameter_max_length_on_error", "0"},
                                    {"log_checkpoints", "off"}});
  SetSizes(parameters, spec.shard_template);
  if (spec.backup) SetArchiving(parameters, *spec.backup);
  for (const model::DatabaseParameter& parameter : spec.postgres.parameters) {
    parameters.Set(parameter.name, parameter.value);
  }
  return parameters;
}

Value DynamicConfig(const model::ShardSetSpec& spec) {
  const bool synchronous =
      spec.shard_template.synchronous_replication && spec.shard_template.members > 1;
  return Value::Object({{"ttl", 20},
                        {"loop_wait", 5},
                        {"retry_timeout", 5},
                        {"maximum_lag_on_failover", kMebi},
                        {"synchronous_mode", synchronous},
                        {"synchronous_mode_strict", synchronous},
                        {"postgresql", Value::Object({{"use_pg_rewind", true},
                                                      {"use_slots", true},
                                                      {"parameters", PostgresParameters(spec)}})}});
}

Value PatroniFile(const SetName& set, const model::ShardId& shard, const model::ShardSetSpec& spec,
                  bool restored) {
  const Value initdb = Value::Array({Value::Object({{"encoding", "UTF8"}}),
                                     Value::Object({{"locale", "C.UTF-8"}}), "data-checksums"});
  Value bootstrap = Value::Object({{"dcs", DynamicConfig(spec)}, {"initdb", initdb}});
  if (restored) AddRestoreToBootstrap(bootstrap);
  Value postgresql = Value::Object(
      {{"listen", fmt::format("0.0.0.0:{}", kPostgresPort)},
       {"data_dir", "/data/pg"},
       {"bin_dir", fmt::format("/usr/lib/postgresql/{}/bin", spec.postgres.version)},
       {"pgpass", "/tmp/pgpass"},
       {"use_unix_socket", true},
       {"use_unix_socket_repl", true},
       {"pg_hba", HostRules()},
       {"parameters", Value::Object({{"unix_socket_directories", "/run/postgresql"}})},
       {"authentication", Value::Object({{"superuser", Authentication("postgres")},
                                         {"replication", Authentication("standby")},
                                         {"rewind", Authentication("rewind")}})}});
  return Value::Object(
      {{"scope", ShardName(set, shard)},
       {"bootstrap", std::move(bootstrap)},
       {"restapi", RestApi()},
       {"ctl", Control()},
       {"kubernetes", Kubernetes(set, shard)},
       {"postgresql", std::move(postgresql)}});
}

std::string PatroniConfigName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-patroni";
}

Value BuildPatroniConfigMap(const SetName& set, const model::ShardId& shard,
                            const model::ShardSetSpec& spec, bool restored) {
  Value object = NewObject(set, {.api_version = "v1",
                                 .kind = "ConfigMap",
                                 .name = PatroniConfigName(set, shard),
                                 .component = Component::kShard,
                                 .shard = shard});
  object.Set("data", Value::Object({{"patroni.yml", ToPrettyJson(PatroniFile(set, shard, spec, restored))}}));
  return Hashed(std::move(object));
}

}  // namespace foreshard::op

#include "operator/shards/kube_shard_directory.h"

#include <fmt/format.h>

#include "kube/kinds.h"
#include "migration/pg_shard.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/names.h"
#include "operator/builders/secrets.h"
#include "pg/connection.h"
#include "pg/conninfo.h"

namespace foreshard::op {
namespace {

// Where every shard's pod has the set's CA.
constexpr const char* kCaOfShards = "/etc/foreshard/tls/ca.crt";

Result<std::map<std::string, std::string>> ReadSecret(kube::KubeApi& kube,
                                                      const kube::ObjectRef& ref,
                                                      Deadline deadline) {
  const auto secret = kube.Get(kube::kSecrets, ref, deadline);
  if (!secret) return secret.error();
  if (!*secret) return Error::Retry(fmt::format("Secret '{}' is not there yet", ref.name));
  const auto json = ParseJson((*secret)->json);
  if (!json) return json.error();
  return SecretData(*json);
}

}  // namespace

Result<std::string> KubeShardDirectory::ConninfoOf(const std::string& name_space,
                                                   const std::string& shard_set,
                                                   const model::ShardId& shard,
                                                   const std::string& database, bool for_shards,
                                                   Deadline deadline) {
  const SetName set{.name_space = name_space, .name = shard_set, .uid = {}};
  const auto passwords = ReadSecret(kube_, {name_space, InternalSecret(set)}, deadline);
  if (!passwords) return passwords.error();
  const auto password = passwords->find("foreshard");
  if (password == passwords->end()) {
    return Error::Retry(fmt::format("Secret '{}' has no key foreshard", InternalSecret(set)));
  }
  std::string ca_path = kCaOfShards;
  if (!for_shards) {
    const auto tls = ReadSecret(kube_, {name_space, ShardTlsSecret(set)}, deadline);
    if (!tls) return tls.error();
    const auto authority = tls->find("ca.crt");
    if (authority == tls->end()) {
      return Error::Retry(fmt::format("Secret '{}' has no key ca.crt", ShardTlsSecret(set)));
    }
    const auto path = ca_files_.PathOf(authority->second);
    if (!path) return path.error();
    ca_path = *path;
  }
  auto conninfo = pg::Conninfo::Parse("");
  if (!conninfo) return conninfo.error();
  return conninfo->With("host", fmt::format("{}.{}.svc", ShardName(set, shard), name_space))
      .With("port", std::to_string(kPostgresPort))
      .With("dbname", database)
      .With("user", "foreshard")
      .With("password", password->second)
      .With("sslmode", "verify-ca")
      .With("sslrootcert", ca_path)
      .With("connect_timeout", "5")
      .text();
}

Result<std::unique_ptr<migration::Shard>> KubeShardDirectory::Open(
    const migration::MigrationSpec& spec, migration::Side side, Deadline deadline) {
  auto own = ConninfoOf(spec.name_space, spec.shard_set, migration::ShardOf(spec, side),
                        spec.database, false, deadline);
  if (!own) return own.error();
  auto peer = ConninfoOf(spec.name_space, spec.shard_set, migration::PeerOf(spec, side),
                         spec.database, true, deadline);
  if (!peer) return peer.error();
  return std::unique_ptr<migration::Shard>(std::make_unique<migration::PgShard>(
      migration::PgShardOptions{
          .spec = spec, .side = side, .conninfo = *own, .peer_conninfo = *peer},
      clock_));
}

Result<migration::HighWater> KubeShardDirectory::ReadHighWater(const std::string& name_space,
                                                               const std::string& shard_set,
                                                               const model::ShardId& shard,
                                                               Deadline deadline) {
  const auto object = kube_.Get(kube::kShardSets, {name_space, shard_set}, deadline);
  if (!object) return object.error();
  if (!*object) return Error::Reobserve(fmt::format("ShardSet '{}' is gone", shard_set));
  const auto set = ParseShardSet((*object)->json);  // the whole of it: its database
  if (!set) return set.error();
  const auto conninfo =
      ConninfoOf(name_space, shard_set, shard, set->spec.postgres.database, false, deadline);
  if (!conninfo) return conninfo.error();
  auto session = pg::Connection::Connect(
      {.conninfo = *conninfo, .application_name = "foreshard-operator"}, clock_, deadline);
  if (!session) return session.error();
  const auto rows = (*session)->Exec(
      "SELECT (SELECT coalesce(max(migration_id), 0) FROM foreshard.migration), "
      "(SELECT coalesce(max(epoch), 0) FROM foreshard.range)",
      deadline);
  if (!rows) return rows.error();
  return migration::HighWater{.number = {static_cast<std::int32_t>(rows->Int(0, 0))},
                              .epoch = {rows->Int(0, 1)}};
}

}  // namespace foreshard::op

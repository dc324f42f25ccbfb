#include "operator/shards/pg_shard_auditor.h"

namespace foreshard::op {

Result<std::unique_ptr<pg::Connection>> PgShardAuditor::Connect(const model::ShardSet& set,
                                                                const model::ShardId& shard,
                                                                Deadline deadline) {
  const Result<std::string> conninfo = conninfo_of_(set, shard, deadline);
  if (!conninfo) return conninfo.error();
  return migration::ConnectForAudit(*conninfo, clock_, deadline);
}

Result<std::unique_ptr<pg::Connection>> PgShardAuditor::ConnectForRepair(
    const model::ShardSet& set, const model::ShardId& shard, const std::string& table,
    Deadline deadline) {
  const Result<std::string> conninfo = conninfo_of_(set, shard, deadline);
  if (!conninfo) return conninfo.error();
  return migration::ConnectForRepair(*conninfo, clock_, table, deadline);
}

Result<migration::StraysFound> PgShardAuditor::FindStrays(
    const model::ShardSet& set, const model::RoutingTable& owners, const model::ShardId& shard,
    const migration::TableSpec& table, const migration::AuditCursor& from, Deadline deadline) {
  const auto session = Connect(set, shard, deadline);
  if (!session) return session.error();
  return migration::FindStrays(**session, owners, shard, table, from, pace_, deadline);
}

Result<model::ReferenceDigests> PgShardAuditor::ReadDigests(
    const model::ShardSet& set, const std::vector<model::ShardId>& shards, const std::string& table,
    Deadline deadline) {
  model::ReferenceDigests digests;
  for (const model::ShardId& shard : shards) {
    const auto session = Connect(set, shard, deadline);
    if (!session) return session.error();
    const auto digest = migration::DigestOfReference(**session, table, deadline);
    if (!digest) return digest.error();
    digests[shard] = *digest;
  }
  return digests;
}

Result<std::int64_t> PgShardAuditor::PutAside(const model::ShardSet& set,
                                              const model::RoutingTable& owners,
                                              const model::ShardId& shard,
                                              const migration::TableSpec& table,
                                              Deadline deadline) {
  const auto session = ConnectForRepair(set, shard, table.name, deadline);
  if (!session) return session.error();
  return migration::PutAside(**session, owners, shard, table, deadline);
}

Result<std::int64_t> PgShardAuditor::CopyReference(const model::ShardSet& set,
                                                   const model::ShardId& from,
                                                   const model::ShardId& to,
                                                   const std::string& table, Deadline deadline) {
  const auto source = ConnectForRepair(set, from, table, deadline);
  if (!source) return source.error();
  const auto destination = ConnectForRepair(set, to, table, deadline);
  if (!destination) return destination.error();
  return migration::CopyReference(**source, **destination, table, deadline);
}

}  // namespace foreshard::op

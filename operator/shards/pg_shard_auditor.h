#pragma once

#include <functional>
#include <memory>

#include "base/clock.h"
#include "operator/shards/shard_auditor.h"
#include "pg/connection.h"

namespace foreshard::op {

// Sessions as role `foreshard`, one for each call. Threads: any.
class PgShardAuditor final : public ShardAuditor {
 public:
  // How to reach the primary of one shard of a set.
  using ConninfoOf = std::function<Result<std::string>(const model::ShardSet& set,
                                                       const model::ShardId& shard, Deadline)>;

  PgShardAuditor(ConninfoOf conninfo_of, const Clock& clock, migration::AuditPace pace)
      : conninfo_of_(std::move(conninfo_of)), clock_(clock), pace_(std::move(pace)) {}

  Result<migration::StraysFound> FindStrays(const model::ShardSet& set,
                                            const model::RoutingTable& owners,
                                            const model::ShardId& shard,
                                            const migration::TableSpec& table,
                                            const migration::AuditCursor& from,
                                            Deadline deadline) override;
  Result<model::ReferenceDigests> ReadDigests(const model::ShardSet& set,
                                              const std::vector<model::ShardId>& shards,
                                              const std::string& table, Deadline deadline) override;
  Result<std::int64_t> PutAside(const model::ShardSet& set, const model::RoutingTable& owners,
                                const model::ShardId& shard, const migration::TableSpec& table,
                                Deadline deadline) override;
  Result<std::int64_t> CopyReference(const model::ShardSet& set, const model::ShardId& from,
                                     const model::ShardId& to, const std::string& table,
                                     Deadline deadline) override;

 private:
  Result<std::unique_ptr<pg::Connection>> Connect(const model::ShardSet& set,
                                                  const model::ShardId& shard, Deadline deadline);
  Result<std::unique_ptr<pg::Connection>> ConnectForRepair(const model::ShardSet& set,
                                                           const model::ShardId& shard,
                                                           const std::string& table,
                                                           Deadline deadline);

  ConninfoOf conninfo_of_;
  const Clock& clock_;
  migration::AuditPace pace_;
};

}  // namespace foreshard::op

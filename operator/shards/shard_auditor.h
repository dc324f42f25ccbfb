#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "migration/pg_audit.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

// What the audit controller reads from and does to shards.
//
// Bodies:  `PgShardAuditor` (pg_shard_auditor.h) and `FakeShardAuditor`
// (tests/fakes/fake_shard_auditor.h).
// View:    the primaries, now. Threads: any.
// Errors:  as migration/pg_audit.h; kRetry if nobody answers.

namespace foreshard::op {

class ShardAuditor {
 public:
  virtual ~ShardAuditor() = default;

  // One turn of some seconds through one table on one shard.
  virtual Result<migration::StraysFound> FindStrays(
      const model::ShardSet& set, const model::RoutingTable& owners, const model::ShardId& shard,
      const migration::TableSpec& table, const migration::AuditCursor& from, Deadline deadline) = 0;

  // One look at a reference table on all these shards.
  virtual Result<model::ReferenceDigests> ReadDigests(const model::ShardSet& set,
                                                      const std::vector<model::ShardId>& shards,
                                                      const std::string& table,
                                                      Deadline deadline) = 0;

  // How many rows. REQUIRES: nothing moves.
  virtual Result<std::int64_t> PutAside(const model::ShardSet& set,
                                        const model::RoutingTable& owners,
                                        const model::ShardId& shard,
                                        const migration::TableSpec& table, Deadline deadline) = 0;
  virtual Result<std::int64_t> CopyReference(const model::ShardSet& set, const model::ShardId& from,
                                             const model::ShardId& to, const std::string& table,
                                             Deadline deadline) = 0;
};

}  // namespace foreshard::op

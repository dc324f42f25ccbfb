#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "migration/audit.h"
#include "pg/connection.h"

// Anti-entropy, the SQL half: reads one shard a slice at a time, and takes away what a person has
// seen and wants gone. What is taken away stays in `foreshard.stray_row` of its shard.
//
// Cost: every page of the sharded tables once, in slices with pauses between them; reference tables
// in one statement. Sessions: role `foreshard`.

namespace foreshard::migration {

struct AuditPace {
  std::int64_t pages = 512;  // of one statement
  double share = 0.1;        // of the time; the rest is pause
  // Waits; false: the process is to end.
  std::function<bool(std::chrono::milliseconds)> pause;
};

inline constexpr std::int64_t kStrayKeysShown = 10;
inline constexpr std::int64_t kPutAsideBatch = 1'000;
inline constexpr std::int64_t kReferenceRowsMax = 100'000;  // that a repair copies

// A session whose texts are alike on all servers. Any other makes equal rows look different.
Result<std::unique_ptr<pg::Connection>> ConnectForAudit(const std::string& conninfo,
                                                        const Clock& clock, Deadline deadline);

// One entry for each table that has stray rows. Tables that are not there have none. Errors:
// kReobserve when the process is to end.
Result<std::vector<Stray>> FindStrays(pg::Connection& connection, const model::RoutingTable& table,
                                      const model::ShardId& shard,
                                      const std::vector<TableSpec>& tables, const AuditPace& pace,
                                      Deadline deadline);

// A table that is not there has no rows, and a digest that no table has.
Result<ReferenceDigest> DigestOfReference(pg::Connection& connection, const std::string& table,
                                          Deadline deadline);

// Takes the stray rows of one table away, in batches; their number. REQUIRES: nothing moves in
// `table`. Errors: kReobserve when the shard knows better: a migration that is not over, or an
// epoch newer than the table's.
Result<std::int64_t> PutAside(pg::Connection& connection, const model::RoutingTable& table,
                              const model::ShardId& shard, const TableSpec& name,
                              Deadline deadline);

// Makes a reference table of `to` like that of `from`; the rows that differ are put aside. Their
// number. Errors: kGiveUp if the table has too many rows for that.
Result<std::int64_t> CopyReference(pg::Connection& from, pg::Connection& to,
                                   const std::string& table, Deadline deadline);

}  // namespace foreshard::migration

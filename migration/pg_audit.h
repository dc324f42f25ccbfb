#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "migration/audit.h"
#include "pg/connection.h"

// Anti-entropy, the SQL half: reads one shard a slice at a time, and takes away what a person has
// seen and wants gone. What is taken away stays in `foreshard.stray_row` of its shard.
//
// Cost: every page of the sharded tables once, in slices with pauses between them; reference tables
// in one statement. Sessions: role `foreshard` to look, `foreshard_copy` to change: functions of
// clients may run then.

namespace foreshard::migration {

struct AuditPace {
  std::int64_t pages = 512;  // of one statement
  double share = 0.1;        // of the time; the rest is pause
  // Of one call; it goes on from where it stopped with the next.
  std::chrono::milliseconds turn{10'000};
  // Waits; false: the process is to end.
  std::function<bool(std::chrono::milliseconds)> pause{};
};

// How far a table has been read: everything in leaves before this one, by name, and this one's
// pages before `page`.
struct AuditCursor {
  std::string leaf;  // "": from the beginning
  std::int64_t page = 0;
  bool operator==(const AuditCursor&) const = default;
};

struct StraysFound {
  std::int64_t rows = 0;
  std::vector<std::string> keys;      // at most kStrayKeysShown, cut to kKeyShown characters
  std::optional<AuditCursor> next{};  // nothing: the table has been read
};

inline constexpr std::int64_t kStrayKeysShown = 10;
inline constexpr int kKeyShown = 64;
inline constexpr std::int64_t kPutAsideBatch = 1'000;
inline constexpr std::int64_t kReferenceRowsMax = 100'000;  // that a repair copies

// A session whose texts are alike on all servers. Any other makes equal rows look different.
Result<std::unique_ptr<pg::Connection>> ConnectForAudit(const std::string& conninfo,
                                                        const Clock& clock, Deadline deadline);

// The same as foreshard_copy (shard_copy_role.sql), let to write to `table`, for PutAside and
// CopyReference.
Result<std::unique_ptr<pg::Connection>> ConnectForRepair(const std::string& conninfo,
                                                         const Clock& clock,
                                                         const std::string& table,
                                                         Deadline deadline);

// The stray rows of one table from `from` on, for one turn. A table that is not there has none.
// Errors: kReobserve when the process is to end.
Result<StraysFound> FindStrays(pg::Connection& connection, const model::RoutingTable& table,
                               const model::ShardId& shard, const TableSpec& name,
                               const AuditCursor& from, const AuditPace& pace, Deadline deadline);

// A table that is not there has no rows, and model::kMissingDigest.
Result<ReferenceDigest> DigestOfReference(pg::Connection& connection, const std::string& table,
                                          Deadline deadline);

// Takes the stray rows of one table away, in batches; their number. REQUIRES: nothing moves in
// `table`. Errors: kReobserve when the shard knows better: a migration that is not over, or an
// epoch newer than the table's.
Result<std::int64_t> PutAside(pg::Connection& connection, const model::RoutingTable& table,
                              const model::ShardId& shard, const TableSpec& name,
                              Deadline deadline);

// Makes a reference table of `to` like that of `from`; the rows that differ are put aside. Their
// number. Writers of the table wait meanwhile on both. Errors: kGiveUp if the table has too many
// rows for that, or is missing; kRetry if writers keep it locked.
Result<std::int64_t> CopyReference(pg::Connection& from, pg::Connection& to,
                                   const std::string& table, Deadline deadline);

}  // namespace foreshard::migration

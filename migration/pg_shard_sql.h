#pragma once

#include <string>
#include <vector>

#include "migration/shard.h"
#include "migration/spec.h"
#include "pg/statement.h"

// Statements that PgShard looks with, and how their rows become values. For pg_shard.cpp and its
// test.

namespace foreshard::migration {

inline constexpr std::size_t kGateColumns = 16;

// One row of kGateColumns columns. Parameters: $1 number, $2 attempt.
std::string GateSql();
Result<GateSeen> ReadGate(const pg::Rows& rows);

// What a session runs once before its first look at a gate: prepares GateSql() as foreshard_gate
// and plays an attempt through.
std::string WarmUpSql();

// One row: the tables and leaves of $1 (quoted names) that are here, as an array of regclass texts, and how many there ought to be.
std::string LeavesSql();

// One row: columns of GateSql(), then what a pass of the controller looks at. Parameters: $1
// number, $2 attempt, $3 slot, $4 subscription, $5 trigger names, $6 tables (array of regclass
// texts).
std::string LookSql();
Result<ShardSeen> ReadLook(const pg::Rows& rows, std::size_t tables);

// In the transaction that makes a subscription: it begins at an LSN of its publisher, wherever the
// slot stands. pg_replication_slot_advance() is durable only with the publisher's next checkpoint;
// the position of an origin is, with the commit. Parameters: $1 subscription, $2 LSN.
inline constexpr const char* kStartFromSql =
    "SELECT pg_replication_origin_advance('pg_' || oid, $2) FROM pg_subscription WHERE subname = "
    "$1";

}  // namespace foreshard::migration

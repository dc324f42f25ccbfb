#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "migration/spec.h"
#include "pg/connection.h"

// SQL of the side objects of one migration: what is made on a shard, how it is named before it is
// made, what is left over.

namespace foreshard::migration {

struct TableName {
  std::string schema;
  std::string table;
};
// "public.orders". REQUIRES: a dot, as the API's schema demands.
TableName ParseTableName(std::string_view name);
// "public"."orders"
std::string QuoteTable(std::string_view name);

// CREATE OR REPLACE TRIGGER statements of one table: what asks the gate, and what refuses TRUNCATE
// and a new key.
std::vector<std::string> GateTriggerSql(const MigrationSpec& spec, const TableSpec& table);
std::vector<std::string> GuardTriggerSql(const MigrationSpec& spec, const TableSpec& table);
// DDL guards; made if missing by DO blocks, because event triggers know no OR REPLACE.
std::vector<std::string> EventTriggerSql(const MigrationSpec& spec);
// Names of all row and statement triggers of one table.
std::vector<std::string> TriggerNames(const MigrationSpec& spec);

// CREATE PUBLICATION on `side` for K (`spec` names leaves, see partitions.h: changes travel as those of the leaf) and the barrier rows that `side` itself writes. Reference
// tables go along, unfiltered, to a new destination only.
std::string PublicationSql(const MigrationSpec& spec, Side side);

// Who writes copied and streamed rows (shard_copy_role.sql), and the statement that lets it write to
// these tables, "public.orders", and logs it in with the password of the session that says so.
inline constexpr const char* kCopyRole = "foreshard_copy";
std::string LetCopySql(const std::vector<std::string>& tables);

// CREATE SUBSCRIPTION on the peer of `publisher`, as a thing of kCopyRole: statements for one
// transaction. REQUIRES: publication and slot are there.
std::string SubscriptionSql(const MigrationSpec& spec, Side publisher,
                            std::string_view publisher_conninfo);

// Settings with which one server reaches the other: files of this machine are left out,
// "verify-..." becomes "require".
Result<std::string> SubscriptionConninfo(std::string_view conninfo);

// Section 11's query: side objects of one migration, or of all. Columns: kind, name.
std::string LeftoverSql(std::optional<model::MigrationNumber> number);

struct Statement {
  std::string sql;
  pg::Parameters parameters = {};
};

// One transaction: claim with the token, then the statements. Errors: kFenced for an older token;
// nothing happened then.
Status ExecClaimed(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                   const std::vector<Statement>& statements, Deadline deadline);

// Writes into the row what is about to be made.
Statement IntentSql(const MigrationSpec& spec, std::string_view kind, std::string_view name);
Status RecordIntent(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                    std::string_view kind, std::string_view name, Deadline deadline);

// Makes the triggers of `sql` on every table of the group (of a partitioned one on its leaves), one transaction a table, each waiting at
// most 100 ms for its lock: clients queue behind us while we wait. Errors: kRetry when a lock was
// not to be had; what was made stays.
using TriggerSql = std::vector<std::string> (*)(const MigrationSpec& spec, const TableSpec& table);
Status MakeTriggers(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                    TriggerSql sql, Deadline deadline);

// A DO block that runs `sql` where the subscription exists.
std::string IfSubscription(std::string_view name, std::string_view sql);
// Dropping what is not there is success.
Status DropSubscription(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                        std::string_view name, Deadline deadline);
// Errors: kRetry while a walsender still uses it; it is told to end.
Status DropSlot(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                std::string_view name, Deadline deadline);

}  // namespace foreshard::migration

#include "migration/pg_audit.h"

#include <fmt/format.h>

#include <algorithm>

#include "migration/catalog.h"
#include "migration/shard_objects.h"
#include "pg/conninfo.h"

namespace foreshard::migration {

namespace {

using namespace std::chrono_literals;

constexpr const char* kSession =
    "SET search_path = pg_catalog, pg_temp; SET synchronous_commit = on; SET statement_timeout = "
    "'10min'; SET lock_timeout = '2s'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = postgres; "
    "SET TimeZone = 'UTC'; SET extra_float_digits = 3; SET bytea_output = hex; SET lc_monetary = "
    "'C'; SET xmlbinary = base64; SET row_security = off";

// The tables that hold rows, and their pages: a partitioned one has leaves.
constexpr const char* kLeavesSql =
    "SELECT format('%I.%I', n.nspname, c.relname), pg_relation_size(c.oid) / "
    "current_setting('block_size')::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = "
    "c.relnamespace WHERE c.relkind = 'r' AND (c.oid = to_regclass($1) OR c.oid IN (SELECT relid "
    "FROM pg_partition_tree(to_regclass($1)))) ORDER BY 1";

// A shard that knows of a migration under way, or of an epoch that the table has not heard of, is
// not judged by the table. None begins before the transaction ends.
Status GuardRepair(pg::Connection& connection, const model::RoutingTable& table,
                   Deadline deadline) {
  const Result<pg::Rows> known =
      connection.Exec("SELECT under_way, epoch FROM foreshard.guard_repair()", deadline);
  if (!known) return known.error();
  if (known->Int(0, 0) > 0) return Error::Reobserve("a migration works on the shard");
  if (known->Int(0, 1) > table.epoch.value) {
    return Error::Reobserve(fmt::format("the shard knows epoch {}, the table is of epoch {}",
                                        known->Int(0, 1), table.epoch));
  }
  return Ok();
}

std::string Columns(const TableInfo& table, std::string_view prefix) {
  std::string list;
  for (const Column& column : table.columns) {
    if (!list.empty()) list += ", ";
    list += fmt::format("{}{}", prefix, pg::QuoteIdentifier(column.name));
  }
  return list;
}

// Makes an array of whole rows; nothing if they are too many.
Result<std::optional<std::string>> ReadRows(pg::Connection& connection, const std::string& table,
                                            Deadline deadline) {
  const Result<pg::Rows> rows = connection.Exec(
      fmt::format("SELECT count(*), coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM (SELECT * "
                  "FROM {} LIMIT {}) t",
                  QuoteTable(table), kReferenceRowsMax + 1),
      deadline);
  if (!rows) return rows.error();
  if (rows->Int(0, 0) > kReferenceRowsMax) return std::optional<std::string>();
  return std::optional(rows->Text(0, 1));
}

}  // namespace

Result<std::unique_ptr<pg::Connection>> ConnectForAudit(const std::string& conninfo,
                                                        const Clock& clock, Deadline deadline) {
  auto made = pg::Connection::Connect({.conninfo = conninfo, .application_name = "foreshard audit"},
                                      clock, deadline);
  if (!made) return made;
  if (const Result<pg::Rows> set = (*made)->Exec(kSession, deadline); !set) return set.error();
  return made;
}

Result<std::unique_ptr<pg::Connection>> ConnectForRepair(const std::string& conninfo,
                                                         const Clock& clock,
                                                         const std::string& table,
                                                         Deadline deadline) {
  const auto given = pg::Conninfo::Parse(conninfo);
  if (!given) return given.error();
  const auto ours = ConnectForAudit(conninfo, clock, deadline);
  if (!ours) return ours.error();
  const Result<pg::Rows> there =
      (*ours)->Exec("SELECT to_regclass($1) IS NOT NULL", {QuoteTable(table)}, deadline);
  if (!there) return there.error();
  std::vector<std::string> tables;
  if (there->Bool(0, 0)) tables.push_back(table);
  if (const Result<pg::Rows> let = (*ours)->Exec(LetCopySql(tables), deadline); !let)
    return let.error();
  return ConnectForAudit(given->With("user", kCopyRole).text(), clock, deadline);
}

Result<StraysFound> FindStrays(pg::Connection& connection, const model::RoutingTable& table,
                               const model::ShardId& shard, const TableSpec& name,
                               const AuditCursor& from, const AuditPace& pace, Deadline deadline) {
  const std::string column = pg::QuoteIdentifier(name.column);
  const std::string stray = StraySql(table, shard, column);
  const Result<pg::Rows> leaves = connection.Exec(kLeavesSql, {QuoteTable(name.name)}, deadline);
  if (!leaves) return leaves.error();
  const MonotonicTime turn_end = connection.clock().Monotonic() + pace.turn;
  StraysFound found;
  bool some = false;  // a turn that is too short for one slice would never end
  for (std::size_t leaf = 0; leaf < leaves->size(); ++leaf) {
    const std::string leaf_name = leaves->Text(leaf, 0);
    if (leaf_name < from.leaf) continue;
    for (std::int64_t page = leaf_name == from.leaf ? from.page : 0; page < leaves->Int(leaf, 1);
         page += pace.pages) {
      const MonotonicTime begin = connection.clock().Monotonic();
      if (some && begin >= turn_end) {
        found.next = AuditCursor{leaf_name, page};
        return found;
      }
      some = true;
      const Result<pg::Rows> rows = connection.Exec(
          fmt::format("SELECT count(*), (array_agg(left({0}::text, {5})))[1:{1}]::text FROM {2} "
                      "WHERE ctid >= '({3},0)' AND ctid < '({4},0)' AND {6}",
                      column, kStrayKeysShown, leaf_name, page, page + pace.pages, kKeyShown,
                      stray),
          deadline);
      if (!rows) return rows.error();
      found.rows += rows->Int(0, 0);
      if (rows->Int(0, 0) > 0) {
        for (std::string& key : pg::ParseArray(rows->Text(0, 1))) {
          if (std::ssize(found.keys) < kStrayKeysShown) found.keys.push_back(std::move(key));
        }
      }
      const std::chrono::duration<double> took = connection.clock().Monotonic() - begin;
      const auto rest = std::chrono::ceil<std::chrono::milliseconds>(took * (1 / pace.share - 1));
      if (pace.pause && !pace.pause(rest)) return Error::Reobserve("the process is to end");
    }
  }
  return found;
}

Result<ReferenceDigest> DigestOfReference(pg::Connection& connection, const std::string& table,
                                          Deadline deadline) {
  const auto info = ReadTable(connection, table, "", deadline);
  if (!info) return info.error();
  if (!*info) return ReferenceDigest{.rows = 0, .digest = model::kMissingDigest};
  const Result<pg::Rows> rows = connection.Exec(
      fmt::format("SELECT count(*), coalesce(sum(hashtextextended(ROW({})::text, 0)::numeric), "
                  "0)::text FROM {}",
                  Columns(**info, ""), QuoteTable(table)),
      deadline);
  if (!rows) return rows.error();
  return ReferenceDigest{.rows = rows->Int(0, 0), .digest = rows->Text(0, 1)};
}

Result<std::int64_t> PutAside(pg::Connection& connection, const model::RoutingTable& table,
                              const model::ShardId& shard, const TableSpec& name,
                              Deadline deadline) {
  CHECK(table.moving.empty(), "rows that move are nobody's to take away");
  const std::string stray = StraySql(table, shard, pg::QuoteIdentifier(name.column));
  const Result<pg::Rows> leaves = connection.Exec(kLeavesSql, {QuoteTable(name.name)}, deadline);
  if (!leaves) return leaves.error();
  std::int64_t total = 0;
  for (std::size_t leaf = 0; leaf < leaves->size();) {
    Result<pg::Transaction> transaction = pg::Transaction::Begin(connection, "BEGIN", deadline);
    if (!transaction) return transaction.error();
    if (Status safe = GuardRepair(connection, table, deadline); !safe) return safe.error();
    const Result<pg::Rows> moved = connection.Exec(
        fmt::format("SET LOCAL session_replication_role = replica; "
                    "WITH gone AS (DELETE FROM {0} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {0} "
                    "WHERE {1} LIMIT {2})) RETURNING *), kept AS (INSERT INTO foreshard.stray_row "
                    "(table_name, row_data) SELECT {3}, to_jsonb(gone) FROM gone RETURNING id) "
                    "SELECT count(*) FROM kept",
                    leaves->Text(leaf, 0), stray, kPutAsideBatch, pg::QuoteLiteral(name.name)),
        deadline);
    if (!moved) return moved.error();
    if (Status done = transaction->Commit(deadline); !done) return done.error();
    total += moved->Int(0, 0);
    if (moved->Int(0, 0) < kPutAsideBatch) ++leaf;
  }
  return total;
}

Result<std::int64_t> CopyReference(pg::Connection& from, pg::Connection& to,
                                   const std::string& table, Deadline deadline) {
  const auto info = ReadTable(to, table, "", deadline);
  if (!info) return info.error();
  if (!*info) return Error::GiveUp(fmt::format("{} is missing on a shard", table), "TableMissing");
  // A write comes to the shards one after the other. Nobody writes here until the copy is there
  // too.
  Result<pg::Transaction> reading = pg::Transaction::Begin(from, "BEGIN", deadline);
  if (!reading) return reading.error();
  const Result<pg::Rows> still =
      from.Exec(fmt::format("LOCK TABLE {} IN SHARE MODE", QuoteTable(table)), deadline);
  if (!still) return still.error();
  const auto rows = ReadRows(from, table, deadline);
  if (!rows) return rows.error();
  if (!*rows) {
    return Error::GiveUp(
        fmt::format("{} has more than {} rows: copy it by hand", table, kReferenceRowsMax),
        "TooManyRows");
  }
  Result<pg::Transaction> transaction = pg::Transaction::Begin(to, "BEGIN", deadline);
  if (!transaction) return transaction.error();
  const std::string name = QuoteTable(table);
  const std::string same =
      fmt::format("ROW({})::text = ROW({})::text", Columns(**info, "w."), Columns(**info, "x."));
  const std::string wanted =
      fmt::format("(SELECT * FROM jsonb_populate_recordset(NULL::{}, $1::jsonb)) w", name);
  const Result<pg::Rows> role =
      to.Exec(fmt::format("SET LOCAL session_replication_role = replica; LOCK TABLE {} IN SHARE "
                          "ROW EXCLUSIVE MODE",
                          name),
              deadline);
  if (!role) return role.error();
  const Result<pg::Rows> gone =
      to.Exec(fmt::format("WITH gone AS (DELETE FROM {0} x WHERE NOT EXISTS (SELECT FROM {1} WHERE "
                          "{2}) RETURNING x.*), kept AS (INSERT INTO foreshard.stray_row "
                          "(table_name, row_data) SELECT {3}, to_jsonb(gone) FROM gone RETURNING "
                          "id) SELECT count(*) FROM kept",
                          name, wanted, same, pg::QuoteLiteral(table)),
              {**rows}, deadline);
  if (!gone) return gone.error();
  const std::string columns = ColumnList(**info);
  const Result<pg::Rows> came =
      to.Exec(fmt::format("INSERT INTO {0} ({1}) OVERRIDING SYSTEM VALUE SELECT {1} FROM {2} WHERE "
                          "NOT EXISTS (SELECT FROM {0} x WHERE {3})",
                          name, columns, wanted, same),
              {**rows}, deadline);
  if (!came) return came.error();
  if (Status done = transaction->Commit(deadline); !done) return done.error();
  return std::max(gone->Int(0, 0), came->affected());
}

}  // namespace foreshard::migration

#include "operator/shards/restored_shards.h"

#include <fmt/format.h>

#include "migration/audit.h"
#include "migration/shard_objects.h"

namespace foreshard::op {
namespace {

constexpr std::int64_t kDeletePages = 1'024;  // 8 MB of one statement

// What was under way. In the others nothing is left but the row.
constexpr const char* kUnfinished =
    "SELECT migration_id FROM foreshard.migration WHERE phase NOT IN ('Completed', 'RolledBack', "
    "'Aborted') ORDER BY migration_id";

// In this order: a subscription holds no slot any more (the script took it), and event triggers
// refuse to let others go.
constexpr const char* kDrops =
    "SELECT format('DROP EVENT TRIGGER IF EXISTS %I', evtname) FROM pg_event_trigger WHERE evtname "
    "LIKE 'foreshard\\_%' UNION ALL "
    "SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = "
    "NONE); DROP SUBSCRIPTION IF EXISTS %1$I', subname) FROM pg_subscription WHERE subname LIKE "
    "'foreshard\\_%' AND subdbid = (SELECT oid FROM pg_database WHERE datname = "
    "current_database()) UNION ALL "
    "SELECT format('DROP PUBLICATION IF EXISTS %I', pubname) FROM pg_publication WHERE pubname "
    "LIKE 'foreshard\\_%' UNION ALL "
    "SELECT format('DROP TRIGGER IF EXISTS %I ON %s', tgname, tgrelid::regclass) FROM pg_trigger "
    "WHERE tgname LIKE 'zzz\\_foreshard\\_%' AND tgparentid = 0";

// Leaves of a partitioned table, and their pages.
constexpr const char* kLeaves =
    "SELECT format('%I.%I', n.nspname, c.relname), pg_relation_size(c.oid) / "
    "current_setting('block_size')::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = "
    "c.relnamespace WHERE c.relkind = 'r' AND (c.oid = to_regclass($1) OR c.oid IN (SELECT relid "
    "FROM pg_partition_tree(to_regclass($1)))) ORDER BY 1";

Status Run(pg::Connection& connection, const std::string& sql, Deadline deadline) {
  const Result<pg::Rows> done = connection.Exec(sql, deadline);
  if (!done) return done.error();
  return Ok();
}

Status CheckServers(const std::vector<backup::RestoredShard>& shards, const RestoreEnding& ending,
                    Deadline deadline) {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const Result<pg::Rows> server = shards[i].connection.Exec(
        "SELECT system_identifier::text FROM pg_control_system()", deadline);
    if (!server) return server.error();
    if (server->Text(0, 0) == ending.shards[i].system_identifier) continue;
    return Error::GiveUp(
        fmt::format("shard {} is server {}, and {} was backed up: its volume was not restored but "
                    "had other data, or was made empty; delete the set with its claims, then make "
                    "it anew",
                    shards[i].id, server->Text(0, 0), ending.shards[i].system_identifier),
        "RestoreMismatch");
  }
  return Ok();
}

Result<std::int64_t> DeleteStrays(pg::Connection& connection, const model::RoutingTable& owners,
                                  const model::ShardId& shard, const model::ShardedTable& table,
                                  Deadline deadline) {
  const std::string stray =
      migration::StraySql(owners, shard, pg::QuoteIdentifier(table.column));
  const Result<pg::Rows> leaves =
      connection.Exec(kLeaves, {migration::QuoteTable(table.name)}, deadline);
  if (!leaves) return leaves.error();
  std::int64_t rows = 0;
  for (std::size_t leaf = 0; leaf < leaves->size(); ++leaf) {
    for (std::int64_t page = 0; page < leaves->Int(leaf, 1); page += kDeletePages) {
      const Result<pg::Rows> deleted = connection.Exec(
          fmt::format("DELETE FROM {} WHERE {} AND ctid >= '({},0)'::tid AND ctid < '({},0)'::tid",
                      leaves->Text(leaf, 0), stray, page, page + kDeletePages),
          deadline);
      if (!deleted) return deleted.error();
      rows += deleted->affected();
    }
  }
  return rows;
}

// What the shards say about ranges that were on their way, by the table.
Status TellOwners(pg::Connection& connection, const model::RoutingTable& table, Deadline deadline) {
  const Result<pg::Rows> ranges = connection.Exec(
      fmt::format("SELECT range_id, kind, coalesce(lower_bound, ''), coalesce(keys, '{{}}')::text "
                  "FROM foreshard.range WHERE migration_id IN ({})",
                  kUnfinished),
      deadline);
  if (!ranges) return ranges.error();
  for (std::size_t row = 0; row < ranges->size(); ++row) {
    const std::vector<std::string> keys = pg::ParseArray(ranges->Text(row, 3));
    const bool by_key = ranges->Text(row, 1) == "keys" && !keys.empty();
    const model::ShardId& owner = by_key ? model::OwnerOfKey(table, keys.front())
                                         : model::OwnerOfBound(table, ranges->Text(row, 2));
    const Result<pg::Rows> told = connection.Exec(
        "UPDATE foreshard.range SET owner = $2, epoch = greatest(epoch, $3::bigint), leased = false "
        "WHERE range_id = $1",
        {ranges->Text(row, 0), owner.value, table.epoch.value}, deadline);
    if (!told) return told.error();
  }
  return Ok();
}

// The last step: until then the rows say that there is something to end. No token is newer than the
// greatest one: nobody of the old set can go on with it.
Status EndRows(pg::Connection& connection, const model::RoutingTable& table, Deadline deadline) {
  Result<pg::Transaction> transaction = pg::Transaction::Begin(connection, "BEGIN", deadline);
  if (!transaction) return transaction.error();
  Status done = TellOwners(connection, table, deadline);
  for (const char* name : {"gate", "barrier", "chunk_done"}) {
    if (!done) return done;
    done = Run(connection,
               fmt::format("DELETE FROM foreshard.{} WHERE migration_id IN ({})", name, kUnfinished),
               deadline);
  }
  if (done) {
    done = Run(connection,
               fmt::format("UPDATE foreshard.migration SET phase = CASE WHEN phase IN ('Soaking', "
                           "'CleaningUp') THEN 'Completed' ELSE 'Aborted' END, token = "
                           "9223372036854775807, tables = '{{}}', objects = '[]', reverse_slot = "
                           "NULL WHERE migration_id IN ({})",
                           kUnfinished),
               deadline);
  }
  return done ? transaction->Commit(deadline) : done;
}

Status EndMigrations(const backup::RestoredShard& shard, const RestoreEnding& ending,
                     RestoreEnded& ended, Deadline deadline) {
  pg::Connection& connection = shard.connection;
  const Result<pg::Rows> unfinished = connection.Exec(kUnfinished, deadline);
  if (!unfinished) return unfinished.error();
  const Result<pg::Rows> drops = connection.Exec(kDrops, deadline);
  if (!drops) return drops.error();
  for (std::size_t row = 0; row < drops->size(); ++row) {
    if (Status done = Run(connection, drops->Text(row, 0), deadline); !done) return done;
  }
  if (!unfinished->empty()) {
    if (Status set = Run(connection, "SET session_replication_role = replica", deadline); !set)
      return set;
    for (const model::ShardedTable& table : ending.tables) {
      const auto rows = DeleteStrays(connection, ending.table, shard.id, table, deadline);
      if (!rows) return rows.error();
      ended.stray_rows += *rows;
    }
    if (Status set = Run(connection, "RESET session_replication_role", deadline); !set) return set;
  }
  ended.migrations += std::ssize(*unfinished);
  return EndRows(connection, ending.table, deadline);
}

// A number that was given away and never reached this shard is not given away again.
Status RaiseNumbers(pg::Connection& connection, const RestoreEnding& ending, Deadline deadline) {
  if (ending.number_max.value <= 0) return Ok();
  const Result<pg::Rows> raised = connection.Exec(
      "INSERT INTO foreshard.migration (migration_id, uid, peer, phase, token, state) SELECT $1, "
      "'restored', '', 'Aborted', 9223372036854775807, 'revoked' WHERE NOT EXISTS (SELECT FROM "
      "foreshard.migration WHERE migration_id >= $1) ON CONFLICT DO NOTHING",
      {std::int64_t{ending.number_max.value}}, deadline);
  if (!raised) return raised.error();
  return Ok();
}

Status NothingLeft(const backup::RestoredShard& shard, Deadline deadline) {
  const Result<pg::Rows> left =
      shard.connection.Exec(migration::LeftoverSql(std::nullopt), deadline);
  if (!left) return left.error();
  if (left->empty()) return Ok();
  return Error::Retry(fmt::format("shard {}: {} {} of a migration is still there", shard.id,
                                  left->Text(0, 0), left->Text(0, 1)));
}

}  // namespace

Result<RestoreEnded> EndRestoredShards(const std::vector<backup::RestoredShard>& shards,
                                       const RestoreEnding& ending, Deadline deadline) {
  CHECK(shards.size() == ending.shards.size(), "one session for each shard", shards.size());
  if (Status same = CheckServers(shards, ending, deadline); !same) return same.error();
  // First: what is prepared holds locks on what the rest changes.
  const auto in_doubt = backup::EndInDoubt(shards, deadline);
  if (!in_doubt) return in_doubt.error();
  RestoreEnded ended{.committed = in_doubt->committed,
                     .rolled_back = in_doubt->rolled_back,
                     .left = in_doubt->left};
  for (const backup::RestoredShard& shard : shards) {
    Status done = EndMigrations(shard, ending, ended, deadline);
    if (done) done = RaiseNumbers(shard.connection, ending, deadline);
    if (done) done = NothingLeft(shard, deadline);
    if (!done) return done.error();
  }
  return ended;
}

}  // namespace foreshard::op

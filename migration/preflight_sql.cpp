#include "migration/preflight_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "migration/partitions.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

std::optional<Refusal> Refuse(std::string reason, std::string message) {
  return Refusal{std::move(reason), std::move(message)};
}

std::string_view TypeName(model::KeyType type) {
  switch (type) {
    case model::KeyType::kBigint:
      return "bigint, integer or smallint";
    case model::KeyType::kText:
      return "text or character varying";
    case model::KeyType::kUuid:
      return "uuid";
  }
  Unreachable(type);
}

bool FitsKeyType(const std::string& type, model::KeyType key) {
  switch (key) {
    case model::KeyType::kBigint:
      return type == "bigint" || type == "integer" || type == "smallint";
    case model::KeyType::kText:
      return type == "text" || type.substr(0, 17) == "character varying";
    case model::KeyType::kUuid:
      return type == "uuid";
  }
  Unreachable(key);
}

Check CheckKind(const TableInfo& table) {
  if (table.kind != "r")
    return Refuse("NotATable", fmt::format("{} is not an ordinary table", table.name));
  if (table.persistence != "p")
    return Refuse("UnloggedTable",
                  fmt::format("{} is unlogged and does not replicate", table.name));
  if (table.primary_key.empty())
    return Refuse("NoPrimaryKey", fmt::format("{} has no primary key", table.name));
  const auto large = std::find_if(
      table.columns.begin(), table.columns.end(),
      [](const Column& column) { return column.type == "oid" || column.type == "lo"; });
  if (large != table.columns.end()) {
    return Refuse("LargeObjects",
                  fmt::format("{}.{} may point to large objects, which do not replicate",
                              table.name, large->name));
  }
  return std::optional<Refusal>();
}

Check CheckKeyColumn(const Work& work, const TableInfo& table) {
  const auto key = std::find_if(table.columns.begin(), table.columns.end(),
                                [&](const Column& column) { return column.name == table.column; });
  if (key == table.columns.end())
    return Refuse("KeyMissing", fmt::format("{} has no column {}", table.name, table.column));
  if (!key->not_null)
    return Refuse("KeyNullable", fmt::format("{}.{} may be NULL", table.name, table.column));
  if (key->generated)
    return Refuse("KeyGenerated", fmt::format("{}.{} is generated", table.name, table.column));
  const model::KeyType type = work.spec().key_space.key_type;
  if (!FitsKeyType(key->type, type)) {
    return Refuse("KeyType", fmt::format("{}.{} is {}, not {}", table.name, table.column, key->type,
                                         TypeName(type)));
  }
  return std::optional<Refusal>();
}

struct Rule {
  const char* sql;  // answers names of what is wrong; $1: the table's oid, $2: the key's column
  const char* reason;
  const char* message;  // {0}: the table, {1}: the name
};

constexpr std::array kTableRules = {
    Rule{"SELECT a.attname FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation WHERE "
         "a.attrelid = $1::bigint::oid "
         "AND a.attname = $2 AND NOT c.collisdeterministic",
         "KeyCollation", "the collation of {0}.{1} is not deterministic"},
    // Without the key in the identity, the filter of the publication stops clients' updates.
    Rule{"SELECT c.relname FROM pg_class c WHERE c.oid = $1::bigint::oid AND (c.relreplident = 'n' "
         "OR c.relreplident <> 'f' AND NOT EXISTS ("
         "SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY "
         "(i.indkey) WHERE i.indrelid = c.oid "
         "AND a.attname = $2 AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE "
         "i.indisreplident END))",
         "ReplicaIdentityWithoutKey",
         "the replica identity of {0} does not contain the sharding key"},
    Rule{"SELECT i.indexrelid::regclass::text FROM pg_index i WHERE i.indrelid = $1::bigint::oid "
         "AND i.indisunique AND NOT EXISTS ("
         "SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = $2 AND a.attnum "
         "= ANY (i.indkey))",
         "UniqueWithoutKey",
         "unique index {1} of {0} does not contain the sharding key, so it is unique on one shard "
         "only"},
    Rule{"SELECT tgname FROM pg_trigger WHERE tgrelid = $1::bigint::oid AND $2 <> '' AND NOT "
         "tgisinternal AND tgenabled IN ('A', 'R')",
         "TriggerFiresOnReplication", "trigger {1} of {0} fires for replicated rows"},
    Rule{"SELECT tgname FROM pg_trigger WHERE tgrelid = $1::bigint::oid AND $2 <> '' AND NOT "
         "tgisinternal AND tgname > 'zzz' "
         "AND tgname NOT LIKE 'zzz\\_foreshard\\_%' AND tgtype & 3 = 3",
         "TriggerAfterGate",
         "trigger {1} of {0} would change rows after the gate has looked at them"},
    Rule{"SELECT s.subname FROM pg_subscription s JOIN pg_subscription_rel r ON r.srsubid = s.oid "
         "WHERE r.srrelid = $1::bigint::oid "
         "AND $2 <> '' AND s.subname NOT LIKE 'foreshard\\_%'",
         "FedBySubscription", "subscription {1} writes to {0}"}};

}  // namespace

Check CheckServer(pg::Connection& connection, const Work& work, Side side) {
  const Result<pg::Rows> rows = connection.Exec(
      "SELECT current_setting('wal_level'), "
      "current_setting('max_replication_slots')::int - (SELECT count(*) FROM "
      "pg_replication_slots), "
      "current_setting('max_wal_senders')::int - (SELECT count(*) FROM pg_stat_activity WHERE "
      "backend_type = 'walsender'), "
      "current_setting('max_logical_replication_workers')::int - (SELECT count(*) FROM "
      "pg_stat_subscription WHERE pid IS NOT NULL), "
      "pg_is_in_recovery(), current_setting('block_size'), to_regclass('foreshard.migration') IS "
      "NOT NULL",
      work.In(kCall));
  if (!rows) return rows.error();
  const std::string where = fmt::format("{} ({})", ShardOf(work.spec(), side), ToString(side));
  if (rows->Bool(0, 4)) return Error::Retry(fmt::format("{} is not a primary", where));
  if (rows->Text(0, 0) != "logical") {
    return Refuse("WalLevelTooLow",
                  fmt::format("wal_level of {} is {}, not logical", where, rows->Text(0, 0)));
  }
  if (rows->Int(0, 1) < 2)
    return Refuse("NoFreeReplicationSlot",
                  fmt::format("max_replication_slots of {} is used up", where));
  if (rows->Int(0, 2) < 2)
    return Refuse("NoFreeWalSender", fmt::format("max_wal_senders of {} is used up", where));
  if (rows->Int(0, 3) < 2) {
    return Refuse("NoFreeReplicationWorker",
                  fmt::format("max_logical_replication_workers of {} is used up", where));
  }
  if (!rows->Bool(0, 6))
    return Error::Retry(fmt::format("schema foreshard is not installed on {} yet", where));
  return std::optional<Refusal>();
}

Check CheckTransactions(pg::Connection& source, const Work& work) {
  const Result<pg::Rows> rows =
      source.Exec(fmt::format("SELECT (SELECT min(gid) FROM pg_prepared_xacts WHERE database = "
                              "current_database() AND prepared < now() - interval '{} s'), "
                              "(SELECT min(pid) FROM pg_stat_activity WHERE backend_type = 'client "
                              "backend' AND pid <> pg_backend_pid() "
                              "AND xact_start < now() - interval '{} s')",
                              std::chrono::seconds(kOldPrepared).count(),
                              std::chrono::seconds(kLongTransaction).count()),
                  work.In(kCall));
  if (!rows) return rows.error();
  if (!rows->IsNull(0, 0)) {
    return Refuse("OldPreparedTransaction",
                  fmt::format("prepared transaction {} is older than a minute", rows->Text(0, 0)));
  }
  if (!rows->IsNull(0, 1)) {
    return Refuse(
        "LongTransaction",
        fmt::format("the transaction of process {} is older than five minutes", rows->Text(0, 1)));
  }
  return std::optional<Refusal>();
}

Check CheckTable(pg::Connection& connection, const Work& work, const TableInfo& table, Side side) {
  if (Check kind = CheckKind(table); !kind || kind->has_value()) return kind;
  if (table.column.empty()) return std::optional<Refusal>();
  if (Check key = CheckKeyColumn(work, table); !key || key->has_value()) return key;
  for (const Rule& rule : kTableRules) {
    const Result<pg::Rows> wrong =
        connection.Exec(rule.sql, {table.oid, table.column}, work.In(kCall));
    if (!wrong) return wrong.error();
    if (wrong->empty()) continue;
    const std::string message =
        fmt::format(fmt::runtime(rule.message), table.name, wrong->Text(0, 0));
    return Refuse(rule.reason, fmt::format("{} (on {})", message, ShardOf(work.spec(), side)));
  }
  return std::optional<Refusal>();
}

Check CheckPartitions(pg::Connection& connection, const Work& work, Side side) {
  const Result<std::vector<TreeTable>> trees = ReadTrees(connection, work.spec(), work.In(kCall));
  if (!trees) return trees.error();
  const std::string where = ShardOf(work.spec(), side).value;
  for (const TreeTable& table : *trees) {
    if (!table.part_of.empty()) {
      return Refuse(
          "PartOfAnotherTable",
          fmt::format(
              "{} is a partition of {}: rows would leave it unseen; shard {} as a whole (on {})",
              table.name, table.part_of, table.part_of, where));
    }
    if (table.kind == "f") {
      return Refuse("ForeignPartition",
                    fmt::format("{} [{}] lies on another server and does not replicate (on {})",
                                table.name, table.shape, where));
    }
    if (table.detaching) {
      return Refuse(
          "PartitionDetaching",
          fmt::format(
              "DETACH CONCURRENTLY of {} was not finished: ALTER TABLE ... DETACH PARTITION "
              "... FINALIZE (on {})",
              table.name, where));
    }
    if (!table.fed_by.empty()) {
      return Refuse("FedBySubscription", fmt::format("subscription {} writes to {} (on {})",
                                                     table.fed_by, table.name, where));
    }
  }
  return std::optional<Refusal>();
}

Check CheckDestination(pg::Connection& source, pg::Connection& destination, const Work& work) {
  for (const TableSpec& table : work.spec().tables) {
    const Result<std::optional<TableInfo>> there =
        ReadTable(destination, table.name, "", work.In(kCall));
    if (!there) return there.error();
    if (!there->has_value())
      return Refuse("TableMissing", fmt::format("{} is not on the destination", table.name));
  }
  const Result<std::vector<TreeTable>> here = ReadTrees(source, work.spec(), work.In(kCall));
  if (!here) return here.error();
  const Result<std::vector<TreeTable>> over_there =
      ReadTrees(destination, work.spec(), work.In(kCall));
  if (!over_there) return over_there.error();
  if (const auto difference = FirstTreeDifference(*here, *over_there))
    return Refuse("PartitionsDiffer", *difference);
  std::vector<std::string> names;
  for (const TreeTable& table : *here) names.push_back(table.name);
  const Result<std::vector<Definition>> left = ReadDefinitions(source, names, work.In(kCall));
  if (!left) return left.error();
  const Result<std::vector<Definition>> right = ReadDefinitions(destination, names, work.In(kCall));
  if (!right) return right.error();
  if (const std::optional<std::string> difference = FirstDifference(*left, *right))
    return Refuse("SchemaDiffers", *difference);
  for (const TableSpec& table : work.spec().tables) {
    const TableInfo info{.name = table.name, .column = table.column};
    const Result<pg::Rows> rows =
        destination.Exec(fmt::format("SELECT EXISTS (SELECT FROM {} WHERE {})",
                                     QuoteTable(table.name), MovingRowsSql(work.spec(), info)),
                         work.In(2min));
    if (!rows) return rows.error();
    if (rows->Bool(0, 0)) {
      return Refuse("DestinationNotEmpty", fmt::format("{} on {} holds rows of the range already",
                                                       table.name, work.spec().destination));
    }
  }
  return std::optional<Refusal>();
}

Check CheckDisk(pg::Connection& destination, const Work& work, std::int64_t bytes) {
  // PostgreSQL has no function for free space; df on its own machine has.
  const Result<pg::Rows> asked = destination.Exec(
      "BEGIN; CREATE TEMP TABLE foreshard_df (line text) ON COMMIT DROP; "
      "COPY foreshard_df FROM PROGRAM 'df -Pk . | tail -n 1'",
      work.In(kCall));
  if (!asked) return asked.error();
  const Result<pg::Rows> free = destination.Exec(
      "SELECT (regexp_split_to_array(trim(line), '\\s+'))[4]::bigint * 1024 FROM foreshard_df",
      work.In(kCall));
  if (!free) return free.error();
  if (const Result<pg::Rows> ended = destination.Exec("ROLLBACK", work.In(kCall)); !ended)
    return ended.error();
  if (free->empty()) return Error::Retry("df gave no answer on the destination");
  if (free->Int(0, 0) < bytes + bytes / 2) {
    return Refuse(
        "NotEnoughDisk",
        fmt::format(
            "{} has {} bytes free; {} are to be moved, and one and a half times that is needed",
            work.spec().destination, free->Int(0, 0), bytes));
  }
  return std::optional<Refusal>();
}

Check CheckFuse(pg::Connection& source, const Work& work, std::int64_t bytes) {
  const Result<pg::Rows> fuse = source.Exec(
      "SELECT setting::bigint * 1024 * 1024 FROM pg_settings WHERE name = 'max_slot_wal_keep_size'",
      work.In(kCall));
  if (!fuse) return fuse.error();
  // While the copy runs its slot keeps WAL; that the copy's size is written once more meanwhile is
  // a guess that errs upwards.
  if (!fuse->empty() && fuse->Int(0, 0) > 0 && fuse->Int(0, 0) / 2 < bytes) {
    return Refuse("WalFuseTooSmall",
                  fmt::format("max_slot_wal_keep_size of {} is too small for a copy of {} bytes",
                              work.spec().source, bytes));
  }
  return std::optional<Refusal>();
}

}  // namespace foreshard::migration

#include "migration/shard_objects.h"

#include <fmt/format.h>

#include "migration/partitions.h"
#include "migration/predicate.h"
#include "pg/conninfo.h"

namespace foreshard::migration {

namespace {

std::string Key(std::string_view row, const TableSpec& table) {
  return row.empty() ? pg::QuoteIdentifier(table.column)
                     : fmt::format("{}.{}", row, pg::QuoteIdentifier(table.column));
}

std::string Trigger(const MigrationSpec& spec, const TableSpec& table, std::string_view suffix,
                    std::string_view event, const std::string& when, std::string_view call) {
  return fmt::format(
      "CREATE OR REPLACE TRIGGER {} BEFORE {} ON {} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION "
      "foreshard.{}",
      TriggerName(spec.number, std::string(suffix)), event, QuoteTable(table.name), when, call);
}

// A publication cannot name one table twice; each is named once, with its filter.
std::string Published(const MigrationSpec& spec, Side side) {
  std::string list;
  for (const TableSpec& table : spec.tables) {
    list += fmt::format("TABLE {} WHERE ({}), ", QuoteTable(table.name),
                        PredicateSql(spec, Key({}, table)));
  }
  if (spec.new_destination && side == Side::kSource) {
    for (const std::string& table : spec.reference_tables)
      list += fmt::format("TABLE {}, ", QuoteTable(table));
  }
  return list + fmt::format("TABLE foreshard.barrier WHERE (migration_id = {} AND source = {})",
                            spec.number, pg::QuoteLiteral(ShardOf(spec, side).value));
}

}  // namespace

TableName ParseTableName(std::string_view name) {
  const std::size_t dot = name.find('.');
  CHECK(dot != std::string_view::npos, "a table's name has its schema", name);
  return {std::string(name.substr(0, dot)), std::string(name.substr(dot + 1))};
}

std::string QuoteTable(std::string_view name) {
  const TableName parsed = ParseTableName(name);
  return pg::QuoteIdentifier(parsed.schema) + "." + pg::QuoteIdentifier(parsed.table);
}

std::vector<std::string> GateTriggerSql(const MigrationSpec& spec, const TableSpec& table) {
  const std::string before = PredicateSql(spec, Key("OLD", table));
  const std::string after = PredicateSql(spec, Key("NEW", table));
  const std::string call = fmt::format("gate_check('{}')", spec.number);
  return {
      Trigger(spec, table, "insert", "INSERT", after, call),
      Trigger(spec, table, "update", "UPDATE", fmt::format("({}) OR ({})", before, after), call),
      Trigger(spec, table, "delete", "DELETE", before, call)};
}

std::vector<std::string> GuardTriggerSql(const MigrationSpec& spec, const TableSpec& table) {
  const std::string moves =
      fmt::format("({}) IS DISTINCT FROM ({})", PredicateSql(spec, Key("OLD", table)),
                  PredicateSql(spec, Key("NEW", table)));
  return {Trigger(spec, table, "key", "UPDATE", moves,
                  fmt::format("refuse('{}', 'UPDATE of the sharding key')", spec.number)),
          fmt::format("CREATE OR REPLACE TRIGGER {} BEFORE TRUNCATE ON {} FOR EACH STATEMENT "
                      "EXECUTE FUNCTION foreshard.refuse('{}', 'TRUNCATE')",
                      TriggerName(spec.number, "truncate"), QuoteTable(table.name), spec.number)};
}

std::vector<std::string> EventTriggerSql(const MigrationSpec& spec) {
  const auto make = [&](std::string_view suffix, std::string_view event) {
    const std::string name = fmt::format("foreshard_{}_{}", spec.number, suffix);
    return fmt::format(
        "DO $$BEGIN IF NOT EXISTS (SELECT FROM pg_event_trigger WHERE evtname = '{0}') THEN "
        "CREATE EVENT TRIGGER {0} ON {1} EXECUTE FUNCTION foreshard.refuse_ddl(); END IF; END$$",
        name, event);
  };
  return {make("ddl",
               "ddl_command_end WHEN TAG IN ('ALTER TABLE', 'ALTER INDEX', 'ALTER TRIGGER', 'ALTER "
               "TYPE', 'CREATE INDEX', "
               "'CREATE TRIGGER', 'CREATE TABLE', 'CREATE RULE')"),
          // DETACH ... CONCURRENTLY has committed its first half when ddl_command_end comes.
          make("start", "ddl_command_start WHEN TAG IN ('ALTER TABLE')"), make("drop", "sql_drop")};
}

std::vector<std::string> TriggerNames(const MigrationSpec& spec) {
  std::vector<std::string> names;
  for (const char* suffix : {"insert", "update", "delete", "key", "truncate"}) {
    names.push_back(TriggerName(spec.number, suffix));
  }
  return names;
}

std::string PublicationSql(const MigrationSpec& spec, Side side) {
  return fmt::format("CREATE PUBLICATION {} FOR {} WITH (publish = 'insert, update, delete')",
                     PublicationName(spec.number), Published(spec, side));
}

std::string LetCopySql(const std::vector<std::string>& tables) {
  std::string list;
  for (const std::string& table : tables)
    list += (list.empty() ? "" : ", ") + pg::QuoteLiteral(QuoteTable(table));
  return fmt::format("SELECT foreshard.let_copy(ARRAY[{}]::regclass[])", list);
}

// PostgreSQL 15 gives a subscription to superusers only, and its worker has the rights of the owner
// at the time: nobody sees the role as one, because the transaction takes it back.
std::string SubscriptionSql(const MigrationSpec& spec, Side publisher,
                            std::string_view publisher_conninfo) {
  const std::string name = StreamName(spec.number, ShardOf(spec, publisher));
  std::vector<std::string> tables;
  for (const TableSpec& table : spec.tables) tables.push_back(table.name);
  if (spec.new_destination && publisher == Side::kSource)
    tables.insert(tables.end(), spec.reference_tables.begin(), spec.reference_tables.end());
  return fmt::format(
      "{3}; CREATE SUBSCRIPTION {0} CONNECTION {1} PUBLICATION {2} WITH (create_slot = false, "
      "slot_name = '{0}', copy_data = false, enabled = true, streaming = on, "
      "synchronous_commit = on, disable_on_error = true); ALTER ROLE {4} SUPERUSER; "
      "ALTER SUBSCRIPTION {0} OWNER TO {4}; ALTER ROLE {4} NOSUPERUSER",
      name, pg::QuoteLiteral(publisher_conninfo), PublicationName(spec.number), LetCopySql(tables),
      kCopyRole);
}

Result<std::string> SubscriptionConninfo(std::string_view conninfo) {
  const Result<pg::Conninfo> given = pg::Conninfo::Parse(conninfo);
  if (!given) return given.error();
  pg::Conninfo settings;
  for (const char* keyword : {"host", "port", "dbname", "user", "password"}) {
    if (!given->Get(keyword).empty()) settings = settings.With(keyword, given->Get(keyword));
  }
  const std::string_view mode = given->Get("sslmode");
  const bool verifies = mode.substr(0, 6) == "verify";
  if (!mode.empty()) settings = settings.With("sslmode", verifies ? "require" : mode);
  // A publisher that vanished is noticed in seconds, not after two hours.
  return settings.With("keepalives_idle", "5")
      .With("keepalives_interval", "2")
      .With("keepalives_count", "3")
      .With("connect_timeout", "5")
      .text();
}

std::string LeftoverSql(std::optional<model::MigrationNumber> number) {
  const std::string any = number ? fmt::format("foreshard\\_{}\\_%", *number) : "foreshard\\_%";
  const std::string publication = number ? fmt::format("foreshard\\_{}", *number) : "foreshard\\_%";
  const std::string id = number ? fmt::format(" WHERE migration_id = {}", *number) : "";
  return fmt::format(
      "SELECT 'slot' AS kind, slot_name::text AS name FROM pg_replication_slots WHERE slot_name "
      "LIKE '{0}' "
      "AND database = current_database() "
      "UNION ALL SELECT 'publication', pubname FROM pg_publication WHERE pubname LIKE '{1}' "
      "UNION ALL SELECT 'subscription', subname FROM pg_subscription WHERE subname LIKE '{0}' "
      "UNION ALL SELECT 'trigger', tgrelid::regclass || '.' || tgname FROM pg_trigger "
      "WHERE tgname LIKE 'zzz\\_{0}' AND tgparentid = 0 "
      "UNION ALL SELECT 'event trigger', evtname FROM pg_event_trigger WHERE evtname LIKE '{0}' "
      "UNION ALL SELECT 'gate', migration_id::text FROM foreshard.gate{2} "
      "UNION ALL SELECT DISTINCT 'chunk', migration_id::text FROM foreshard.chunk_done{2}",
      any, publication, id);
}

Status ExecClaimed(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                   const std::vector<Statement>& statements, Deadline deadline) {
  Result<pg::Transaction> transaction = pg::Transaction::Begin(connection, "BEGIN", deadline);
  if (!transaction) return transaction.error();
  const Result<pg::Rows> claimed = connection.Exec("SELECT FROM foreshard.claim($1, $2)",
                                                   {spec.number.value, token.value}, deadline);
  if (!claimed) return claimed.error();
  for (const Statement& statement : statements) {
    const Result<pg::Rows> done =
        statement.parameters.empty()
            ? connection.Exec(statement.sql, deadline)
            : connection.Exec(statement.sql, statement.parameters, deadline);
    if (!done) return done.error();
  }
  return transaction->Commit(deadline);
}

Statement IntentSql(const MigrationSpec& spec, std::string_view kind, std::string_view name) {
  return {
      "UPDATE foreshard.migration SET objects = objects || x.entry "
      "FROM (SELECT jsonb_build_array(jsonb_build_object('kind', $2::text, 'name', $3::text)) AS "
      "entry) x "
      "WHERE migration_id = $1 AND NOT objects @> x.entry",
      {spec.number.value, kind, name}};
}

Status RecordIntent(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                    std::string_view kind, std::string_view name, Deadline deadline) {
  return ExecClaimed(connection, spec, token, {IntentSql(spec, kind, name)}, deadline);
}

Status MakeTriggers(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                    TriggerSql sql, Deadline deadline) {
  const Result<MigrationSpec> here = WithLeaves(connection, spec, deadline);
  if (!here) return here.error();
  for (const TableSpec& table : here->tables) {
    const Status named = RecordIntent(connection, spec, token, "triggers", table.name, deadline);
    if (!named) return named;
    std::vector<Statement> statements = {{"SET LOCAL lock_timeout = '100ms'"}};
    for (const std::string& text : sql(spec, table)) statements.push_back({text});
    const Status made = ExecClaimed(connection, spec, token, statements, deadline);
    if (!made) return made;
  }
  return Ok();
}

std::string IfSubscription(std::string_view name, std::string_view sql) {
  return fmt::format(
      "DO $$BEGIN IF EXISTS (SELECT FROM pg_subscription WHERE subname = '{}') THEN {}; END IF; "
      "END$$",
      name, sql);
}

Status DropSubscription(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                        std::string_view name, Deadline deadline) {
  // Without its slot's name: the drop must not need the publisher, and the slot is dropped by
  // itself.
  const std::string drop = fmt::format(
      "ALTER SUBSCRIPTION {0} DISABLE; ALTER SUBSCRIPTION {0} SET (slot_name = NONE); DROP "
      "SUBSCRIPTION {0}",
      name);
  return ExecClaimed(connection, spec, token, {{IfSubscription(name, drop)}}, deadline);
}

Status DropSlot(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                std::string_view name, Deadline deadline) {
  const Status claimed = ExecClaimed(connection, spec, token, {}, deadline);
  if (!claimed) return claimed;
  const Result<pg::Rows> ended = connection.Exec(
      "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND "
      "active",
      {name}, deadline);
  if (!ended) return ended.error();
  if (!ended->empty()) return Error::Retry("the slot is in use", "SlotActive");
  const Result<pg::Rows> dropped = connection.Exec(
      "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1",
      {name}, deadline);
  if (!dropped) return dropped.error();
  return Ok();
}

}  // namespace foreshard::migration

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "migration/crash_points.h"
#include "migration/mover_steps.h"
#include "migration/partitions.h"
#include "migration/pg_dump.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

// Tells the DDL guards what to watch: the group's tables and all that hangs from them.
Statement WatchSql(const MigrationSpec& spec) {
  std::vector<std::string> names;
  for (const TableSpec& table : spec.tables) names.push_back(QuoteTable(table.name));
  return {std::string(kPartitionTreeSql) +
              "UPDATE foreshard.migration SET tables = (SELECT array_agg(DISTINCT oid) FROM tree "
              "WHERE oid IS NOT NULL) WHERE migration_id = $2",
          {pg::ArrayLiteral(names), spec.number.value}};
}

// A partition that somebody attached or took away while the guards came: whoever did has committed
// when the lock is ours, and whoever comes later meets the guards. Clients' statements do not wait
// for this lock.
Status WatchWhatHangsThereNow(pg::Connection& connection, const Work& work, const Turn& turn,
                              Side side) {
  const Result<std::vector<std::string>> trees =
      ReadPartitionedTables(connection, work.spec(), work.In(kCall));
  if (!trees) return trees.error();
  std::vector<Statement> statements = {{"SET LOCAL lock_timeout = '100ms'"}};
  for (const std::string& table : *trees) {
    statements.push_back(
        {fmt::format("LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE", QuoteTable(table))});
  }
  statements.push_back(WatchSql(work.spec()));
  return Repeat(work, 30s, [&] {
    return ExecClaimed(connection, work.spec(), turn.token(side), statements, work.In(kCall));
  });
}

// The DDL guards watch what `tables` names, so the names come before the event triggers.
Status MakeGuards(pg::Connection& connection, const Work& work, const Turn& turn, Side side) {
  const MigrationSpec& spec = work.spec();
  CrashPoint(Edge::kBefore, "mover.prepare.guards");
  std::vector<Statement> statements = {IntentSql(spec, "guards", PublicationName(spec.number)),
                                       WatchSql(spec)};
  for (const std::string& sql : EventTriggerSql(spec)) statements.push_back({sql});
  const Status made = ExecClaimed(connection, spec, turn.token(side), statements, work.In(kCall));
  if (!made) return made;
  if (Status watched = WatchWhatHangsThereNow(connection, work, turn, side); !watched)
    return watched;
  const Status guarded = Repeat(work, 30s, [&] {
    return MakeTriggers(connection, spec, turn.token(side), GuardTriggerSql, work.In(kCall));
  });
  CrashPoint(Edge::kAfter, "mover.prepare.guards");
  return guarded;
}

// Tables and what they need to receive rows; everything else comes after the copy (see CatchUp).
// One transaction with the mark that it was done: a schema that exists by half would never come to
// its end.
Status MakeSchema(const Work& work, const Turn& turn, pg::Connection& source) {
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  const Result<pg::Rows> before =
      (*destination)
          ->Exec("SELECT progress ? 'schema' FROM foreshard.migration WHERE migration_id = $1",
                 {work.spec().number.value}, work.In(kCall));
  if (!before) return before.error();
  if (!before->empty() && before->Bool(0, 0)) return Ok();

  Result<std::string> dump =
      DumpSchema(work.options.pg_dump, work.conninfo(Side::kSource), work.clock, work.In(2min));
  if (!dump) return dump.error();
  const Result<std::vector<std::string>> tables = ReadUserTables(source, work.In(kCall));
  if (!tables) return tables.error();
  const Result<std::vector<Definition>> definitions =
      ReadDefinitions(source, *tables, work.In(kCall));
  if (!definitions) return definitions.error();
  std::vector<std::string> statements = {std::move(*dump)};
  std::vector<Definition> after;
  for (const Definition& one : *definitions) {
    if (one.kind == "primary key") statements.push_back(one.text);
    if (one.kind == "replica identity") after.push_back(one);
  }
  // An identity by index needs that index now.
  for (const Definition& identity : after) {
    if (identity.text.find(" USING INDEX ") == std::string::npos) continue;
    const std::string index = identity.text.substr(identity.text.find(" USING INDEX ") + 13);
    for (const Definition& one : *definitions) {
      const bool makes_it =
          (one.kind == "index" && one.text.find(" INDEX " + index + " ON ") != std::string::npos) ||
          (one.kind == "constraint" && one.name == index);
      if (makes_it && one.table == identity.table) statements.push_back(one.text);
    }
    statements.push_back(identity.text);
  }
  statements.push_back(
      fmt::format("UPDATE foreshard.migration SET progress = progress || '{{\"schema\": true}}' "
                  "WHERE migration_id = {}",
                  work.spec().number));
  CrashPoint(Edge::kBefore, "mover.prepare.schema");
  Status made = ExecOurs(**destination, work, turn, Side::kDestination, statements, 5min);
  if (!made && made.error().kind == Error::Kind::kGiveUp) {
    return Error::GiveUp("the schema cannot be made on the destination: " + made.error().message,
                         "SchemaCopyFailed", made.error().code);
  }
  CrashPoint(Edge::kAfter, "mover.prepare.schema");
  return made;
}

// D's gate triggers stand before any row of K is there, and its gate has no row: closed.
Status CloseDestination(pg::Connection& destination, const Work& work, const Turn& turn) {
  CrashPoint(Edge::kBefore, "mover.prepare.gate");
  const Status made = Repeat(work, 30s, [&] {
    return MakeTriggers(destination, work.spec(), turn.destination_token, GateTriggerSql,
                        work.In(kCall));
  });
  CrashPoint(Edge::kAfter, "mover.prepare.gate");
  return made;
}

Status MakePublication(pg::Connection& connection, const Work& work, const Turn& turn, Side side) {
  const std::string name = PublicationName(work.spec().number);
  const Status named =
      RecordIntent(connection, work.spec(), turn.token(side), "publication", name, work.In(kCall));
  if (!named) return named;
  const Result<pg::Rows> there = connection.Exec(
      "SELECT pubname FROM pg_publication WHERE pubname = $1", {name}, work.In(kCall));
  if (!there) return there.error();
  if (!there->empty()) return Ok();
  const Result<MigrationSpec> here = WithLeaves(connection, work.spec(), work.In(kCall));
  if (!here) return here.error();
  CrashPoint(Edge::kBefore, "mover.prepare.publication");
  const Status made = Repeat(work, 30s, [&] {
    return ExecClaimed(connection, work.spec(), turn.token(side),
                       {{"SET LOCAL lock_timeout = '100ms'"}, {PublicationSql(*here, side)}},
                       work.In(kCall));
  });
  CrashPoint(Edge::kAfter, "mover.prepare.publication");
  return made;
}

// Between the preflight and the guards somebody may have changed one side: a leaf that only one of
// them has cannot move.
Status TreesAgree(pg::Connection& source, pg::Connection& destination, const Work& work) {
  const Result<std::vector<TreeTable>> left = ReadTrees(source, work.spec(), work.In(kCall));
  if (!left) return left.error();
  const Result<std::vector<TreeTable>> right = ReadTrees(destination, work.spec(), work.In(kCall));
  if (!right) return right.error();
  const std::optional<std::string> difference = FirstTreeDifference(*left, *right);
  if (!difference) return Ok();
  return Error::GiveUp(*difference, "PartitionsDiffer");
}

// Transactions that a new slot would wait for. Waiting here is free; inside CREATE_REPLICATION_SLOT
// it is not.
Status LookForLongTransactions(pg::Connection& source, const Work& work) {
  const Result<pg::Rows> rows = source.Exec(
      "SELECT (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database() AND "
      "prepared < now() - interval '10 s'), "
      "(SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> "
      "pg_backend_pid() "
      "AND xact_start < now() - interval '10 s')",
      work.In(kCall));
  if (!rows) return rows.error();
  if (rows->Int(0, 0) > 0)
    return Error::Retry("a prepared transaction is open", "BlockedByPreparedTransaction");
  if (rows->Int(0, 1) > 0)
    return Error::Retry("a long transaction is open", "BlockedByLongTransaction");
  return Ok();
}

Status RecordSnapshot(pg::Connection& source, pg::Connection& destination, const Work& work,
                      const Turn& turn, const Keepers& keepers) {
  std::string identities[2];
  for (const Side side : {Side::kSource, Side::kDestination}) {
    pg::Connection& connection = side == Side::kSource ? source : destination;
    const Result<pg::Rows> identity =
        connection.Exec("SELECT foreshard.identity()", work.In(kCall));
    if (!identity) return identity.error();
    identities[side == Side::kSource ? 0 : 1] = identity->Text(0, 0);
  }
  work.board.Change([&](Progress& progress) {
    progress.source_identity = identities[0];
    progress.destination_identity = identities[1];
  });
  const Status there = WriteProgress(
      source, work.spec(), turn.source_token,
      fmt::format(R"({{"own_identity": "{}", "snapshots": ["{}", "{}"]}})", identities[0],
                  keepers.first->snapshot(), keepers.second->snapshot()),
      work.In(kCall));
  if (!there) return there;
  return WriteProgress(destination, work.spec(), turn.destination_token,
                       fmt::format(R"({{"own_identity": "{}"}})", identities[1]), work.In(kCall));
}

}  // namespace

Status StartSnapshot(const Work& work, const Turn& turn, Keepers& keepers) {
  keepers = {};
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  const std::string slot = StreamName(work.spec().number, work.spec().source);
  const Status dropped = Repeat(work, 30s, [&] {
    return DropSlot(**source, work.spec(), turn.source_token, slot, work.In(kCall));
  });
  if (!dropped) return dropped;
  const Result<std::vector<TableInfo>> tables =
      ReadTables(**destination, work.spec(), work.In(kCall));
  if (!tables) return tables.error();
  const Result<pg::Rows> replica =
      (*destination)->Exec("SET session_replication_role = replica", work.In(kCall));
  if (!replica) return replica.error();
  const Result<pg::Rows> copied =
      (*destination)
          ->Exec("SELECT EXISTS (SELECT FROM foreshard.chunk_done WHERE migration_id = $1)",
                 {work.spec().number.value}, work.In(kCall));
  if (!copied) return copied.error();
  if (copied->Bool(0, 0)) {
    for (auto table = tables->rbegin(); table != tables->rend(); ++table) {
      const Status deleted =
          DeleteMovingRows(**destination, work, turn, Side::kDestination, *table);
      if (!deleted) return deleted;
    }
    const Status emptied =
        ExecOurs(**destination, work, turn, Side::kDestination,
                 {fmt::format("DELETE FROM foreshard.chunk_done WHERE migration_id = {}",
                              work.spec().number)},
                 kCall);
    if (!emptied) return emptied;
  }
  if (Status free = LookForLongTransactions(**source, work); !free) return free;
  const Status named =
      RecordIntent(**source, work.spec(), turn.source_token, "slot", slot, work.In(kCall));
  if (!named) return named;
  CrashPoint(Edge::kBefore, "mover.prepare.slot");
  auto first = SnapshotKeeper::MakeSlot(work, slot);
  if (!first) return first.error();
  CrashPoint(Edge::kAfter, "mover.prepare.slot");
  CrashPoint(Edge::kBefore, "mover.prepare.keeper");
  auto second = SnapshotKeeper::Import(work, (*first)->snapshot());
  if (!second) return second.error();
  if (*second == nullptr) return Error::Retry("the snapshot ended at once");
  keepers = {std::move(*first), std::move(*second)};
  work.board.Count([](MoverCounters& counters) { counters.keepers = 2; });
  const Status recorded = RecordSnapshot(**source, **destination, work, turn, keepers);
  CrashPoint(Edge::kAfter, "mover.prepare.keeper");
  return recorded;
}

Status Prepare(const Work& work, const Turn& turn, Keepers& keepers) {
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  if (Status made = MakeGuards(**source, work, turn, Side::kSource); !made) return made;
  if (work.spec().new_destination) {
    if (Status made = MakeSchema(work, turn, **source); !made) return made;
  }
  if (Status made = MakeGuards(**destination, work, turn, Side::kDestination); !made) return made;
  if (Status agree = TreesAgree(**source, **destination, work); !agree) return agree;
  if (Status closed = CloseDestination(**destination, work, turn); !closed) return closed;
  // A slot older than its publication cannot decode, so publications come first, in both
  // directions.
  if (Status made = MakePublication(**source, work, turn, Side::kSource); !made) return made;
  if (Status made = MakePublication(**destination, work, turn, Side::kDestination); !made)
    return made;
  return StartSnapshot(work, turn, keepers);
}

}  // namespace foreshard::migration

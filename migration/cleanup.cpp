#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "migration/crash_points.h"
#include "migration/mover_steps.h"
#include "migration/partitions.h"
#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "pg/statement.h"

namespace foreshard::migration {

namespace {

struct Sessions {
  std::unique_ptr<pg::Connection> source;
  std::unique_ptr<pg::Connection> destination;

  pg::Connection& of(Side side) { return side == Side::kSource ? *source : *destination; }
};

Result<Sessions> ConnectBoth(const Work& work) {
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  return Sessions{std::move(*source), std::move(*destination)};
}

// Both streams end: subscription first, so that nobody asks for the slot any more; then slots, then
// publications.
Status DropStreams(Sessions& sessions, const Work& work, const Turn& turn) {
  const MigrationSpec& spec = work.spec();
  CrashPoint(Edge::kBefore, "mover.cleanup.streams");
  for (const Side publisher : {Side::kSource, Side::kDestination}) {
    const std::string stream = StreamName(spec.number, ShardOf(spec, publisher));
    const Side subscriber = Peer(publisher);
    Status dropped = Repeat(work, 30s, [&] {
      return DropSubscription(sessions.of(subscriber), spec, turn.token(subscriber), stream,
                              work.In(kCall));
    });
    if (!dropped) return dropped;
    dropped = Repeat(work, 30s, [&] {
      return DropSlot(sessions.of(publisher), spec, turn.token(publisher), stream, work.In(kCall));
    });
    if (!dropped) return dropped;
  }
  for (const Side side : {Side::kSource, Side::kDestination}) {
    const Status dropped =
        ExecClaimed(sessions.of(side), spec, turn.token(side),
                    {{fmt::format("DROP PUBLICATION IF EXISTS {}", PublicationName(spec.number))}},
                    work.In(kCall));
    if (!dropped) return dropped;
  }
  CrashPoint(Edge::kAfter, "mover.cleanup.streams");
  return Ok();
}

// Proof before the first delete: a delete under a living slot would travel to the shard that owns
// the rows (I5).
Status ProveNoStream(Sessions& sessions, const Work& work) {
  for (const Side side : {Side::kSource, Side::kDestination}) {
    const Result<pg::Rows> left = sessions.of(side).Exec(
        fmt::format(
            "SELECT kind, name FROM ({}) x WHERE kind IN ('slot', 'subscription', 'publication')",
            LeftoverSql(work.spec().number)),
        work.In(kCall));
    if (!left) return left.error();
    if (!left->empty()) {
      return Error::Retry(fmt::format("{} {} is still on the {}", left->Text(0, 0),
                                      left->Text(0, 1), ToString(side)),
                          "StreamLeft");
    }
  }
  return Ok();
}

// Sessions of clients that began before this moment may belong to a router that never learned the
// new owner, unless a router said since that it uses the session by a table that is new enough.
// Each ends as soon as it is idle; a new one reads foreshard.range before its first use. Only then
// may the gate's triggers go.
Status EndOlderSessions(pg::Connection& connection, const Work& work, const Turn& turn, Side side) {
  const Result<pg::Rows> begin = connection.Exec(
      "SELECT coalesce(progress->>'sessions_before', clock_timestamp()::text) FROM "
      "foreshard.migration WHERE migration_id = $1",
      {work.spec().number.value}, work.In(kCall));
  if (!begin) return begin.error();
  if (begin->empty()) return Error::Reobserve("the row is gone");
  const std::string before = begin->Text(0, 0);
  CrashPoint(Edge::kBefore, "mover.cleanup.sessions");
  const Status kept =
      WriteProgress(connection, work.spec(), turn.token(side),
                    fmt::format(R"({{"sessions_before": "{}"}})", before), work.In(kCall));
  if (!kept) return kept;
  const char* older =
      " FROM pg_stat_activity a JOIN pg_roles r ON r.rolname = a.usename WHERE a.datname = "
      "current_database() "
      "AND a.backend_type = 'client backend' AND NOT r.rolsuper AND a.backend_start < "
      "$1::timestamptz AND NOT EXISTS (SELECT FROM foreshard.connection c, foreshard.range g "
      "WHERE c.pid = a.pid AND c.backend_start = a.backend_start AND g.migration_id = $2 "
      "AND c.epoch >= g.epoch)";
  const pg::Parameters parameters = {before, work.spec().number.value};
  while (true) {
    const Result<pg::Rows> ended = connection.Exec(
        fmt::format("SELECT count(pg_terminate_backend(a.pid)){} AND a.state = 'idle'", older),
        parameters, work.In(kCall));
    if (!ended) return ended.error();
    const Result<pg::Rows> left =
        connection.Exec(fmt::format("SELECT count(*){}", older), parameters, work.In(kCall));
    if (!left) return left.error();
    if (left->Int(0, 0) == 0) break;
    const Status ours = StillOurs(connection, work.spec(), turn.token(side), work.In(kCall));
    if (!ours) return ours;
    work.board.Change([](Progress& progress) { progress.waiting = "OlderSessions"; });
    if (!Pause(work.stop, 20ms)) return Error::Reobserve("the process ends");
  }
  CrashPoint(Edge::kAfter, "mover.cleanup.sessions");
  return Ok();
}

Status DropTriggers(pg::Connection& connection, const Work& work, const Turn& turn, Side side) {
  const MigrationSpec& spec = work.spec();
  CrashPoint(Edge::kBefore, "mover.cleanup.triggers");
  for (const char* suffix : {"ddl", "start", "drop"}) {
    const Status dropped = ExecClaimed(
        connection, spec, turn.token(side),
        {{fmt::format("DROP EVENT TRIGGER IF EXISTS foreshard_{}_{}", spec.number, suffix)}},
        work.In(kCall));
    if (!dropped) return dropped;
  }
  const Result<pg::Rows> there = connection.Exec(
      "SELECT tgrelid, format('DROP TRIGGER IF EXISTS %I ON %s', tgname, tgrelid::regclass) "
      "FROM pg_trigger WHERE tgname = ANY ($1::text[]) AND tgparentid = 0 ORDER BY tgrelid",
      {pg::ArrayLiteral(TriggerNames(spec))}, work.In(kCall));
  if (!there) return there.error();
  for (std::size_t row = 0; row < there->size();) {
    // ACCESS EXCLUSIVE waits for readers, and clients wait behind it: short, and again. Who has got
    // it drops all that the table has; beside long readers that takes many tries.
    std::vector<Statement> statements = {
        {fmt::format("SET LOCAL lock_timeout = {}", kTriggerLock.count())}};
    const std::string table = there->Text(row, 0);
    for (; row < there->size() && there->Text(row, 0) == table; ++row)
      statements.push_back({there->Text(row, 1)});
    const Status dropped = Repeat(work, 10min, [&] {
      return ExecClaimed(connection, spec, turn.token(side), statements, work.In(kCall));
    });
    if (!dropped) return dropped;
  }
  CrashPoint(Edge::kAfter, "mover.cleanup.triggers");
  return Ok();
}

// The gate's row goes after its triggers: a trigger without a row would refuse everything.
Status DropRows(pg::Connection& connection, const Work& work, const Turn& turn, Side side) {
  CrashPoint(Edge::kBefore, "mover.cleanup.rows");
  std::vector<Statement> statements;
  for (const char* table : {"gate", "barrier", "chunk_done"}) {
    statements.push_back({fmt::format("DELETE FROM foreshard.{} WHERE migration_id = $1", table),
                          {work.spec().number.value}});
  }
  statements.push_back(
      {"UPDATE foreshard.migration SET tables = '{}', objects = '[]', reverse_slot = NULL WHERE "
       "migration_id = $1",
       {work.spec().number.value}});
  const Status dropped =
      ExecClaimed(connection, work.spec(), turn.token(side), statements, work.In(kCall));
  CrashPoint(Edge::kAfter, "mover.cleanup.rows");
  return dropped;
}

Result<std::string> StateOf(pg::Connection& connection, const Work& work) {
  const Result<pg::Rows> row =
      connection.Exec("SELECT state, attempt FROM foreshard.migration WHERE migration_id = $1",
                      {work.spec().number.value}, work.In(kCall));
  if (!row) return row.error();
  if (row->empty()) return Error::Reobserve("the row is gone");
  return row->Text(0, 0);
}

// What a scan of the group reads.
Result<std::int64_t> HeapBytes(pg::Connection& connection, const Work& work,
                               const MigrationSpec& here) {
  std::int64_t bytes = 0;
  for (const TableSpec& table : here.tables) {
    const Result<pg::Rows> size =
        connection.Exec("SELECT coalesce(pg_relation_size(to_regclass($1)), 0)",
                        {QuoteTable(table.name)}, work.In(kCall));
    if (!size) return size.error();
    bytes += size->Int(0, 0);
  }
  return bytes;
}

Status DeleteGroup(pg::Connection& connection, const Work& work, const Turn& turn, Side side) {
  const Result<pg::Rows> replica =
      connection.Exec("SET session_replication_role = replica", work.In(kCall));
  if (!replica) return replica.error();
  const Result<MigrationSpec> here = WithLeaves(connection, work.spec(), work.In(kCall));
  if (!here) return here.error();
  const Result<std::int64_t> bytes = HeapBytes(connection, work, *here);
  if (!bytes) return bytes.error();
  const BulkWork bulk(work.throttle, *bytes, work.stop);
  // Children first, though the replica role would not ask.
  for (auto table = here->tables.rbegin(); table != here->tables.rend(); ++table) {
    const Result<std::optional<TableInfo>> info =
        ReadTable(connection, table->name, table->column, work.In(kCall));
    if (!info) return info.error();
    if (!info->has_value()) continue;  // a new destination that never got its schema
    if (Status deleted = DeleteMovingRows(connection, work, turn, side, **info); !deleted)
      return deleted;
  }
  return Ok();
}

// By hand VACUUM knows no pauses; here it rests as autovacuum does.
Status Vacuum(pg::Connection& connection, const Work& work) {
  if (const Result<pg::Rows> set = connection.Exec("SET vacuum_cost_delay = '2ms'", work.In(kCall));
      !set)
    return set.error();
  const Result<MigrationSpec> here = WithLeaves(connection, work.spec(), work.In(kCall));
  if (!here) return here.error();
  CrashPoint(Edge::kBefore, "mover.cleanup.vacuum");
  for (const TableSpec& table : here->tables) {
    const Result<pg::Rows> there = connection.Exec("SELECT to_regclass($1) IS NOT NULL",
                                                   {QuoteTable(table.name)}, work.In(kCall));
    if (!there) return there.error();
    if (!there->Bool(0, 0)) continue;
    const Result<pg::Rows> done = connection.Exec(
        fmt::format("VACUUM (SKIP_LOCKED) {}", QuoteTable(table.name)), work.In(kLongStatement));
    if (!done) return done.error();
  }
  CrashPoint(Edge::kAfter, "mover.cleanup.vacuum");
  return Ok();
}

}  // namespace

Status DeleteMovingRows(pg::Connection& connection, const Work& work, const Turn& turn, Side side,
                        const TableInfo& table) {
  const std::string name = QuoteTable(table.name);
  const std::string rows = MovingRowsSql(work.spec(), table);
  while (true) {
    const Result<pg::Rows> size = connection.Exec(
        "SELECT pg_relation_size($1::text::regclass) / current_setting('block_size')::bigint",
        {name}, work.In(kCall));
    if (!size) return size.error();
    std::int64_t pages = kDeletePages;
    for (std::int64_t page = 0; page < size->Int(0, 0); page += pages) {
      pages = std::min(kDeletePages, work.SlicePages(kPageBytes));
      if (!work.Take(pages * kPageBytes)) return Error::Reobserve("the process ends");
      Result<pg::Transaction> transaction =
          pg::Transaction::Begin(connection, "BEGIN", work.In(kCall));
      if (!transaction) return transaction.error();
      const Result<pg::Rows> state =
          connection.Exec("SELECT state FROM foreshard.claim($1, $2)",
                          {work.spec().number.value, turn.token(side).value}, work.In(kCall));
      if (!state) return state.error();
      if (state->Text(0, 0) == "open")
        return Error::GiveUp("this shard owns the rows that were to be deleted", "GateOpen");
      const Result<pg::Rows> deleted = connection.Exec(
          fmt::format("DELETE FROM {} WHERE {} AND ctid >= '({},0)'::tid AND ctid < '({},0)'::tid",
                      name, rows, page, page + pages),
          work.In(kLongStatement));
      if (!deleted) return deleted.error();
      CrashPoint(Edge::kBefore, "mover.cleanup.delete_batch");
      if (Status committed = transaction->Commit(work.In(kCall)); !committed) return committed;
      CrashPoint(Edge::kAfter, "mover.cleanup.delete_batch");
      work.board.Count(
          [&](MoverCounters& counters) { counters.cleaned_rows += deleted->affected(); });
      if (work.stop.stop_requested()) return Error::Reobserve("the process ends");
    }
    const Result<pg::Rows> left =
        connection.Exec(fmt::format("SELECT EXISTS (SELECT FROM {} WHERE {})", name, rows),
                        work.In(kLongStatement));
    if (!left) return left.error();
    if (!left->Bool(0, 0)) return Ok();
  }
}

namespace {

// A migration that was refused before its slot was named has brought no row. What lies on the
// destination then is another migration's, which moves the same keys to the same shard:
// foreshard-dst found it, two migrations of one range.
Result<bool> CopyMayHaveBegun(pg::Connection& source, const Work& work) {
  const Result<pg::Rows> named = source.Exec(
      "SELECT EXISTS (SELECT FROM foreshard.migration, jsonb_array_elements(objects) AS o "
      "WHERE migration_id = $1 AND o->>'kind' = 'slot')",
      {work.spec().number.value}, work.In(kCall));
  if (!named) return named.error();
  return named->Bool(0, 0);
}

}  // namespace

Status SameKeys(const Work& work) {
  const MigrationSpec& spec = work.spec();
  const std::vector<std::string>& mine = spec.keys.empty() ? spec.excluded_keys : spec.keys;
  for (const Side side : {Side::kSource, Side::kDestination}) {
    auto session = work.Connect(side);
    if (!session) return session.error();
    const Result<pg::Rows> row = (*session)->Exec(
        "SELECT coalesce(keys, '{}')::text FROM foreshard.range WHERE migration_id = $1",
        {spec.number.value}, work.In(kCall));
    if (!row) return row.error();
    if (!row->empty() && pg::ParseArray(row->Text(0, 0)) != mine)
      return Error::Retry("the rows are of other keys than this mover was told", "OtherKeys");
  }
  return Ok();
}

Status UndoAll(const Work& work, const Turn& turn) {
  Result<Sessions> sessions = ConnectBoth(work);
  if (!sessions) return sessions.error();
  const Result<std::string> source = StateOf(*sessions->source, work);
  if (!source) return source.error();
  if (*source != "open") return Error::Retry("the source is not open again yet", "SourceClosed");
  const Result<std::string> destination = StateOf(*sessions->destination, work);
  if (!destination) return destination.error();
  if (*destination == "open")
    return Error::GiveUp("the destination serves the range: this is no abort", "GateOpen");
  if (Status dropped = DropStreams(*sessions, work, turn); !dropped) return dropped;
  if (Status none = ProveNoStream(*sessions, work); !none) return none;
  // A router may have heard of an owner that never became one; its next session reads the truth.
  const Result<pg::Rows> known =
      sessions->source->Exec("SELECT owner, epoch FROM foreshard.range WHERE migration_id = $1",
                             {work.spec().number.value}, work.In(kCall));
  if (!known) return known.error();
  if (!known->empty()) {
    const Status told =
        ExecClaimed(*sessions->destination, work.spec(), turn.destination_token,
                    {{"UPDATE foreshard.range SET owner = $2, epoch = greatest(epoch, $3::bigint) "
                      "WHERE migration_id = $1",
                      {work.spec().number.value, known->Text(0, 0), known->Int(0, 1)}}},
                    work.In(kCall));
    if (!told) return told;
  }
  const Result<pg::Rows> attempts =
      sessions->destination->Exec("SELECT attempt FROM foreshard.migration WHERE migration_id = $1",
                                  {work.spec().number.value}, work.In(kCall));
  if (!attempts) return attempts.error();
  if (!attempts->empty() && attempts->Int(0, 0) > 0) {
    const Status ended = EndOlderSessions(*sessions->destination, work, turn, Side::kDestination);
    if (!ended) return ended;
  }
  // Only now: an UPDATE of a row that is gone finds nothing, and then nothing asks the gate.
  const Result<bool> copied = CopyMayHaveBegun(*sessions->source, work);
  if (!copied) return copied.error();
  if (*copied) {
    if (Status same = SameKeys(work); !same) return same;
    const Status deleted = DeleteGroup(*sessions->destination, work, turn, Side::kDestination);
    if (!deleted) return deleted;
  }
  for (const Side side : {Side::kDestination, Side::kSource}) {
    if (Status dropped = DropTriggers(sessions->of(side), work, turn, side); !dropped)
      return dropped;
    if (Status dropped = DropRows(sessions->of(side), work, turn, side); !dropped) return dropped;
  }
  return Vacuum(*sessions->destination, work);
}

Status CleanUp(const Work& work, const Turn& turn) {
  Result<Sessions> sessions = ConnectBoth(work);
  if (!sessions) return sessions.error();
  const Result<std::string> source = StateOf(*sessions->source, work);
  if (!source) return source.error();
  const Result<std::string> destination = StateOf(*sessions->destination, work);
  if (!destination) return destination.error();
  if ((*source == "open") == (*destination == "open")) {
    return Error::Retry(fmt::format("the gates are {} and {}", *source, *destination),
                        "NoClearOwner");
  }
  const Side loser = *source == "open" ? Side::kDestination : Side::kSource;
  if (Status dropped = DropStreams(*sessions, work, turn); !dropped) return dropped;
  if (Status none = ProveNoStream(*sessions, work); !none) return none;
  if (Status ended = EndOlderSessions(sessions->of(loser), work, turn, loser); !ended) return ended;
  work.board.Change([](Progress& progress) { progress.waiting.clear(); });
  if (Status deleted = DeleteGroup(sessions->of(loser), work, turn, loser); !deleted)
    return deleted;
  for (const Side side : {Side::kSource, Side::kDestination}) {
    if (Status dropped = DropTriggers(sessions->of(side), work, turn, side); !dropped)
      return dropped;
    if (Status dropped = DropRows(sessions->of(side), work, turn, side); !dropped) return dropped;
  }
  return Vacuum(sessions->of(loser), work);
}

}  // namespace foreshard::migration

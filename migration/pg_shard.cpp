#include "migration/pg_shard.h"

#include <fmt/format.h>

#include "migration/pg_shard_sql.h"
#include "migration/predicate.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

using namespace std::chrono_literals;

// What a session of ours needs whatever the server's defaults are: an acknowledged call survives a
// crash.
constexpr const char* kSessionSettings =
    "SET synchronous_commit = on; SET idle_in_transaction_session_timeout = '5s'; SET "
    "idle_session_timeout = 0; "
    "SET statement_timeout = 0; SET plan_cache_mode = force_generic_plan; SET search_path = "
    "pg_catalog, pg_temp";

std::string TableArray(const MigrationSpec& spec) {
  std::vector<std::string> names;
  for (const TableSpec& table : spec.tables) names.push_back(QuoteTable(table.name));
  return pg::ArrayLiteral(names);
}

const char* StateAtStart(Side side) { return side == Side::kSource ? "open" : "closed"; }

}  // namespace

PgShard::PgShard(PgShardOptions options, const Clock& clock)
    : options_(std::move(options)), clock_(clock) {}
PgShard::~PgShard() = default;

Result<pg::Connection*> PgShard::Session(Deadline deadline) {
  if (connection_ != nullptr && connection_->alive() && !connection_->in_transaction())
    return connection_.get();
  connection_.reset();
  Result<std::unique_ptr<pg::Connection>> made = pg::Connection::Connect(
      {.conninfo = options_.conninfo,
       .application_name = fmt::format("foreshard migration {}", options_.spec.number)},
      clock_, deadline);
  if (!made) return made.error();
  const Result<pg::Rows> set = (*made)->Exec(kSessionSettings, deadline);
  if (!set) return set.error();
  connection_ = std::move(*made);
  warm_ = false;
  return connection_.get();
}

Result<pg::Rows> PgShard::Exec(std::string_view sql, const pg::Parameters& parameters,
                               Deadline deadline) {
  const Result<pg::Connection*> session = Session(deadline);
  if (!session) return session.error();
  return (*session)->Exec(sql, parameters, deadline);
}

Status PgShard::Call(std::string_view sql, const pg::Parameters& parameters, Deadline deadline) {
  const Result<pg::Rows> rows = Exec(sql, parameters, deadline);
  if (!rows) return rows.error();
  return Ok();
}

Status PgShard::Claimed(model::Token token, const std::vector<Statement>& statements,
                        Deadline deadline) {
  const Result<pg::Connection*> session = Session(deadline);
  if (!session) return session.error();
  return ExecClaimed(**session, options_.spec, token, statements, deadline);
}

Result<GateSeen> PgShard::LookAtGate(model::Attempt attempt, Deadline deadline) {
  const Result<pg::Connection*> session = Session(deadline);
  if (!session) return session.error();
  if (!warm_) {
    if (const Result<pg::Rows> warmed = (*session)->Exec(WarmUpSql(), deadline); !warmed) {
      // It may have prepared all the same, as when its commit waits for a standby: not twice.
      connection_.reset();
      return warmed.error();
    }
    warm_ = true;
  }
  const Result<pg::Rows> rows = (*session)->Exec(
      fmt::format("EXECUTE foreshard_gate({}, {})", options_.spec.number, attempt), deadline);
  if (!rows) return rows.error();
  return ReadGate(*rows);
}

Result<ShardSeen> PgShard::Look(model::Attempt attempt, Deadline deadline) {
  const MigrationSpec& spec = options_.spec;
  // A new shard has no tables yet: names that mean nothing here are left out, and the count of
  // triggers says so.
  const Result<pg::Rows> known = Exec(LeavesSql(), {TableArray(spec)}, deadline);
  if (!known) return known.error();
  std::vector<std::string> triggers;
  for (const char* suffix : {"insert", "update", "delete"})
    triggers.push_back(TriggerName(spec.number, suffix));
  const Result<pg::Rows> rows =
      Exec(LookSql(),
           {spec.number.value, attempt.value, StreamName(spec.number, ShardOf(spec, options_.side)),
            StreamName(spec.number, PeerOf(spec, options_.side)), pg::ArrayLiteral(triggers),
            known->Text(0, 0)},
           deadline);
  if (!rows) return rows.error();
  Result<ShardSeen> seen = ReadLook(*rows, static_cast<std::size_t>(known->Int(0, 1)));
  if (!seen) return seen;
  const Result<pg::Rows> left = Exec(LeftoverSql(spec.number), {}, deadline);
  if (!left) return left.error();
  for (std::size_t row = 0; row < left->size(); ++row) {
    seen->leftovers.push_back({left->Text(row, 0), left->Text(row, 1)});
  }
  return seen;
}

Result<std::vector<SequenceValue>> PgShard::ReadSequences(Deadline deadline) {
  const Result<pg::Rows> rows = Exec(
      "SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences "
      "WHERE last_value IS NOT NULL AND schemaname <> 'foreshard' ORDER BY 1",
      {}, deadline);
  if (!rows) return rows.error();
  std::vector<SequenceValue> values;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    values.push_back({rows->Text(row, 0), rows->Int(row, 1)});
  }
  return values;
}

Status PgShard::Enter(model::Token token, std::string_view phase, Deadline deadline) {
  const Result<pg::Connection*> session = Session(deadline);
  if (!session) return session.error();
  pg::Connection& connection = **session;
  const MigrationSpec& spec = options_.spec;
  Result<pg::Transaction> transaction = pg::Transaction::Begin(connection, "BEGIN", deadline);
  if (!transaction) return transaction.error();
  const Result<pg::Rows> row = connection.Exec(
      "WITH made AS (INSERT INTO foreshard.migration (migration_id, uid, peer, phase, token, "
      "state) "
      "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING uid) "
      "SELECT uid FROM made UNION ALL SELECT uid FROM foreshard.migration WHERE migration_id = $1",
      {spec.number.value, spec.uid, PeerOf(spec, options_.side).value, phase, token.value,
       StateAtStart(options_.side)},
      deadline);
  if (!row) return row.error();
  if (row->empty()) return Error::Reobserve("somebody else makes the row of the migration");
  if (row->Text(0, 0) != spec.uid) {
    return Error::GiveUp(fmt::format("migration {} belongs to another object", spec.number),
                         "NumberTaken");
  }
  const RangeRowValues range = RangeRowOf(spec);
  const Result<pg::Rows> ranged = connection.Exec(
      "INSERT INTO foreshard.range (range_id, kind, lower_bound, upper_bound, keys, owner, epoch, "
      "migration_id) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
      {RangeId(spec.number), range.kind, range.lower_bound, range.upper_bound, range.keys,
       spec.source.value, spec.epoch.value, spec.number.value},
      deadline);
  if (!ranged) return ranged.error();
  const Result<pg::Rows> entered = connection.Exec(
      "SELECT foreshard.enter($1, $2, $3)", {spec.number.value, token.value, phase}, deadline);
  if (!entered) return entered.error();
  return transaction->Commit(deadline);
}

Status PgShard::GateClose(const GateChange& change, Deadline deadline) {
  return Call("SELECT foreshard.gate_close($1, $2, $3, $4, $5, $6)",
              {options_.spec.number.value, change.token.value, change.attempt.value,
               ShardOf(options_.spec, options_.side).value, change.owner.value, change.epoch.value},
              deadline);
}

Status PgShard::GateDrained(model::Token token, model::Attempt attempt, Deadline deadline) {
  return Call("SELECT foreshard.gate_drained($1, $2, $3)",
              {options_.spec.number.value, token.value, attempt.value}, deadline);
}

Status PgShard::GateOpen(const GateChange& change, Deadline deadline) {
  return Call("SELECT foreshard.gate_open($1, $2, $3, $4, $5)",
              {options_.spec.number.value, change.token.value, change.attempt.value,
               change.owner.value, change.epoch.value},
              deadline);
}

Result<bool> PgShard::GateTake(const GateChange& change, std::chrono::milliseconds wait,
                               Deadline deadline) {
  const Result<pg::Rows> rows =
      Exec("SELECT foreshard.gate_take($1, $2, $3, $4, $5, $6)",
           {options_.spec.number.value, change.token.value, change.attempt.value,
            change.owner.value, change.epoch.value, fmt::format("{} ms", wait.count())},
           deadline);
  if (!rows) return rows.error();
  return rows->Bool(0, 0);
}

Status PgShard::RehearseGates(Deadline deadline) {
  return Call("SELECT foreshard.gate_rehearse()", {}, deadline);
}

Result<GateState> PgShard::GateRevoke(model::Token token, model::Attempt attempt,
                                      Deadline deadline) {
  const Result<pg::Rows> rows =
      Exec("SELECT foreshard.gate_revoke($1, $2, $3)",
           {options_.spec.number.value, token.value, attempt.value}, deadline);
  if (!rows) return rows.error();
  return ParseGateState(rows->Text(0, 0));
}

Status PgShard::GateReopen(const GateChange& change, Deadline deadline) {
  return Call("SELECT foreshard.gate_reopen($1, $2, $3, $4, $5)",
              {options_.spec.number.value, change.token.value, change.attempt.value,
               change.owner.value, change.epoch.value},
              deadline);
}

Status PgShard::MakeGate(model::Token token, Deadline deadline) {
  // Only a shard that is open has a gate row: after a close this call must not undo it.
  return Claimed(token,
                 {IntentSql(options_.spec, "gate", std::to_string(options_.spec.number.value)),
                  {"INSERT INTO foreshard.gate SELECT migration_id FROM foreshard.migration "
                   "WHERE migration_id = $1 AND state = 'open' ON CONFLICT DO NOTHING",
                   {options_.spec.number.value}}},
                 deadline);
}

Status PgShard::MakeGateTriggers(model::Token token, Deadline deadline) {
  const Result<pg::Connection*> session = Session(deadline);
  if (!session) return session.error();
  return MakeTriggers(**session, options_.spec, token, GateTriggerSql, deadline);
}

Status PgShard::MakeReverseSlot(model::Token token, Deadline deadline) {
  const std::string slot = StreamName(options_.spec.number, ShardOf(options_.spec, options_.side));
  const Status named =
      Claimed(token,
              {IntentSql(options_.spec, "slot", slot),
               {"UPDATE foreshard.migration SET reverse_slot = $2 WHERE migration_id = $1",
                {options_.spec.number.value, slot}}},
              deadline);
  if (!named) return named;
  return Call(
      "SELECT pg_create_logical_replication_slot($1, 'pgoutput') "
      "WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)",
      {slot}, deadline);
}

Status PgShard::SlotAdvance(model::Token token, Lsn lsn, Deadline deadline) {
  return Call("SELECT foreshard.slot_advance($1, $2, $3)",
              {options_.spec.number.value, token.value, ToString(lsn)}, deadline);
}

Status PgShard::SlotAdvanceToNow(model::Token token, Deadline deadline) {
  // An LSN from inside a synchronous commit is flushed when the commit has answered; "now" beside
  // asynchronous commits is not, and a slot that waits for it waits 200 ms.
  const Result<pg::Rows> rows = Exec(
      "UPDATE foreshard.migration SET token = token WHERE migration_id = $1 RETURNING "
      "pg_current_wal_insert_lsn()",
      {options_.spec.number.value}, deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return Error::Reobserve("the migration has no row here");
  const Result<Lsn> lsn = ParseLsn(rows->Text(0, 0));
  if (!lsn) return lsn.error();
  return SlotAdvance(token, *lsn, deadline);
}

Status PgShard::RaiseSequences(model::Token token, const std::vector<SequenceValue>& at_least,
                               Deadline deadline) {
  std::vector<Statement> statements;
  for (const SequenceValue& sequence : at_least) {
    const Result<pg::Rows> there =
        Exec("SELECT to_regclass($1) IS NOT NULL", {sequence.name}, deadline);
    if (!there) return there.error();
    if (!there->Bool(0, 0)) continue;  // belongs to a table that this shard does not have
    statements.push_back(
        {fmt::format("SELECT setval($1::text::regclass, greatest($2::bigint, last_value)) FROM {}",
                     sequence.name),
         {sequence.name, sequence.last_value}});
  }
  return Claimed(token, statements, deadline);
}

Status PgShard::SetLeased(model::Token token, bool leased, Deadline deadline) {
  return Claimed(token,
                 {{"UPDATE foreshard.range SET leased = $2 WHERE migration_id = $1",
                   {options_.spec.number.value, leased}}},
                 deadline);
}

Status PgShard::WriteProbe(model::Token token, std::int64_t seq, Deadline deadline) {
  const std::string self = ShardOf(options_.spec, options_.side).value;
  return Claimed(
      token,
      {{"INSERT INTO foreshard.barrier VALUES ($1, $2, 'probe', $3) ON CONFLICT DO NOTHING",
        {options_.spec.number.value, self, seq}},
       {"DELETE FROM foreshard.barrier WHERE migration_id = $1 AND source = $2 AND kind = 'probe' "
        "AND seq < $3::bigint - 20",
        {options_.spec.number.value, self, seq}}},
      deadline);
}

Status PgShard::TellOwner(model::Token token, const model::ShardId& owner, model::Epoch epoch,
                          Deadline deadline) {
  return Claimed(token,
                 {{"UPDATE foreshard.range SET owner = $2, epoch = $3 "
                   "WHERE migration_id = $1 AND epoch < $3::bigint",
                   {options_.spec.number.value, owner.value, epoch.value}}},
                 deadline);
}

Status PgShard::SettleRange(model::Token token, Deadline deadline) {
  return Claimed(token,
                 {{"UPDATE foreshard.range SET leased = false, migration_id = NULL "
                   "WHERE migration_id = $1",
                   {options_.spec.number.value}}},
                 deadline);
}

Status PgShard::DisableForward(model::Token token, Deadline deadline) {
  const std::string name = StreamName(options_.spec.number, PeerOf(options_.spec, options_.side));
  return Claimed(token,
                 {{IfSubscription(name, fmt::format("ALTER SUBSCRIPTION {} DISABLE", name))}},
                 deadline);
}

Status PgShard::MakeReverseSubscription(model::Token token, Lsn drained, Deadline deadline) {
  const std::string name = StreamName(options_.spec.number, PeerOf(options_.spec, options_.side));
  const Result<std::string> conninfo = SubscriptionConninfo(options_.peer_conninfo);
  if (!conninfo) return conninfo.error();
  const Status named = Claimed(token, {IntentSql(options_.spec, "subscription", name)}, deadline);
  if (!named) return named;
  const Result<pg::Rows> there =
      Exec("SELECT subname FROM pg_subscription WHERE subname = $1", {name}, deadline);
  if (!there) return there.error();
  const Side publisher = options_.side == Side::kSource ? Side::kDestination : Side::kSource;
  if (!there->empty())
    return Claimed(token, {{fmt::format("ALTER SUBSCRIPTION {} ENABLE", name)}}, deadline);
  const std::string sql = SubscriptionSql(options_.spec, publisher, *conninfo);
  return Claimed(token, {{sql}, {kStartFromSql, {name, ToString(drained)}}}, deadline);
}

Status PgShard::DropForwardSubscription(model::Token token, Deadline deadline) {
  const Result<pg::Connection*> session = Session(deadline);
  if (!session) return session.error();
  return DropSubscription(**session, options_.spec, token,
                          StreamName(options_.spec.number, PeerOf(options_.spec, options_.side)),
                          deadline);
}

Status PgShard::DropForwardSlot(model::Token token, Deadline deadline) {
  const Result<pg::Connection*> session = Session(deadline);
  if (!session) return session.error();
  return DropSlot(**session, options_.spec, token,
                  StreamName(options_.spec.number, ShardOf(options_.spec, options_.side)),
                  deadline);
}

Result<HighWater> ReadHighWater(pg::Connection& connection, Deadline deadline) {
  const Result<pg::Rows> there =
      connection.Exec("SELECT to_regclass('foreshard.range') IS NOT NULL", deadline);
  if (!there) return there.error();
  if (!there->Bool(0, 0)) return HighWater{};
  const Result<pg::Rows> rows = connection.Exec(
      "SELECT coalesce((SELECT max(migration_id) FROM foreshard.migration), 0), "
      "coalesce((SELECT max(epoch) FROM foreshard.range), 0)",
      deadline);
  if (!rows) return rows.error();
  return HighWater{{static_cast<std::int32_t>(rows->Int(0, 0))}, {rows->Int(0, 1)}};
}

}  // namespace foreshard::migration

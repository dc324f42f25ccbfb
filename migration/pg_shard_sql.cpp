#include "migration/pg_shard_sql.h"

#include <fmt/format.h>

#include <charconv>

#include "migration/partitions.h"

namespace foreshard::migration {

namespace {

constexpr const char* kGateSelect =
    "SELECT foreshard.identity(), m.uid, m.peer, m.phase, m.token, m.attempt, m.state, "
    "m.drained_lsn, "
    "coalesce(m.reverse_slot, ''), m.progress, "
    "r.owner, r.epoch, r.leased, "
    "EXISTS (SELECT FROM foreshard.gate WHERE migration_id = $1), "
    "EXISTS (SELECT FROM foreshard.barrier b WHERE b.migration_id = $1 AND b.source = m.peer "
    "AND b.kind = 'cutover' AND b.seq = $2), "
    "coalesce((SELECT max(seq) FROM foreshard.barrier b WHERE b.migration_id = $1 "
    "AND b.source = m.peer AND b.kind = 'probe'), 0)";

constexpr const char* kGateFrom =
    " FROM (SELECT) one LEFT JOIN foreshard.migration m ON m.migration_id = $1"
    " LEFT JOIN foreshard.range r ON r.migration_id = $1";

// A prepared transaction has no pid: its age stands in pg_prepared_xacts.
constexpr const char* kHolder =
    "SELECT l.pid IS NULL AS prepared, "
    "round(extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, x.prepared)) * "
    "1000)::bigint AS age "
    "FROM pg_locks l LEFT JOIN pg_stat_activity a USING (pid) "
    "LEFT JOIN pg_prepared_xacts x ON l.virtualtransaction = '-1/' || x.transaction "
    "WHERE l.locktype = 'advisory' AND l.classid = 1179862868 AND l.objid = $1::bigint::oid "
    "AND l.objsubid = 2 AND l.granted "
    "ORDER BY age DESC NULLS LAST LIMIT 1";

constexpr std::size_t kSynchronous = kGateColumns;
constexpr std::size_t kTriggers = kGateColumns + 1;
constexpr std::size_t kSlot = kGateColumns + 2;          // active, reserved, flush, retained
constexpr std::size_t kSubscription = kGateColumns + 6;  // enabled, worker, errors
constexpr std::size_t kHolderAt = kGateColumns + 9;      // prepared, age
constexpr std::size_t kProgressAge = kGateColumns + 11;

Result<Identity> ParseIdentity(const std::string& text) {
  const std::size_t slash = text.find('/');
  Identity identity;
  if (slash == std::string::npos) return Error::GiveUp(fmt::format("not an identity: '{}'", text));
  identity.system_identifier = text.substr(0, slash);
  std::from_chars(text.data() + slash + 1, text.data() + text.size(), identity.timeline);
  return identity;
}

Result<MigrationRow> ReadRow(const pg::Rows& rows) {
  MigrationRow row;
  row.uid = rows.Text(0, 1);
  row.peer = {rows.Text(0, 2)};
  row.phase = rows.Text(0, 3);
  row.token = {rows.Int(0, 4)};
  row.attempt = {static_cast<std::int32_t>(rows.Int(0, 5))};
  const Result<GateState> state = ParseGateState(rows.Text(0, 6));
  if (!state) return state.error();
  row.state = *state;
  if (!rows.IsNull(0, 7)) {
    const Result<Lsn> lsn = ParseLsn(rows.Text(0, 7));
    if (!lsn) return lsn.error();
    row.drained_lsn = *lsn;
  }
  row.reverse_slot = rows.Text(0, 8);
  row.progress = rows.Text(0, 9);
  return row;
}

}  // namespace

std::string GateSql() { return std::string(kGateSelect) + kGateFrom; }

// Before a cutover, not in it: planning a look takes four times as long as the look, and the first
// run of each statement of a gate function plans it. So an attempt is played through with a
// migration of its own, that no other session can see, and taken back.
// Prepared last: a session keeps what it prepared even if the rest fails.
std::string WarmUpSql() {
  return R"(
DO $$
DECLARE
  id CONSTANT bigint := -pg_backend_pid();
BEGIN
  INSERT INTO foreshard.migration (migration_id, uid, peer, phase, token, state)
  VALUES (id, '', 'warm', '', 0, 'open');
  INSERT INTO foreshard.barrier VALUES (id, 'warm', 'cutover', 2);
  PERFORM foreshard.gate_close(id, 1, 1, 'warm', '', 0);
  PERFORM foreshard.gate_take(id, 1, 2, '', 0, '0 ms');
  PERFORM foreshard.gate_revoke(id, 1, 2);
  PERFORM foreshard.gate_reopen(id, 1, 3, '', 0);
  RAISE EXCEPTION USING ERRCODE = 'FS000';
EXCEPTION WHEN SQLSTATE 'FS000' THEN NULL;
END $$;
)" + fmt::format("PREPARE foreshard_gate (bigint, bigint) AS {}", GateSql());
}

Result<GateSeen> ReadGate(const pg::Rows& rows) {
  GateSeen seen;
  const Result<Identity> identity = ParseIdentity(rows.Text(0, 0));
  if (!identity) return identity.error();
  seen.identity = *identity;
  if (!rows.IsNull(0, 1)) {
    Result<MigrationRow> row = ReadRow(rows);
    if (!row) return row.error();
    seen.row = std::move(*row);
  }
  if (!rows.IsNull(0, 10)) {
    seen.range = RangeRow{{rows.Text(0, 10)}, {rows.Int(0, 11)}, rows.Bool(0, 12)};
  }
  seen.gate = rows.Bool(0, 13);
  seen.sentinel = rows.Bool(0, 14);
  seen.probe = rows.Int(0, 15);
  return seen;
}

std::string LeavesSql() {
  return std::string(kPartitionTreeSql) +
         "SELECT coalesce(array_agg(tree.oid::regclass::text) FILTER (WHERE tree.oid IS NOT NULL), "
         "'{}')::text, count(*) FROM tree LEFT JOIN pg_class c ON c.oid = tree.oid WHERE c.relkind "
         "IS DISTINCT FROM 'p'";
}

std::string LookSql() {
  return fmt::format(
      "{}, current_setting('synchronous_standby_names') <> '' AND "
      "current_setting('synchronous_commit') "
      "IN ('on', 'remote_write', 'remote_apply'), "
      "(SELECT count(*) FROM pg_trigger WHERE tgname = ANY ($5::text[]) AND tgrelid = ANY "
      "($6::text[]::regclass[]) "
      "AND tgenabled IN ('O', 'A') AND NOT tgisinternal), "
      "s.active, s.wal_status IN ('reserved', 'extended'), s.confirmed_flush_lsn, "
      "pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)::bigint, "
      "u.subenabled, w.pid IS NOT NULL, coalesce(e.apply_error_count, 0), h.prepared, h.age, "
      "coalesce(round(extract(epoch FROM clock_timestamp() - m.progress_at) * 1000)::bigint, 0)"
      "{} LEFT JOIN pg_replication_slots s ON s.slot_name = $3 "
      "LEFT JOIN pg_subscription u ON u.subname = $4 AND u.subdbid = (SELECT oid FROM pg_database "
      "WHERE datname = current_database()) "
      "LEFT JOIN pg_stat_subscription w ON w.subid = u.oid AND w.relid IS NULL "
      "LEFT JOIN pg_stat_subscription_stats e ON e.subid = u.oid "
      "LEFT JOIN ({}) h ON true LIMIT 1",
      kGateSelect, kGateFrom, kHolder);
}

Result<ShardSeen> ReadLook(const pg::Rows& rows, std::size_t tables) {
  ShardSeen seen;
  Result<GateSeen> gate = ReadGate(rows);
  if (!gate) return gate.error();
  seen.gate = std::move(*gate);
  seen.synchronous = rows.Bool(0, kSynchronous);
  seen.gate_triggers = rows.Int(0, kTriggers) == static_cast<std::int64_t>(3 * tables);
  if (!rows.IsNull(0, kSlot)) {
    SlotSeen slot{
        .active = rows.Bool(0, kSlot), .reserved = rows.Bool(0, kSlot + 1), .confirmed_flush = {}};
    if (!rows.IsNull(0, kSlot + 2)) {
      const Result<Lsn> flush = ParseLsn(rows.Text(0, kSlot + 2));
      if (!flush) return flush.error();
      slot.confirmed_flush = *flush;
    }
    if (!rows.IsNull(0, kSlot + 3)) slot.retained_bytes = rows.Int(0, kSlot + 3);
    seen.slot = slot;
  }
  if (!rows.IsNull(0, kSubscription)) {
    seen.subscription =
        SubscriptionSeen{rows.Bool(0, kSubscription), rows.Bool(0, kSubscription + 1),
                         rows.Int(0, kSubscription + 2)};
  }
  if (!rows.IsNull(0, kHolderAt)) {
    const std::int64_t age = rows.IsNull(0, kHolderAt + 1) ? 0 : rows.Int(0, kHolderAt + 1);
    seen.oldest_holder = GateHolder{std::chrono::milliseconds(age), rows.Bool(0, kHolderAt)};
  }
  seen.progress_age = std::chrono::milliseconds(rows.Int(0, kProgressAge));
  return seen;
}

}  // namespace foreshard::migration

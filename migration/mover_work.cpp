#include "migration/mover_work.h"

#include <fmt/format.h>

#include "migration/shard_objects.h"
#include "pg/conninfo.h"

namespace foreshard::migration {

namespace {

constexpr const char* kSessionSettings =
    "SET synchronous_commit = on; SET statement_timeout = 0; SET lock_timeout = 0; "
    "SET idle_in_transaction_session_timeout = 0; SET idle_session_timeout = 0; SET search_path = "
    "pg_catalog, pg_temp; "
    "SET DateStyle = 'ISO, YMD'; SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET "
    "extra_float_digits = 3; "
    "SET bytea_output = hex; SET lc_monetary = 'C'; SET xmlbinary = base64; SET row_security = off";

Result<std::unique_ptr<pg::Connection>> ConnectBy(const Work& work, const pg::Conninfo& given) {
  auto made = pg::Connection::Connect(
      {.conninfo =
           given.WithDefault("tcp_user_timeout", std::to_string(kUserTimeout.count())).text(),
       .application_name = SessionName(work.options)},
      work.clock, work.In(10s));
  if (!made) return made;
  const Result<pg::Rows> set = (*made)->Exec(kSessionSettings, work.In(10s));
  if (!set) return set.error();
  return made;
}

Status HasToken(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                std::string_view lock, Deadline deadline) {
  const Result<pg::Rows> row = connection.Exec(
      fmt::format("SELECT token FROM foreshard.migration WHERE migration_id = $1{}", lock),
      {spec.number.value}, deadline);
  if (!row) return row.error();
  if (row->empty() || row->Int(0, 0) != token.value)
    return Error::Fenced("the migration has entered another phase");
  return Ok();
}

}  // namespace

void Board::Change(const std::function<void(Progress&)>& change) {
  const std::lock_guard lock(mutex_);
  change(progress_);
}

Progress Board::progress() const {
  const std::lock_guard lock(mutex_);
  return progress_;
}

void Board::Count(const std::function<void(MoverCounters&)>& change) {
  const std::lock_guard lock(mutex_);
  change(counters_);
}

MoverCounters Board::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void Board::LoadOnce(const Progress& progress) {
  const std::lock_guard lock(mutex_);
  if (!loaded_) progress_ = progress;
  loaded_ = true;
}

Status Board::Publish(const std::function<Status(const std::string& json)>& write) {
  const std::lock_guard lock(publishing_);
  return write(ToJson(progress()));
}

std::string SessionName(const MoverOptions& options) {
  return fmt::format("foreshard mover {} {}", options.spec.number, options.process);
}

std::string SessionPattern(const MigrationSpec& spec) {
  return fmt::format("foreshard mover {} %", spec.number);
}

Result<std::unique_ptr<pg::Connection>> Work::Connect(Side side) const {
  const Result<pg::Conninfo> given = pg::Conninfo::Parse(conninfo(side));
  if (!given) return given.error();
  return ConnectBy(*this, *given);
}

Result<std::unique_ptr<pg::Connection>> Work::ConnectToCopy(Side side) const {
  const Result<pg::Conninfo> given = pg::Conninfo::Parse(conninfo(side));
  if (!given) return given.error();
  return ConnectBy(*this, given->With("user", kCopyRole));
}

std::int64_t Work::SlicePages(std::int64_t page_bytes) const {
  constexpr std::int64_t kAll = std::int64_t{1} << 32;  // more pages than a table can have
  return throttle != nullptr ? throttle->SlicePages(page_bytes) : kAll;
}

Status StillOurs(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                 Deadline deadline) {
  return HasToken(connection, spec, token, " FOR SHARE", deadline);
}

Status LooksLikeOurs(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                     Deadline deadline) {
  return HasToken(connection, spec, token, "", deadline);
}

Status ExecOurs(pg::Connection& connection, const Work& work, const Turn& turn, Side side,
                const std::vector<std::string>& statements, std::chrono::nanoseconds limit) {
  Result<pg::Transaction> transaction = pg::Transaction::Begin(connection, "BEGIN", work.In(kCall));
  if (!transaction) return transaction.error();
  for (const std::string& statement : statements) {
    const Result<pg::Rows> done = connection.Exec(statement, work.In(limit));
    if (!done) return done.error();
  }
  if (Status ours = StillOurs(connection, work.spec(), turn.token(side), work.In(kCall)); !ours)
    return ours;
  return transaction->Commit(work.In(kCall));
}

Status Repeat(const Work& work, std::chrono::milliseconds limit,
              const std::function<Status()>& step) {
  const Deadline end = work.In(limit);
  std::chrono::milliseconds pause = 20ms;
  while (true) {
    Status done = step();
    if (done.ok() || done.error().kind != Error::Kind::kRetry || end.Passed(work.clock))
      return done;
    if (!Pause(work.stop, pause)) return done;
    pause = std::min<std::chrono::milliseconds>(pause * 2, 1s);
  }
}

Status WriteProgress(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                     const std::string& json, Deadline deadline) {
  const Result<pg::Rows> written = connection.Exec(
      "UPDATE foreshard.migration SET progress = progress || $3::jsonb, progress_at = "
      "clock_timestamp() "
      "WHERE migration_id = $1 AND token = $2",
      {spec.number.value, token.value, json}, deadline);
  if (!written) return written.error();
  if (written->affected() != 1) return Error::Fenced("the migration has entered another phase");
  return Ok();
}

namespace {

// Old probes go in the same breath; both changes travel to the subscriber. Several of the mover's
// threads probe at the same time: who finds the number taken takes the next one, at once.
Result<std::int64_t> WriteNextProbe(pg::Connection& publisher, const Work& work,
                                    const std::string& source, Deadline end) {
  while (true) {
    const Result<pg::Rows> written = publisher.Exec(
        "WITH gone AS (DELETE FROM foreshard.barrier WHERE migration_id = $1 AND source = $2 AND "
        "kind = 'probe' AND seq < "
        "(SELECT max(seq) FROM foreshard.barrier WHERE migration_id = $1 AND source = $2 AND kind "
        "= 'probe') - 20) "
        "INSERT INTO foreshard.barrier SELECT $1, $2, 'probe', coalesce(max(seq), 0) + 1 FROM "
        "foreshard.barrier "
        "WHERE migration_id = $1 AND source = $2 AND kind = 'probe' ON CONFLICT DO NOTHING "
        "RETURNING seq",
        {work.spec().number.value, source}, work.In(kCall));
    if (!written) return written.error();
    if (!written->empty()) return written->Int(0, 0);
    if (end.Passed(work.clock)) return Error::Retry("the numbers of probes were all taken");
  }
}

}  // namespace

Status SlotIsKept(pg::Connection& publisher, const Work& work, Side publisher_side) {
  const std::string name = StreamName(work.spec().number, ShardOf(work.spec(), publisher_side));
  const Result<pg::Rows> slot = publisher.Exec(
      "SELECT wal_status IS DISTINCT FROM 'lost' FROM pg_replication_slots WHERE slot_name = $1",
      {name}, work.In(kCall));
  if (!slot) return slot.error();
  if (!slot->empty() && slot->Bool(0, 0)) return Ok();
  return Error::GiveUp(
      fmt::format("slot {} {}", name,
                  slot->empty() ? "is gone" : "was cut off by max_slot_wal_keep_size"),
      "SlotLost");
}

Result<std::chrono::nanoseconds> PassProbe(pg::Connection& publisher, pg::Connection& subscriber,
                                           const Work& work, Side publisher_side,
                                           std::chrono::milliseconds limit) {
  const std::string& source = ShardOf(work.spec(), publisher_side).value;
  const MonotonicTime begin = work.clock.Monotonic();
  const Deadline end = work.In(limit);
  const Result<std::int64_t> number = WriteNextProbe(publisher, work, source, end);
  if (!number) return number.error();
  while (true) {
    const Result<pg::Rows> seen = subscriber.Exec(
        "SELECT EXISTS (SELECT FROM foreshard.barrier WHERE migration_id = $1 AND source = $2 AND "
        "kind = 'probe' AND seq >= $3)",
        {work.spec().number.value, source, *number}, work.In(kCall));
    if (!seen) return seen.error();
    if (seen->Bool(0, 0)) return work.clock.Monotonic() - begin;
    if (end.Passed(work.clock))
      return Error::Reobserve("a probe did not arrive in time", "LagTooHigh");
    if (!Pause(work.stop, 1ms)) return Error::Reobserve("the process ends");
  }
}

}  // namespace foreshard::migration

#include "backup/pg_point_shard.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "backup/limits.h"

namespace foreshard::backup {
namespace {

// "system identifier/timeline" as foreshard.identity() writes it.
std::string Identity(const ShardPoint& point) {
  return fmt::format("{}/{}", point.system_identifier, point.timeline);
}

// The timeline is read from the segment's name: its first eight hex digits.
constexpr const char* kMakePoint =
    "SELECT system_identifier::text, pg_walfile_name(made.lsn), made.lsn::text "
    "FROM pg_create_restore_point($1) AS made(lsn), pg_control_system()";

// Segments are archived in order. After a crash the archiver may go over some again: then the
// file's own mark says it.
constexpr const char* kArchived =
    "WITH marks AS (SELECT name FROM pg_ls_archive_statusdir() "
    "               WHERE name IN ($2 || '.ready', $2 || '.done')) "
    "SELECT foreshard.identity() = $1, "
    "       EXISTS (SELECT FROM marks WHERE name = $2 || '.done') "
    "         OR NOT EXISTS (SELECT FROM marks) AND last_archived_wal ~ '^[0-9A-F]{24}$' "
    "            AND left(last_archived_wal, 8) = left($2, 8) AND last_archived_wal >= $2 "
    "FROM pg_stat_archiver";

}  // namespace

PgPointShard::PgPointShard(model::ShardId id, std::string conninfo, const Clock& clock)
    : id_(std::move(id)), conninfo_(std::move(conninfo)), clock_(clock) {}

Status PgPointShard::Connect(Deadline deadline) {
  if (connection_ != nullptr && connection_->alive()) return Ok();
  locked_ = false;
  auto connected = pg::Connection::Connect(
      {.conninfo = conninfo_, .application_name = "foreshard-point"}, clock_, deadline);
  if (!connected) return connected.error();
  connection_ = *std::move(connected);
  return Ok();
}

Status PgPointShard::Lock(Deadline deadline) {
  if (connection_ == nullptr) return Error::Reobserve("the session with the shard is lost");
  const auto locked =
      connection_->Exec(fmt::format("BEGIN; SET LOCAL lock_timeout = {}; "
                                    "SET LOCAL idle_in_transaction_session_timeout = {}; "
                                    "LOCK TABLE foreshard.decision IN SHARE MODE",
                                    kLockTimeout.count(), kLockIdleMax.count()),
                        deadline);
  if (!locked) return locked.error();
  locked_ = true;
  return Ok();
}

Result<ShardPoint> PgPointShard::MakePoint(const std::string& name, Deadline deadline) {
  if (!locked_ || !connection_->in_transaction()) return Error::Reobserve("the lock is lost");
  const auto made = connection_->Exec(kMakePoint, {name}, deadline);
  if (!made) return made.error();
  ShardPoint point{.shard = id_,
                   .system_identifier = made->Text(0, 0),
                   .timeline = 0,
                   .lsn = made->Text(0, 2),
                   .wal_file = made->Text(0, 1)};
  const char* digits = point.wal_file.data();
  std::from_chars(digits, digits + 8, point.timeline, 16);
  return point;
}

// A transaction that can be rolled back was there all the time. The end of the session ends the
// lock as well: the server hears of that a moment later.
Status PgPointShard::Unlock(Deadline deadline) {
  if (connection_ == nullptr) return Error::Reobserve("the session with the shard is lost");
  const bool held = std::exchange(locked_, false) && connection_->in_transaction();
  const auto ended = connection_->Exec("ROLLBACK", deadline);
  if (ended && held) return Ok();
  if (!ended) connection_.reset();
  return Error::Reobserve("the lock is lost");
}

Status PgPointShard::SwitchWal(Deadline deadline) {
  if (const Status connected = Connect(deadline); !connected) return connected;
  const auto switched = connection_->Exec("SELECT pg_switch_wal()", deadline);
  return switched ? Ok() : Status(switched.error());
}

Result<bool> PgPointShard::Archived(const ShardPoint& point, Deadline deadline) {
  if (const Status connected = Connect(deadline); !connected) return connected.error();
  const auto seen = connection_->Exec(kArchived, {Identity(point), point.wal_file}, deadline);
  if (!seen) return seen.error();
  if (!seen->Bool(0, 0)) {
    return Error::Fenced(fmt::format("shard {}: another server than the one of the point", id_));
  }
  return !seen->IsNull(0, 1) && seen->Bool(0, 1);
}

}  // namespace foreshard::backup

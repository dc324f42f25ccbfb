#include <fmt/format.h>

#include "migration/pg_shard.h"
#include "migration/shard_objects.h"

// How the connections of clients are ended so that they come back and learn something.

namespace foreshard::migration {

namespace {

// It commits, or has committed and waits for the synchronous standby: its client could not know
// that.
constexpr std::string_view kCommits =
    "coalesce(a.wait_event IN ('WALInsert', 'WALWrite', 'WALSync', 'SyncRep'), false)";

// Each is looked at again just before its word is sent: one that was idle in the first look may be
// in a commit by the time that all were looked at.
constexpr std::string_view kEnd =
    "SELECT pg_terminate_backend(a.pid) FROM ({}) c CROSS JOIN LATERAL (SELECT c.pid, "
    "pg_stat_clear_snapshot() OFFSET 0) again CROSS JOIN LATERAL pg_stat_get_activity(again.pid) a "
    "WHERE a.backend_start = c.backend_start AND a.backend_start < $2::timestamptz AND {}";

}  // namespace

Result<EndedConnections> PgShard::EndConnectionsExcept(model::Token token,
                                                       const std::vector<std::string>& routers,
                                                       const std::string& before, bool force,
                                                       Deadline deadline) {
  constexpr std::string_view kTheirs =
      "SELECT a.pid, a.backend_start FROM foreshard.connection c JOIN "
      "pg_stat_activity a ON a.pid = c.pid AND a.backend_start = c.backend_start WHERE c.router <> "
      "ALL ($1::text[])";
  const std::string named = pg::ArrayLiteral(routers);
  // Counted first: who is told to end is often gone at once, and counts too.
  const Result<pg::Rows> counted =
      Exec(fmt::format("SELECT b::text, count(*) FILTER (WHERE backend_start < b), "
                       "count(*) FILTER (WHERE backend_start >= b) FROM coalesce(nullif($2, "
                       "'')::timestamptz, clock_timestamp()) b LEFT JOIN ({}) a ON true GROUP BY b",
                       kTheirs),
           {named, before}, deadline);
  if (!counted) return counted.error();
  const EndedConnections ended{
      .before = counted->Text(0, 0), .left = counted->Int(0, 1), .came = counted->Int(0, 2)};
  if (ended.left == 0) return ended;
  const Status done = Claimed(
      token,
      {{fmt::format(kEnd, kTheirs, force ? fmt::format("NOT {}", kCommits) : "a.state = 'idle'"),
        {named, ended.before}}},
      deadline);
  return done ? Result(ended) : done.error();
}

}  // namespace foreshard::migration

#include <fmt/format.h>

#include "migration/pg_shard.h"
#include "migration/shard_objects.h"

// How the connections of clients are ended so that they come back and learn something.

namespace foreshard::migration {

namespace {

// It has committed and waits for the synchronous standby: its client could not know that.
constexpr std::string_view kCommits = "coalesce(wait_event = 'SyncRep', false)";

}  // namespace

Status PgShard::EndConnectionsOf(model::Token token, const std::vector<std::string>& routers,
                                 Deadline deadline) {
  constexpr std::string_view kTheirs =
      "FROM foreshard.connection c JOIN pg_stat_activity a ON a.pid = c.pid AND a.backend_start = "
      "c.backend_start WHERE c.router = ANY ($1::text[])";
  const pg::Parameters named = {pg::ArrayLiteral(routers)};
  const Status ended = Claimed(
      token,
      {{fmt::format("SELECT pg_terminate_backend(a.pid) {} AND NOT {}", kTheirs, kCommits), named}},
      deadline);
  if (!ended) return ended;
  const Result<pg::Rows> left =
      Exec(fmt::format("SELECT count(*) {} AND {}", kTheirs, kCommits), named, deadline);
  if (!left) return left.error();
  return left->Int(0, 0) == 0 ? Ok() : Status(Error::Retry("a commit waits for a replica"));
}

Result<EndedConnections> PgShard::EndConnectionsExcept(model::Token token,
                                                       const std::vector<std::string>& routers,
                                                       const std::string& before, bool force,
                                                       Deadline deadline) {
  constexpr std::string_view kTheirs =
      "SELECT a.pid, a.backend_start, a.state, a.wait_event FROM foreshard.connection c JOIN "
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
      {{fmt::format("SELECT pg_terminate_backend(pid) FROM ({}) a WHERE backend_start < "
                    "$2::timestamptz{}",
                    kTheirs, force ? fmt::format(" AND NOT {}", kCommits) : " AND state = 'idle'"),
        {named, ended.before}}},
      deadline);
  return done ? Result(ended) : done.error();
}

}  // namespace foreshard::migration

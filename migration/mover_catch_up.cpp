#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "migration/crash_points.h"
#include "migration/mover_steps.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

namespace {

Status MakeSubscription(pg::Connection& destination, const Work& work, const Turn& turn) {
  const std::string name = StreamName(work.spec().number, work.spec().source);
  const Result<std::string> conninfo = SubscriptionConninfo(work.conninfo(Side::kSource));
  if (!conninfo) return conninfo.error();
  const Status named = RecordIntent(destination, work.spec(), turn.destination_token,
                                    "subscription", name, work.In(kCall));
  if (!named) return named;
  const Result<pg::Rows> there = destination.Exec(
      "SELECT subenabled FROM pg_subscription WHERE subname = $1", {name}, work.In(kCall));
  if (!there) return there.error();
  if (!there->empty()) return Ok();
  CrashPoint(Edge::kBefore, "mover.catchup.subscription");
  const Status made =
      ExecClaimed(destination, work.spec(), turn.destination_token,
                  {{SubscriptionSql(work.spec(), Side::kSource, *conninfo)}}, work.In(kCall));
  CrashPoint(Edge::kAfter, "mover.catchup.subscription");
  return made;
}

// In this order: what speeds up is there before what checks, and what checks before what fires.
int Rank(const std::string& kind) {
  constexpr std::array kOrder = {
      "constraint",       "index",   "statistics",    "foreign key", "partitioned foreign key",
      "replica identity", "trigger", "trigger state", "rule",        "policy",
      "row security"};
  const auto found = std::find(kOrder.begin(), kOrder.end(), kind);
  return found == kOrder.end() ? -1 : static_cast<int>(found - kOrder.begin());
}

// PostgreSQL knows no NOT VALID for a foreign key of a partitioned table: that one is checked at
// once.
std::vector<std::string> StatementsOf(const Definition& missing) {
  if (missing.kind != "foreign key" || missing.text.find(" NOT VALID") != std::string::npos)
    return {missing.text};
  return {missing.text + " NOT VALID",
          fmt::format("ALTER TABLE {} VALIDATE CONSTRAINT {}", missing.table,
                      pg::QuoteIdentifier(missing.name))};
}

// What pg_dump's first section left out. A restart finds what is there and makes the rest.
Status CompleteSchema(pg::Connection& source, pg::Connection& destination, const Work& work,
                      const Turn& turn) {
  const Result<std::vector<std::string>> tables = ReadUserTables(source, work.In(kCall));
  if (!tables) return tables.error();
  const Result<std::vector<Definition>> wanted = ReadDefinitions(source, *tables, work.In(kCall));
  if (!wanted) return wanted.error();
  const Result<std::vector<Definition>> present =
      ReadDefinitions(destination, *tables, work.In(kCall));
  if (!present) return present.error();
  const std::set<Definition> there(present->begin(), present->end());
  std::vector<Definition> missing;
  for (const Definition& one : *wanted) {
    if (Rank(one.kind) >= 0 && !there.contains(one)) missing.push_back(one);
  }
  std::stable_sort(missing.begin(), missing.end(), [](const Definition& a, const Definition& b) {
    return Rank(a.kind) < Rank(b.kind);
  });
  for (const Definition& one : missing) {
    CrashPoint(Edge::kBefore, "mover.catchup.index");
    for (const std::string& sql : StatementsOf(one)) {
      const Status made = Repeat(work, 30s, [&] {
        return ExecOurs(destination, work, turn, Side::kDestination,
                        {"SET LOCAL lock_timeout = '2s'", sql}, kLongStatement);
      });
      if (!made && made.error().kind == Error::Kind::kGiveUp) {
        return Error::GiveUp(
            fmt::format("{} {} of {}: {}", one.kind, one.name, one.table, made.error().message),
            "SchemaCopyFailed", made.error().code);
      }
      if (!made) return made;
    }
    CrashPoint(Edge::kAfter, "mover.catchup.index");
  }
  return Ok();
}

// A stream that stops on an error is started again a few times: a deadlock or a lost connection
// passes. What comes back is not repaired by waiting: the copy was wrong, or somebody wrote to the
// destination.
Status LookAtSubscription(pg::Connection& destination, const Work& work, const Turn& turn,
                          int& restarts) {
  const std::string name = StreamName(work.spec().number, work.spec().source);
  const Result<pg::Rows> rows = destination.Exec(
      "SELECT subenabled, coalesce(apply_error_count, 0) FROM pg_subscription s "
      "LEFT JOIN pg_stat_subscription_stats e ON e.subid = s.oid WHERE s.subname = $1",
      {name}, work.In(kCall));
  if (!rows) return rows.error();
  if (rows->empty()) return Error::Reobserve("the subscription is gone");
  if (rows->Bool(0, 0)) return Ok();
  if (restarts++ < kApplyRestartsMax) {
    log::Warning("apply_restarts", {{"subscription", name}, {"errors", rows->Int(0, 1)}});
    return ExecOurs(destination, work, turn, Side::kDestination,
                    {fmt::format("ALTER SUBSCRIPTION {} ENABLE", name)}, kCall);
  }
  return Error::GiveUp(
      fmt::format("subscription {} stopped after {} errors; the destination's log says why", name,
                  rows->Int(0, 1)),
      "ApplyFailed");
}

Status WaitForSmallLag(pg::Connection& source, pg::Connection& destination, const Work& work,
                       const Turn& turn) {
  MonotonicTime small_since = work.clock.Monotonic();
  int restarts = 0;
  while (work.clock.Monotonic() - small_since < work.options.settle) {
    const Result<std::chrono::nanoseconds> lag =
        PassProbe(source, destination, work, Side::kSource, 5s);
    if (!lag && lag.error().reason != "LagTooHigh") return lag.error();
    if (!lag || *lag >= kLagForCatchUp) small_since = work.clock.Monotonic();
    if (!lag) {
      if (Status kept = SlotIsKept(source, work, Side::kSource); !kept) return kept;
    }
    if (Status healthy = LookAtSubscription(destination, work, turn, restarts); !healthy)
      return healthy;
    const Status ours = StillOurs(destination, work.spec(), turn.destination_token, work.In(kCall));
    if (!ours) return ours;
    if (!Pause(work.stop, kProbeEvery)) return Error::Reobserve("the process ends");
  }
  return Ok();
}

}  // namespace

Status CatchUp(const Work& work, const Turn& turn) {
  auto source = work.Connect(Side::kSource);
  if (!source) return source.error();
  auto destination = work.Connect(Side::kDestination);
  if (!destination) return destination.error();
  // Before the stream: ADD FOREIGN KEY locks two tables and the apply worker takes them in its own
  // order; the deadlock stops the stream. The slot keeps the changes meanwhile.
  if (work.spec().new_destination) {
    if (Status made = CompleteSchema(**source, **destination, work, turn); !made) return made;
  }
  if (Status made = MakeSubscription(**destination, work, turn); !made) return made;
  CrashPoint(Edge::kBefore, "mover.catchup.statistics");
  for (const TableSpec& table : work.spec().tables) {
    const Result<pg::Rows> analyzed =
        (*destination)
            ->Exec(fmt::format("ANALYZE {}", QuoteTable(table.name)), work.In(kLongStatement));
    if (!analyzed) return analyzed.error();
  }
  CrashPoint(Edge::kAfter, "mover.catchup.statistics");
  if (Status warmed = WarmPages(work, turn); !warmed) return warmed;
  CrashPoint(Edge::kBefore, "mover.catchup.lag");
  Status settled = WaitForSmallLag(**source, **destination, work, turn);
  CrashPoint(Edge::kAfter, "mover.catchup.lag");
  return settled;
}

}  // namespace foreshard::migration

#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/pause.h"
#include "migration/catalog.h"
#include "migration/mover_limits.h"
#include "migration/mover_throttle.h"
#include "migration/phase.h"
#include "migration/progress.h"
#include "migration/spec.h"
#include "pg/connection.h"

// What every step of the mover works with.

namespace foreshard::migration {

struct MoverOptions {
  MigrationSpec spec;
  std::string process =
      "1";  // differs between two movers of one migration; part of their sessions' names
  std::string source_conninfo;
  std::string destination_conninfo;
  std::string pg_dump = "pg_dump";
  int copy_workers = 2;
  std::int64_t chunk_bytes = std::int64_t{64} << 20;
  std::chrono::milliseconds settle =
      10s;  // how long the lag must stay small before CatchingUp ends
};

// Counters of this process, read by the exporter.
struct MoverCounters {
  std::int64_t copied_rows = 0;
  std::int64_t copied_bytes = 0;
  std::int64_t keepers = 0;
  std::int64_t buckets_equal = 0;
  std::int64_t buckets_unequal = 0;
  std::int64_t cleaned_rows = 0;
  std::int64_t probes = 0;
  Throttle::Seen throttle;
};

// `progress` of the destination's row before it is written, and the counters. Threads: any.
class Board {
 public:
  void Change(const std::function<void(Progress&)>& change);
  Progress progress() const;
  void Count(const std::function<void(MoverCounters&)>& change);
  MoverCounters counters() const;

  // What the row says already; only the first call of a process counts: later it is we who know
  // better.
  void LoadOnce(const Progress& progress);
  // Hands the newest text to `write`, one caller at a time: an older text never overtakes a newer
  // one.
  Status Publish(const std::function<Status(const std::string& json)>& write);

 private:
  mutable std::mutex mutex_;
  std::mutex publishing_;
  bool loaded_ = false;
  Progress progress_;
  MoverCounters counters_;
};

using foreshard::Pause;

// The phase this turn works for. Ends being true when either row has another token.
struct Turn {
  Phase phase = Phase::kPlanned;
  model::Token source_token;
  model::Token destination_token;

  model::Token token(Side side) const {
    return side == Side::kSource ? source_token : destination_token;
  }
  std::int64_t record() const { return destination_token.value >> 20; }
};

struct Work {
  const MoverOptions& options;
  const Clock& clock;
  std::stop_token stop;
  Board& board;
  Throttle* throttle = nullptr;  // none: nothing is held back

  const MigrationSpec& spec() const { return options.spec; }
  const std::string& conninfo(Side side) const {
    return side == Side::kSource ? options.source_conninfo : options.destination_conninfo;
  }
  Deadline In(std::chrono::nanoseconds limit) const { return Deadline::After(clock, limit); }

  // Before a part of bulk work: waits for its turn. False: the process ends.
  bool Take(std::int64_t bytes) const {
    return throttle != nullptr ? throttle->Take(bytes, stop) : !stop.stop_requested();
  }
  // How many pages one statement of bulk work handles.
  std::int64_t SlicePages(std::int64_t page_bytes) const;

  // A session without idle and statement time-outs, with synchronous commits and texts that are
  // alike on both servers.
  Result<std::unique_ptr<pg::Connection>> Connect(Side side) const;
  // The same as foreshard_copy (shard_copy_role.sql), for rows of clients; after LetCopySql().
  Result<std::unique_ptr<pg::Connection>> ConnectToCopy(Side side) const;
};

inline constexpr Side Peer(Side side) {
  return side == Side::kSource ? Side::kDestination : Side::kSource;
}

// The name of this process's sessions in pg_stat_activity, and the pattern that fits those of all
// movers of the migration.
std::string SessionName(const MoverOptions& options);
std::string SessionPattern(const MigrationSpec& spec);

// Last statement of a transaction of the mover: the row still has this turn's token, and keeps it
// until the commit. Errors: kFenced: the phase has changed.
Status StillOurs(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                 Deadline deadline);

// The same without a lock: it had the token a moment ago. For what need not be undone.
Status LooksLikeOurs(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                     Deadline deadline);

// BEGIN; statements; StillOurs; COMMIT on one shard.
Status ExecOurs(pg::Connection& connection, const Work& work, const Turn& turn, Side side,
                const std::vector<std::string>& statements, std::chrono::nanoseconds limit);

// Runs what kRetry refuses again until `limit`: locks that clients hold for a moment.
Status Repeat(const Work& work, std::chrono::milliseconds limit,
              const std::function<Status()>& step);

// progress := progress || `json`, while the row has the turn's token. Errors: kFenced.
Status WriteProgress(pg::Connection& connection, const MigrationSpec& spec, model::Token token,
                     const std::string& json, Deadline deadline);

// The slot of the stream from `publisher` still has its WAL. Errors: kGiveUp (SlotLost): nothing
// brings it back, and what it would have sent is gone.
Status SlotIsKept(pg::Connection& publisher, const Work& work, Side publisher_side);

// Writes a probe on `publisher` and waits until it stands on its peer: all that was committed
// before is there too. Errors: kReobserve when it does not come in time.
Result<std::chrono::nanoseconds> PassProbe(pg::Connection& publisher, pg::Connection& subscriber,
                                           const Work& work, Side publisher_side,
                                           std::chrono::milliseconds limit);

}  // namespace foreshard::migration

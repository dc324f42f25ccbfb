#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "migration/decide.h"
#include "migration/mover_steps.h"
#include "migration/pg_shard.h"

// The mover: one process, one migration. It reads the phase from the two rows, works in it when
// both agree, and says in the destination's row what it has done. It keeps nothing that a new
// process could not find in the shards.
//
//   rows agree on a phase of ours ---> work ---> done, or failure, or "waiting"
//   rows agree on a cutover       ---> watch: an attempt whose budget is over is revoked here
//   rows disagree                 ---> wait; whoever enters the phase has not been on both shards
//   yet
//
// Protocol: README.md. Threads: Run() on one; a second one (MoverProbe) measures the lag and writes
// `progress`.

namespace foreshard::migration {

class Mover {
 public:
  Mover(const MoverOptions& options, const Clock& clock, Board& board, std::stop_token stop,
        Throttle* throttle = nullptr);
  ~Mover();

  enum class Outcome { kGoOn, kFinished };
  // One look at the rows and at most one phase. Answers kFinished after CleaningUp or Aborting, or
  // in a terminal phase.
  Result<Outcome> Step();

  // Steps until finished or stopped. Errors: only when no repetition helps, as with a row of
  // another object.
  Status Run();

 private:
  struct Rows {
    GateSeen source;
    GateSeen destination;
  };

  Result<Rows> Look(model::Attempt attempt);
  // One mover at a time: a session lock on the destination. False: somebody else has it.
  Result<bool> TakeLock();
  Status EndPredecessors();
  Result<Outcome> WorkIn(Phase phase, const Rows& rows);
  bool LooksAgain(Phase phase, const Progress& progress);
  Status RunPhase(Phase phase, const Turn& turn);
  Status Watch(Phase phase, const Rows& rows);
  Status Write(const Turn& turn);
  void Report(const Turn& turn, const Error& error);

  const MoverOptions& options_;
  const Clock& clock_;
  Board& board_;
  std::stop_token stop_;
  Work work_;
  std::unique_ptr<PgShard> source_;
  std::unique_ptr<PgShard> destination_;
  std::unique_ptr<pg::Connection> lock_;    // holds the session lock
  std::unique_ptr<pg::Connection> report_;  // writes done and failure
  Keepers keepers_;
  bool switching_ = false;                     // the rows said so at the last look
  std::optional<MonotonicTime> closed_since_;  // of the attempt in closed_attempt_
  model::Attempt closed_attempt_;
  std::optional<MonotonicTime> mismatch_since_;  // in the soak, not looked at again yet
};

// Measures the lag of the stream from `publisher` every 100 ms and writes the board's progress to
// the destination's row every 500 ms, as long as the row has a phase that wants it. Runs until
// stopped; losses of connections only pause it.
void RunMoverProbe(const Work& work);

}  // namespace foreshard::migration

#include "migration/mover.h"

#include <fmt/format.h>

#include "base/log.h"
#include "migration/crash_points.h"
#include "migration/shard_objects.h"

namespace foreshard::migration {

Mover::Mover(const MoverOptions& options, const Clock& clock, Board& board, std::stop_token stop,
             Throttle* throttle)
    : options_(options),
      clock_(clock),
      board_(board),
      stop_(stop),
      work_{options, clock, stop, board, throttle},
      source_(
          std::make_unique<PgShard>(PgShardOptions{.spec = options.spec,
                                                   .side = Side::kSource,
                                                   .conninfo = options.source_conninfo,
                                                   .peer_conninfo = options.destination_conninfo},
                                    clock)),
      destination_(
          std::make_unique<PgShard>(PgShardOptions{.spec = options.spec,
                                                   .side = Side::kDestination,
                                                   .conninfo = options.destination_conninfo,
                                                   .peer_conninfo = options.source_conninfo},
                                    clock)) {}

Mover::~Mover() = default;

Result<Mover::Rows> Mover::Look(model::Attempt attempt) {
  Result<GateSeen> source = source_->LookAtGate(attempt, work_.In(5s));
  if (!source) return source.error();
  Result<GateSeen> destination = destination_->LookAtGate(attempt, work_.In(5s));
  if (!destination) return destination.error();
  return Rows{std::move(*source), std::move(*destination)};
}

Result<bool> Mover::TakeLock() {
  if (lock_ != nullptr && lock_->alive()) {
    // Asked each time: a session that the server ended does not know it yet.
    const Result<pg::Rows> still = lock_->Exec("SELECT 1", work_.In(5s));
    if (still) return true;
  }
  lock_.reset();
  keepers_ = {};  // whoever had the lock meanwhile may have begun a snapshot of its own
  auto session = work_.Connect(Side::kDestination);
  if (!session) return session.error();
  const Result<pg::Rows> taken =
      (*session)->Exec("SELECT pg_try_advisory_lock(1179862867, $1::integer)",
                       {options_.spec.number.value}, work_.In(5s));
  if (!taken) return taken.error();
  if (!taken->Bool(0, 0)) return false;
  lock_ = std::move(*session);
  if (Status ended = EndPredecessors(); !ended) {
    lock_.reset();
    return ended.error();
  }
  return true;
}

// Sessions of a mover that died: its workers may still be inside a chunk.
Status Mover::EndPredecessors() {
  for (const Side side : {Side::kSource, Side::kDestination}) {
    auto session = work_.Connect(side);
    if (!session) return session.error();
    const Result<pg::Rows> ended = (*session)->Exec(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE "
        "$1 "
        "AND application_name <> $2 AND usename = current_user",
        {SessionPattern(options_.spec), SessionName(options_)}, work_.In(5s));
    if (!ended) return ended.error();
  }
  return Ok();
}

Result<Mover::Outcome> Mover::Step() {
  const Result<Rows> rows = Look(closed_attempt_);
  if (!rows) return rows.error();
  const std::optional<MigrationRow>& source = rows->source.row;
  const std::optional<MigrationRow>& destination = rows->destination.row;
  if (!source || !destination) return Outcome::kGoOn;  // the controller has not been on both yet
  if (source->uid != options_.spec.uid || destination->uid != options_.spec.uid) {
    return Error::GiveUp(
        fmt::format("migration {} belongs to another object", options_.spec.number), "NumberTaken");
  }
  const Result<Phase> phase = ParsePhase(destination->phase);
  if (!phase) return phase.error();
  if (source->phase != destination->phase) return Outcome::kGoOn;
  if (IsTerminal(*phase)) return Outcome::kFinished;
  if (*phase != Phase::kPreparing && *phase != Phase::kCopying) keepers_ = {};
  if (work_.throttle != nullptr) work_.throttle->SetPhase(*phase);
  switching_ = IsSwitching(*phase);
  if (switching_) {
    const Status watched = Watch(*phase, *rows);
    if (!watched) return watched.error();
    return Outcome::kGoOn;
  }
  closed_since_.reset();
  if (!IsMoversPhase(*phase)) return Outcome::kGoOn;
  return WorkIn(*phase, *rows);
}

Result<Mover::Outcome> Mover::WorkIn(Phase phase, const Rows& rows) {
  const Turn turn{phase, rows.source.row->token, rows.destination.row->token};
  const bool ends = phase == Phase::kCleaningUp || phase == Phase::kAborting;
  const Result<Progress> progress = ParseProgress(rows.destination.row->progress);
  if (!progress) return progress.error();
  const bool done = progress->done && progress->done->phase == ToString(phase) &&
                    progress->done->record == turn.record();
  const bool failed = progress->failure && progress->failure->phase == ToString(phase) &&
                      progress->failure->record == turn.record();
  if (done || (failed && !LooksAgain(phase, *progress)))
    return done && ends ? Outcome::kFinished : Outcome::kGoOn;

  const Result<bool> locked = TakeLock();
  if (!locked) return locked.error();
  if (!*locked) {
    log::Info("mover_waits", {{"for", "the lock of another mover"}});
    return Outcome::kGoOn;
  }
  if (phase != Phase::kAborting) {
    if (Status same = SameKeys(work_); !same) return same.error();
  }
  board_.LoadOnce(*progress);
  board_.Change([&](Progress& mine) {
    mine.done.reset();
    mine.failure.reset();
  });
  log::Info(
      "mover_phase",
      {{"migration", options_.spec.name}, {"phase", ToString(phase)}, {"record", turn.record()}});
  const Status worked = RunPhase(phase, turn);
  if (!worked) {
    Report(turn, worked.error());
    return worked.error();
  }
  board_.Change([&](Progress& mine) {
    mine.waiting.clear();
    mine.done = Done{ToString(phase), turn.record()};
  });
  CrashPoint(Edge::kBefore, "mover.phase.done");
  const Status written = Write(turn);
  if (!written) return written.error();
  CrashPoint(Edge::kAfter, "mover.phase.done");
  log::Info("mover_phase_done", {{"migration", options_.spec.name}, {"phase", ToString(phase)}});
  return ends ? Outcome::kFinished : Outcome::kGoOn;
}

// The source's rows are the only other copy of what differs, and are kept until nothing does.
bool Mover::LooksAgain(Phase phase, const Progress& progress) {
  if (phase != Phase::kSoaking || progress.failure->reason != "DigestMismatch") return false;
  const MonotonicTime now = clock_.Monotonic();
  if (!mismatch_since_) mismatch_since_ = now;
  if (now - *mismatch_since_ < kMismatchLookAgain) return false;
  mismatch_since_.reset();
  return true;
}

Status Mover::RunPhase(Phase phase, const Turn& turn) {
  switch (phase) {
    case Phase::kPreparing:
      return Prepare(work_, turn, keepers_);
    case Phase::kCopying:
      return Copy(work_, turn, keepers_);
    case Phase::kCatchingUp:
      return CatchUp(work_, turn);
    case Phase::kVerifying:
      return Verify(work_, turn, Side::kSource);
    case Phase::kSoaking:
      return Verify(work_, turn, Side::kDestination);
    case Phase::kCleaningUp:
      return CleanUp(work_, turn);
    case Phase::kAborting:
      return UndoAll(work_, turn);
    case Phase::kPlanned:
    case Phase::kPreflight:
    case Phase::kReady:
    case Phase::kCutover:
    case Phase::kRollingBack:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      break;
  }
  CHECK(false, "not a phase of the mover", ToString(phase));
  return Ok();
}

Status Mover::Write(const Turn& turn) {
  if (report_ == nullptr || !report_->alive()) {
    auto session = work_.Connect(Side::kDestination);
    if (!session) return session.error();
    report_ = std::move(*session);
  }
  return board_.Publish([&](const std::string& json) {
    return WriteProgress(*report_, options_.spec, turn.destination_token, json, work_.In(5s));
  });
}

void Mover::Report(const Turn& turn, const Error& error) {
  switch (error.kind) {
    case Error::Kind::kFenced:
      return;  // another phase has begun; the next look tells which
    case Error::Kind::kRetry:
    case Error::Kind::kReobserve:
      log::Warning(
          "mover_retries",
          {{"phase", ToString(turn.phase)}, {"reason", error.reason}, {"why", error.message}});
      board_.Change([&](Progress& progress) { progress.waiting = error.reason; });
      break;
    case Error::Kind::kGiveUp:
      log::Error(
          "mover_failed",
          {{"phase", ToString(turn.phase)}, {"reason", error.reason}, {"why", error.message}});
      board_.Change([&](Progress& progress) {
        progress.failure =
            Failure{ToString(turn.phase), turn.record(),
                    error.reason.empty() ? "MoverFailed" : error.reason, error.message};
      });
      break;
  }
  const Status written = Write(turn);
  if (!written) log::Warning("mover_cannot_report", {{"why", written.error().message}});
}

Status Mover::Watch(Phase phase, const Rows& rows) {
  const bool forward = phase == Phase::kCutover;
  const SideView source = ViewOf(rows.source);
  const SideView destination = ViewOf(rows.destination);
  WatchdogView seen{.phase = phase,
                    .gain = forward ? destination : source,
                    .lose = forward ? source : destination};
  const bool running = seen.lose.state == GateState::kClosed && seen.gain.state != GateState::kOpen;
  if (!running || closed_attempt_ != seen.lose.attempt) closed_since_.reset();
  closed_attempt_ = seen.lose.attempt;
  if (running && !closed_since_) closed_since_ = clock_.Monotonic();
  seen.budget_spent =
      closed_since_ && clock_.Monotonic() - *closed_since_ > options_.spec.cutover_budget;

  const WatchdogDecision decision = DecideWatchdog(seen);
  PgShard& gain = forward ? *destination_ : *source_;
  PgShard& lose = forward ? *source_ : *destination_;
  const model::Token gain_token = (forward ? rows.destination : rows.source).row->token;
  const model::Token lose_token = (forward ? rows.source : rows.destination).row->token;
  switch (decision.step) {
    case WatchdogStep::kNothing:
      return Ok();
    case WatchdogStep::kRevoke: {
      log::Warning("watchdog_revokes",
                   {{"migration", options_.spec.name}, {"attempt", decision.attempt.value}});
      const Result<GateState> state = gain.GateRevoke(gain_token, decision.attempt, work_.In(1s));
      if (!state) return state.error();
      return Ok();
    }
    case WatchdogStep::kReopen:
      log::Warning("watchdog_reopens",
                   {{"migration", options_.spec.name}, {"attempt", decision.attempt.value}});
      return lose.GateReopen({.token = lose_token,
                              .attempt = decision.attempt,
                              .owner = forward ? options_.spec.source : options_.spec.destination,
                              .epoch = decision.epoch},
                             work_.In(1s));
  }
  Unreachable(decision.step);
}

Status Mover::Run() {
  std::chrono::milliseconds pause = kPollRows;
  do {
    const Result<Outcome> outcome = Step();
    if (outcome && *outcome == Outcome::kFinished) return Ok();
    if (!outcome && outcome.error().reason == "NumberTaken") return outcome.error();
    if (!outcome) {
      log::Warning("mover_step",
                   {{"kind", ToString(outcome.error().kind)}, {"why", outcome.error().message}});
    }
    pause = switching_ ? kPollRowsSwitching : outcome.ok() ? kPollRows : kRetryPause;
  } while (Pause(stop_, pause));
  return Ok();
}

}  // namespace foreshard::migration

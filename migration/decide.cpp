#include "migration/decide.h"

#include <algorithm>

namespace foreshard::migration {
namespace {

model::Epoch After(model::Epoch a, model::Epoch b, model::Epoch c) {
  return {std::max({a.value, b.value, c.value}) + 1};
}

// The epoch of a shard that takes back what it gave away. The one after the newest may have been
// the epoch of a close that a failover lost, after a router had heard of it: it is left out.
model::Epoch AfterLostClose(model::Epoch a, model::Epoch b, model::Epoch c) {
  return {After(a, b, c).value + 1};
}

bool Is(const SideView& side, GateState state, model::Attempt attempt) {
  return side.state == state && side.attempt == attempt;
}

CutoverDecision Wait(std::string reason) {
  return {.step = CutoverStep::kWait, .reason = std::move(reason)};
}

CutoverDecision Revoke(std::string reason) {
  return {.step = CutoverStep::kRevoke, .owner_gains = false, .reason = std::move(reason)};
}

CutoverDecision MoveTo(Phase next, std::string reason) {
  return {.step = CutoverStep::kMoveTo, .next = next, .reason = std::move(reason)};
}

// The gaining shard is open(n): everything that is left makes it known.
CutoverDecision AfterOpen(const CutoverView& seen) {
  const model::Epoch epoch = seen.gain.epoch;
  if (seen.lose.state == GateState::kOpen) {
    // An asynchronous standby took over there and lost the close. Two owners: close again, at once.
    return {.step = CutoverStep::kClose, .epoch = epoch, .reason = "CloseWasLost"};
  }
  // Once more: it changes nothing, and its commit waits for the standby. An open that a failover lost
  // after routers had heard of it would let them read here what the other shard has changed since.
  if (!seen.open_confirmed) return {.step = CutoverStep::kOpen, .epoch = epoch};
  if (!seen.released) return {.step = CutoverStep::kRelease, .epoch = epoch};
  if (!seen.table_says_gain || seen.table_epoch < epoch) {
    return {.step = CutoverStep::kPublish, .epoch = epoch};
  }
  if (seen.phase == Phase::kRollingBack) return MoveTo(Phase::kCleaningUp, "RolledBack");
  return MoveTo(Phase::kSoaking, "CutOver");
}

// The gaining shard is revoked(n): the losing one takes writes again and says so with a higher
// epoch.
CutoverDecision AfterRevoke(const CutoverView& seen) {
  const bool reopened = seen.lose.state == GateState::kOpen && seen.lose.attempt >= seen.attempt;
  if (!reopened) {
    return {.step = CutoverStep::kReopen,
            .epoch = AfterLostClose(seen.lose.epoch, seen.gain.epoch, seen.table_epoch),
            .owner_gains = false};
  }
  const model::Epoch epoch = seen.lose.epoch;
  if (!seen.released) {
    return {.step = CutoverStep::kRelease, .epoch = epoch, .owner_gains = false};
  }
  if (seen.table_says_gain || seen.table_epoch < epoch) {
    return {.step = CutoverStep::kPublish, .epoch = epoch, .owner_gains = false};
  }
  if (seen.phase == Phase::kRollingBack) return MoveTo(Phase::kSoaking, "AttemptRevoked");
  if (seen.abort_asked) return MoveTo(Phase::kAborting, "AbortRequested");
  if (seen.in_doubt) return MoveTo(Phase::kAborting, "ShardFailedOver");
  return MoveTo(Phase::kReady, "AttemptRevoked");
}

}  // namespace

const char* ToString(CutoverStep step) {
  switch (step) {
    case CutoverStep::kHold:
      return "hold";
    case CutoverStep::kClose:
      return "close_gate";
    case CutoverStep::kTake:
      return "take";
    case CutoverStep::kOpen:
      return "open_gate";
    case CutoverStep::kRevoke:
      return "revoke";
    case CutoverStep::kReopen:
      return "reopen";
    case CutoverStep::kRelease:
      return "release";
    case CutoverStep::kPublish:
      return "publish";
    case CutoverStep::kMoveTo:
      return "move_to";
    case CutoverStep::kWait:
      return "wait";
  }
  Unreachable(step);
}

CutoverDecision DecideCutover(const CutoverView& seen) {
  CHECK(IsSwitching(seen.phase), "no gate changes hands in this phase", ToString(seen.phase));
  if (seen.gain.attempt > seen.attempt || seen.lose.attempt > seen.attempt) {
    return Wait("AttemptIsOlderThanTheRows");  // Our view is old; a newer token will tell us.
  }
  if (Is(seen.gain, GateState::kOpen, seen.attempt)) return AfterOpen(seen);
  if (Is(seen.gain, GateState::kRevoked, seen.attempt)) return AfterRevoke(seen);

  if (seen.abort_asked && seen.phase == Phase::kCutover) return Revoke("AbortRequested");
  if (seen.in_doubt) return Revoke("ShardFailedOver");
  if (seen.budget_spent) return Revoke("BudgetSpent");
  if (!seen.held) return {.step = CutoverStep::kHold};

  const bool drained = Is(seen.gain, GateState::kDrained, seen.attempt);
  if (seen.lose.state == GateState::kOpen) {
    // What the losing shard took since it lost its close is not on the gaining one.
    if (drained) return Revoke("CloseWasLost");
    // Left over from an attempt whose revocation was lost: it could not be drained again.
    if (seen.gain.state == GateState::kDrained || seen.gain.state == GateState::kOpen) {
      return Revoke("LeftOverState");
    }
    return {.step = CutoverStep::kClose,
            .epoch = After(seen.lose.epoch, seen.gain.epoch, seen.table_epoch)};
  }
  if (!Is(seen.lose, GateState::kClosed, seen.attempt)) return Revoke("LeftOverState");
  if (!seen.close_confirmed) {
    // Once more: it changes nothing, and its commit waits for the standby.
    return {.step = CutoverStep::kClose, .epoch = seen.lose.epoch};
  }
  if (seen.lease_runs) return Wait("LeaseRuns");
  // The shard itself waits for the sentinel: who asks for it from here asks once more than needed,
  // and clients wait for each question.
  return {.step = drained ? CutoverStep::kOpen : CutoverStep::kTake, .epoch = seen.lose.epoch};
}

WatchdogDecision DecideWatchdog(const WatchdogView& seen) {
  if (!IsSwitching(seen.phase)) return {};
  const model::Attempt attempt = seen.lose.attempt;
  if (seen.lose.state != GateState::kClosed || attempt.value == 0) return {};
  if (Is(seen.gain, GateState::kRevoked, attempt)) {
    return {.step = WatchdogStep::kReopen,
            .attempt = attempt,
            .epoch = AfterLostClose(seen.lose.epoch, seen.gain.epoch, seen.gain.epoch)};
  }
  if (seen.gain.state == GateState::kOpen || seen.gain.attempt > attempt) return {};
  if (!seen.budget_spent) return {};
  return {.step = WatchdogStep::kRevoke, .attempt = attempt, .epoch = {}};
}

std::chrono::milliseconds PauseAfterAttempt(model::Attempt attempt) {
  if (attempt.value <= 0) return std::chrono::milliseconds(0);
  std::chrono::milliseconds pause = kFirstRetryPause;
  for (int n = 1; n < attempt.value && pause < kLastRetryPause; ++n) pause *= 2;
  return std::min(pause, kLastRetryPause);
}

std::optional<Blocker> WhyNotReady(const ReadyView& seen) {
  if (seen.frozen) return Blocker{"FreezeWindow", "a freeze window is open"};
  if (!seen.shards_healthy) return Blocker{"ShardNotReady", "a shard has no healthy primary"};
  if (!seen.stream_healthy) {
    return Blocker{"StreamBroken", "the stream to the gaining shard does not run"};
  }
  if (const auto pause = PauseAfterAttempt(seen.attempt); seen.since_last_attempt < pause) {
    return Blocker{"WaitingAfterAttempt",
                   fmt::format("attempt {} was revoked; the next one comes after {} s",
                               seen.attempt, pause.count() / 1'000)};
  }
  if (seen.lease_left < kLeaseLeft) {
    return Blocker{"LeaseTooShort", "the leader's lease ends too soon for a cutover"};
  }
  if (seen.oldest_holder && seen.oldest_holder->age > kHolderAgeMax) {
    const bool prepared = seen.oldest_holder->prepared;
    return Blocker{prepared ? "BlockedByPreparedTransaction" : "BlockedByLongTransaction",
                   fmt::format("a {}transaction has written to the range for {} ms",
                               prepared ? "prepared " : "", seen.oldest_holder->age.count())};
  }
  const Progress& progress = seen.progress;
  if (seen.progress_age > kProgressAgeMax || progress.lag_p99_millis < 0) {
    return Blocker{"LagUnknown", "the mover has not measured the lag lately"};
  }
  const std::int64_t limit = kProbeLagMax.count();
  const bool patient = seen.since_last_attempt < kLagPatience;
  if ((patient && progress.lag_p99_millis >= limit) || progress.lag_last3_millis >= limit) {
    return Blocker{"LagTooHigh",
                   fmt::format("probes take {} ms (p99), the last three {} ms; "
                               "a cutover needs less than {} ms",
                               progress.lag_p99_millis, progress.lag_last3_millis, limit)};
  }
  return std::nullopt;
}

SideView ViewOf(const GateSeen& seen) {
  CHECK(seen.row.has_value(), "a side without a row has no part in an attempt");
  return {.state = seen.row->state,
          .attempt = seen.row->attempt,
          .epoch = seen.range ? seen.range->epoch : model::Epoch{},
          .sentinel = seen.sentinel};
}

}  // namespace foreshard::migration

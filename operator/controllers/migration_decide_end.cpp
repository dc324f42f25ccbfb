#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/calendar/occurrences.h"
#include "operator/controllers/cutover_loop.h"
#include "operator/controllers/migration_decide.h"
#include "operator/controllers/migration_status.h"
#include "operator/controllers/migration_time.h"

namespace foreshard::op {

using migration::GateState;
using migration::Phase;
using migration::SoakStep;

namespace {

constexpr std::chrono::milliseconds kReadyLook{250};
constexpr std::chrono::milliseconds kSoakLook{1'000};
constexpr std::chrono::seconds kSlotAdvanceEvery{10};
constexpr const char* kRollbackPossible = "RollbackPossible";
constexpr const char* kAutoRollback = "AutoRollback";
constexpr std::chrono::seconds kWorseFor{30};  // then the keys go back by themselves

MigrationDecision NextAttempt(const MigrationObservation& seen, Phase phase) {
  model::ShardMigrationStatus status = MovedTo(seen, phase);
  ++status.attempt;
  return {.step = MigrationStep::kWriteStatus, .status = std::move(status)};
}

std::chrono::milliseconds SincePhase(const MigrationObservation& seen) {
  return SinceTime(seen.now, seen.migration.status.phase_start_time)
      .value_or(std::chrono::milliseconds(0));
}

// After a failover the rows may have forgotten a reopening or a revocation: make them say it again,
// so that the next attempt finds S open and D closed.
std::optional<MigrationDecision> MendRows(const MigrationObservation& seen) {
  const migration::MigrationRow& source = *seen.source->gate.row;
  const migration::MigrationRow& destination = *seen.destination->gate.row;
  const model::Attempt attempt{seen.migration.status.attempt};
  if (destination.state == GateState::kDrained) return Do(MigrationStep::kRevokeDestination);
  if (destination.state == GateState::kOpen) {
    return WaitFor("DestinationIsOpen", "the destination's gate is open before its cutover");
  }
  if (source.state == GateState::kOpen && source.attempt >= attempt) return std::nullopt;
  MigrationDecision reopen = Do(MigrationStep::kReopenSource);
  const auto epoch = [](const migration::ShardSeen& shard) {
    return shard.gate.range ? shard.gate.range->epoch.value : 0;
  };
  reopen.epoch = {
      std::max({epoch(*seen.source), epoch(*seen.destination), seen.set->table->epoch.value}) + 2};
  return reopen;
}

// One cutover at a time in a set, and no other change of the epoch beside it.
std::optional<MigrationDecision> WaitForOtherCutover(const MigrationObservation& seen) {
  const auto other = OtherSwitching(*seen.set->table, *seen.spec);
  if (!other) return std::nullopt;
  return WaitFor("OtherCutover", fmt::format("migration '{}' switches now", *other), kReadyLook);
}

// Taken after the phase was entered on both shards, so that no old view of ours can give it back.
std::optional<MigrationDecision> TakeSwitch(const MigrationObservation& seen) {
  const model::RoutingTable& table = *seen.set->table;
  if (MaySwitch(table, *seen.spec, seen.migration.status.record)) return std::nullopt;
  if (auto other = WaitForOtherCutover(seen)) return *other;
  if (!IsMarked(table, *seen.spec)) {
    return WaitFor("TableIsOld", "the table does not say that this migration moves the keys");
  }
  model::RoutingTable next = table;
  next.switching = {.number = seen.spec->number, .record = seen.migration.status.record};
  return MigrationDecision{.step = MigrationStep::kPublishTable, .table = std::move(next)};
}

// S answers with a higher epoch than routers know: tell them all. Without our mark in the table K
// may be another migration's by now, or owned by the shard that one gave it to: foreshard-dst found
// an old view of an aborted migration that gave K back to a shard which was being emptied.
std::optional<MigrationDecision> PublishSource(const MigrationObservation& seen) {
  const model::RoutingTable& table = *seen.set->table;
  if (!IsMarked(table, *seen.spec)) return std::nullopt;
  const auto& range = seen.source->gate.range;
  const model::Epoch epoch = range ? range->epoch : model::Epoch{};
  if (OwnsK(table, *seen.spec, seen.spec->source) && table.epoch >= epoch) return std::nullopt;
  if (auto other = WaitForOtherCutover(seen)) return *other;
  auto next = WithOwnerOfK(table, *seen.spec, seen.spec->source, epoch);
  if (!next) return WaitFor("RangeNotOwned", next.error().message);
  return MigrationDecision{.step = MigrationStep::kPublishTable, .table = std::move(*next)};
}

std::optional<MigrationDecision> PrepareSwitch(const MigrationObservation& seen) {
  if (!seen.source->gate.gate) return Do(MigrationStep::kMakeGate);
  if (!seen.source->gate_triggers) return Do(MigrationStep::kMakeGateTriggers);
  const std::string& slot = seen.destination->gate.row->reverse_slot;
  if (slot.empty() || !seen.destination->slot) return Do(MigrationStep::kMakeReverseSlot);
  if (seen.memory.sequences_record != seen.migration.status.record) {
    return Do(MigrationStep::kRaiseSequences);
  }
  const auto& advanced = seen.memory.slot_advanced;
  if (!advanced || seen.monotonic - *advanced >= kSlotAdvanceEvery) {
    return Do(MigrationStep::kAdvanceSlotToNow);
  }
  return std::nullopt;
}

bool Runs(const std::optional<migration::SubscriptionSeen>& subscription,
          const std::optional<migration::SlotSeen>& slot) {
  return subscription && subscription->enabled && subscription->worker && slot && slot->reserved;
}

migration::ReadyView ReadyViewOf(const MigrationObservation& seen, bool forward) {
  const migration::ShardSeen& lose = forward ? *seen.source : *seen.destination;
  const migration::ShardSeen& gain = forward ? *seen.destination : *seen.source;
  return {.progress = seen.progress,
          .progress_age = seen.destination->progress_age,
          .stream_healthy = Runs(gain.subscription, lose.slot),
          .shards_healthy = true,
          .oldest_holder = lose.oldest_holder,
          .lease_left = seen.lease.left,
          .since_last_attempt = SincePhase(seen),
          .attempt = {seen.migration.status.attempt},
          .frozen = forward && IsFrozen(seen.set->set.spec.scaling.freeze_windows, seen.now)};
}

migration::SoakView SoakViewOf(const MigrationObservation& seen) {
  const model::RoutingTable& table = *seen.set->table;
  const bool deleting = seen.migration.deleting || seen.set->set.deleting;
  return {.source = migration::ViewOf(seen.source->gate),
          .destination = migration::ViewOf(seen.destination->gate),
          .attempt = {seen.migration.status.attempt},
          .table_epoch = table.epoch,
          .table_says_destination = OwnsK(table, *seen.spec, seen.spec->destination),
          .forward = seen.destination->subscription,
          .forward_slot = seen.source->slot.has_value(),
          .reverse_slot = seen.destination->slot,
          .reverse = seen.source->subscription,
          .drained_lsn = seen.destination->gate.row->drained_lsn,
          .progress = seen.progress,
          .progress_age = seen.destination->progress_age,
          .digested = MoverDone(seen),
          .identity_changed = IdentityChanged(seen),
          .over = deleting || SincePhase(seen) >= seen.migration.spec.soak,
          .deleting = deleting,
          .rollback_asked = (seen.migration.spec.rollback ||
                             IsTrue(seen.migration.status.conditions, kAutoRollback)) &&
                            !deleting};
}

MigrationDecision Soaked(const MigrationObservation& seen) {
  if (seen.migration.spec.paused && !seen.migration.deleting) {
    return WaitFor("Paused", "spec.paused holds it before CleaningUp", kSoakLook);
  }
  model::ShardMigrationStatus status = MovedTo(seen, Phase::kCleaningUp);
  Claim(status, seen, "Soaked", true, "Soaking", "");
  Claim(status, seen, kRollbackPossible, false, "SoakOver", "");
  return {.step = MigrationStep::kWriteStatus, .status = std::move(status)};
}

MigrationDecision SoakWait(const MigrationObservation& seen,
                           const migration::SoakDecision& decision) {
  const auto& conditions = seen.migration.status.conditions;
  const model::Condition* told = FindCondition(conditions, kRollbackPossible);
  const std::string reason = decision.rollback_possible ? "ReverseStreamRuns" : decision.reason;
  if (told == nullptr || told->reason != reason) {
    model::ShardMigrationStatus status = seen.migration.status;
    Claim(status, seen, kRollbackPossible, decision.rollback_possible, reason, "");
    return {.step = MigrationStep::kWriteStatus, .status = std::move(status)};
  }
  if (const auto& failure = seen.progress.failure;
      failure && failure->record == seen.migration.status.record) {
    return WaitFor(failure->reason, failure->message, kSoakLook);
  }
  return WaitFor("Soaking", "rollback stays possible until the soak is over", kSoakLook);
}

MigrationDecision RollBack(const MigrationObservation& seen) {
  if (const auto blocker = migration::WhyNotReady(ReadyViewOf(seen, false))) {
    return WaitFor(blocker->reason, blocker->message, kReadyLook);
  }
  if (auto other = WaitForOtherCutover(seen)) return *other;
  return NextAttempt(seen, Phase::kRollingBack);
}

// Written down first: whoever leads next goes on with it.
std::optional<MigrationDecision> RollBackByItself(const MigrationObservation& seen,
                                                  const migration::SoakDecision& decision) {
  const auto& since = seen.memory.worse_since;
  if (!decision.rollback_possible || !since || seen.monotonic - *since < kWorseFor) {
    return std::nullopt;
  }
  if (IsTrue(seen.migration.status.conditions, kAutoRollback)) return std::nullopt;
  model::ShardMigrationStatus status = seen.migration.status;
  Claim(status, seen, kAutoRollback, true, seen.memory.worse_why,
        fmt::format("shard '{}' has served worse than '{}' did for {} s", seen.spec->destination,
                    seen.spec->source, kWorseFor.count()));
  return MigrationDecision{.step = MigrationStep::kWriteStatus, .status = std::move(status)};
}

MigrationDecision WithEpoch(MigrationStep step, model::Epoch epoch) {
  MigrationDecision decision = Do(step);
  decision.epoch = epoch;
  return decision;
}

// Rows of K that clients still may read through an old table; routers that heard the epoch need
// nothing.
bool EnteredBoth(const MigrationObservation& seen) {
  const auto entered = [&](const std::optional<migration::ShardSeen>& side) {
    return side && side->gate.row && side->gate.row->phase == seen.migration.status.phase;
  };
  return entered(seen.source) && entered(seen.destination);
}

// The epoch of K's cutover may also be the epoch of another cutover at the same time, and a router
// that heard only of that one would not believe the loser's older word. The table's epoch is newer
// than every table that named the loser, since no table can name it again while we are marked.
std::optional<MigrationDecision> TellLoser(const MigrationObservation& seen) {
  const bool rolled_back = seen.source->gate.row->state == GateState::kOpen;
  const migration::ShardSeen& loser = rolled_back ? *seen.destination : *seen.source;
  const model::ShardId& owner = rolled_back ? seen.spec->source : seen.spec->destination;
  const model::RoutingTable& table = *seen.set->table;
  if (!OwnsK(table, *seen.spec, owner) || !IsMarked(table, *seen.spec)) return std::nullopt;
  if (!loser.gate.range || loser.gate.range->epoch >= table.epoch) return std::nullopt;
  return WithEpoch(MigrationStep::kTellLoser, table.epoch);
}

// Before our mark leaves the table: the keys may come back with another migration, and a router
// that never saw our mark would ask our rows for ever, though they speak of the time before.
std::optional<MigrationDecision> SettleRanges(const MigrationObservation& seen) {
  if (seen.source->gate.range) return Do(MigrationStep::kSettleSource);
  if (seen.destination->gate.range) return Do(MigrationStep::kSettleDestination);
  return std::nullopt;
}

}  // namespace

MigrationDecision DecideReady(const MigrationObservation& seen) {
  if (auto enter = EnterFirst(seen)) return *enter;
  if (auto job = JobFirst(seen)) return *job;
  if (seen.migration.spec.rehearse) {
    return {.step = MigrationStep::kWriteStatus,
            .status = StoppedBy(seen, {"Rehearsed", "spec.rehearse: everything but the cutover"})};
  }
  if (auto mend = MendRows(seen)) return *mend;
  if (auto publish = PublishSource(seen)) return *publish;
  if (auto prepare = PrepareSwitch(seen)) return *prepare;
  if (!seen.destination->slot->reserved) {
    return {.step = MigrationStep::kWriteStatus,
            .status = StoppedBy(seen, {"ReverseSlotLost",
                                       "the destination dropped WAL that a rollback needs", true})};
  }
  if (seen.migration.status.attempt >= migration::kAttemptsMax) {
    return {.step = MigrationStep::kWriteStatus,
            .status = StoppedBy(seen, {"TooManyAttempts", "every cutover was revoked", true})};
  }
  if (SincePhase(seen) > *migration::LimitOf(Phase::kReady)) {
    return {.step = MigrationStep::kWriteStatus, .status = MovedTo(seen, Phase::kVerifying)};
  }
  if (seen.migration.spec.paused) {
    return WaitFor("Paused", "spec.paused holds it before Cutover", kSoakLook);
  }
  if (const auto blocker = migration::WhyNotReady(ReadyViewOf(seen, true))) {
    return WaitFor(blocker->reason, blocker->message, kReadyLook);
  }
  if (auto other = WaitForOtherCutover(seen)) return *other;
  return NextAttempt(seen, Phase::kCutover);
}

MigrationDecision DecideSwitching(const MigrationObservation& seen) {
  if (auto enter = EnterFirst(seen)) return *enter;
  if (auto lock = TakeSwitch(seen)) return *lock;
  return Do(MigrationStep::kCutoverTurn);
}

MigrationDecision DecideSoaking(const MigrationObservation& seen) {
  if (auto enter = EnterFirst(seen)) return *enter;
  if (auto job = JobFirst(seen)) return *job;
  const migration::SoakDecision decision = migration::DecideSoak(SoakViewOf(seen));
  switch (decision.step) {
    case SoakStep::kCloseSource:
      return WithEpoch(MigrationStep::kCloseSource, decision.epoch);
    case SoakStep::kRevoke:
      return Do(MigrationStep::kRevokeDestination);
    case SoakStep::kReopenSource:
      return WithEpoch(MigrationStep::kReopenSource, decision.epoch);
    case SoakStep::kPublish:
      return PublishSource(seen).value_or(WaitFor("Soaking", ""));
    case SoakStep::kDisableForward:
      return Do(MigrationStep::kDisableForward);
    case SoakStep::kAdvanceSlot:
      return Do(MigrationStep::kAdvanceSlotToDrained);
    case SoakStep::kMakeReverse:
      return Do(MigrationStep::kMakeReverseSubscription);
    case SoakStep::kDropForward:
      return Do(MigrationStep::kDropForwardSubscription);
    case SoakStep::kDropForwardSlot:
      return Do(MigrationStep::kDropForwardSlot);
    case SoakStep::kRollBack:
      return RollBack(seen);
    case SoakStep::kCleanUp:
      return RollBackByItself(seen, decision).value_or(Soaked(seen));
    case SoakStep::kWait:
      if (auto back = RollBackByItself(seen, decision)) return *back;
      return SoakWait(seen, decision);
  }
  Unreachable(decision.step);
}

MigrationDecision DecideCleaningUp(const MigrationObservation& seen) {
  // Before the mover may drop the triggers: whoever holds an old table must have lost its
  // connections, and must believe the loser when it comes back.
  if (seen.source && seen.destination && seen.source->gate.row && seen.destination->gate.row &&
      !EnteredBoth(seen)) {
    if (auto tell = TellLoser(seen)) return *tell;
    if (seen.memory.connections_record != seen.migration.status.record) {
      return Do(MigrationStep::kEndStaleConnections);
    }
  }
  if (auto enter = EnterFirst(seen)) return *enter;
  const bool done = MoverDone(seen);
  if (!done) {
    if (auto job = JobFirst(seen)) return *job;
    return WaitFor("CleaningUp", "the mover removes what is left", kSoakLook);
  }
  if (!seen.source->leftovers.empty() || !seen.destination->leftovers.empty()) {
    return WaitFor("LeftoversRemain", "side objects are left on a shard", kSoakLook);
  }
  const bool rolled_back = seen.source->gate.row->state == GateState::kOpen;
  if (auto settle = SettleRanges(seen)) return *settle;
  return EndWith(seen, EndedAs(seen, rolled_back ? Phase::kRolledBack : Phase::kCompleted));
}

MigrationDecision DecideAborting(const MigrationObservation& seen) {
  if (!MayHaveRows(seen.migration)) return EndWith(seen, EndedAs(seen, Phase::kAborted));
  const bool foreign = IsForeign(seen, seen.source) || IsForeign(seen, seen.destination);
  if (auto enter = EnterFirst(seen)) {
    // The mover begins when the destination's row says so, and tells it what the source's row says
    // of the owner: that has to be the last word by then.
    const bool last = enter->step == MigrationStep::kEnterDestination && !foreign;
    if (last && seen.destination->gate.row) {
      if (auto mend = MendRows(seen)) return *mend;
    }
    return *enter;
  }
  if (foreign) {
    // The mover works only where both rows are ours, so nothing of it exists.
    return EndWith(seen, EndedAs(seen, Phase::kAborted));
  }
  if (auto mend = MendRows(seen)) return *mend;
  if (auto publish = PublishSource(seen)) return *publish;
  const bool done = MoverDone(seen);
  if (!done) {
    if (auto job = JobFirst(seen)) return *job;
    return WaitFor("Aborting", "the mover removes what it made", kSoakLook);
  }
  if (!seen.source->leftovers.empty() || !seen.destination->leftovers.empty()) {
    return WaitFor("LeftoversRemain", "side objects are left on a shard", kSoakLook);
  }
  if (auto settle = SettleRanges(seen)) return *settle;
  return EndWith(seen, EndedAs(seen, Phase::kAborted));
}

}  // namespace foreshard::op

#include "operator/controllers/migration_decide.h"

#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/controllers/cutover_loop.h"
#include "operator/controllers/migration_status.h"
#include "operator/controllers/migration_time.h"

namespace foreshard::op {

using migration::Phase;

namespace {

constexpr std::string_view kFinalizer = kMigrationFinalizer;

bool HasFinalizer(const model::ShardMigration& migration) {
  const auto& finalizers = migration.finalizers;
  return std::find(finalizers.begin(), finalizers.end(), kFinalizer) != finalizers.end();
}

// The same word for "who asked": a person, the object's end, the set's end.
std::optional<StopReason> WhoAsked(const MigrationObservation& seen) {
  if (seen.migration.deleting) return StopReason{"ObjectDeleted", "the object is being deleted"};
  if (seen.set && seen.set->set.deleting) {
    return StopReason{"ShardSetDeleted", "the ShardSet is being deleted"};
  }
  if (seen.migration.spec.abort) return StopReason{"AbortRequested", "spec.abort is true"};
  return std::nullopt;
}

bool KeysAreFixed(Phase phase) {
  switch (phase) {
    case Phase::kCopying:
    case Phase::kCatchingUp:
    case Phase::kVerifying:
    case Phase::kReady:
    case Phase::kCutover:
    case Phase::kSoaking:
    case Phase::kRollingBack:
      return true;
    case Phase::kPlanned:
    case Phase::kPreflight:
    case Phase::kPreparing:   // marks, and looks for the mark itself
    case Phase::kCleaningUp:  // the mover knows K from the rows; at the end the mark goes
    case Phase::kAborting:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      return false;
  }
  Unreachable(phase);
}

MigrationDecision DecidePhase(const MigrationObservation& seen) {
  switch (seen.phase) {
    case Phase::kPlanned:
      return DecidePlanned(seen);
    case Phase::kPreflight:
      return DecidePreflight(seen);
    case Phase::kPreparing:
      return DecidePreparing(seen);
    case Phase::kCopying:
    case Phase::kCatchingUp:
    case Phase::kVerifying:
      return DecideMoversPhase(seen);
    case Phase::kReady:
      return DecideReady(seen);
    case Phase::kCutover:
    case Phase::kRollingBack:
      return DecideSwitching(seen);
    case Phase::kSoaking:
      return DecideSoaking(seen);
    case Phase::kCleaningUp:
      return DecideCleaningUp(seen);
    case Phase::kAborting:
      return DecideAborting(seen);
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      return DecideTerminal(seen);
  }
  Unreachable(seen.phase);
}

}  // namespace

MigrationDecision Do(MigrationStep step) { return {.step = step}; }

MigrationDecision WaitFor(std::string reason, std::string message,
                          std::chrono::milliseconds look_again) {
  return {.step = MigrationStep::kWait,
          .look_again = look_again,
          .reason = std::move(reason),
          .message = std::move(message)};
}

std::optional<StopReason> WhyStop(const MigrationObservation& seen) {
  if (!migration::MayAbort(seen.phase)) return std::nullopt;
  if (auto asked = WhoAsked(seen)) return asked;
  const model::ShardMigrationStatus& status = seen.migration.status;
  const auto since_start = SinceTime(seen.now, status.start_time);
  if (since_start && *since_start > seen.migration.spec.deadline) {
    return StopReason{"DeadlineExceeded", "spec.deadline has passed", true};
  }
  if (const auto& failure = seen.progress.failure;
      failure && failure->record == status.record && failure->phase == status.phase) {
    return StopReason{failure->reason, failure->message, true};
  }
  const auto limit = migration::LimitOf(seen.phase);
  const auto since_phase = SinceTime(seen.now, status.phase_start_time);
  if (limit && since_phase && *since_phase > *limit && seen.phase != Phase::kReady) {
    return StopReason{"PhaseTookTooLong",
                      fmt::format("{} takes longer than {} s", status.phase, limit->count()), true};
  }
  if (IsForeign(seen, seen.source) || IsForeign(seen, seen.destination)) {
    return StopReason{"NumberTaken", "a shard knows this number as another migration's", true};
  }
  if (seen.phase != Phase::kCutover && IdentityChanged(seen)) {
    return StopReason{"ShardFailedOver",
                      "a shard failed over since the copy began; start a new migration", true};
  }
  return std::nullopt;
}

MigrationDecision DecideMigration(const MigrationObservation& seen) {
  if (migration::IsTerminal(seen.phase)) return DecideTerminal(seen);
  if (!seen.set || !seen.set->table) {
    if (seen.migration.deleting && !MayHaveRows(seen.migration)) {
      return Do(MigrationStep::kRemoveFinalizer);
    }
    return WaitFor("NoShardSet", "the ShardSet or its RoutingTable is not there",
                   std::chrono::seconds(5));
  }
  if (!HasFinalizer(seen.migration)) {
    if (seen.migration.deleting) return Do(MigrationStep::kNothing);
    return Do(MigrationStep::kAddFinalizer);
  }
  // An attempt ends by its own rules: only revoked(n) leads out of it.
  if (!migration::IsSwitching(seen.phase)) {
    if (const auto stop = WhyStop(seen)) {
      return {.step = MigrationStep::kWriteStatus, .status = StoppedBy(seen, *stop)};
    }
  }
  // From Preparing on the table says that we move K, until the end takes the mark away. One that
  // does not is older, and its pins may make another K of the same range: foreshard-dst found a
  // reverse slot that covered a key which another migration had moved.
  if (KeysAreFixed(seen.phase) && !IsMarked(*seen.set->table, *seen.spec)) {
    return WaitFor("", "the table is older than this migration");
  }
  MigrationDecision decision = DecidePhase(seen);
  if (decision.step != MigrationStep::kWait) return decision;
  if (auto status = Upkeep(seen, decision.reason, decision.message)) {
    return {.step = MigrationStep::kWriteStatus, .status = std::move(status)};
  }
  return decision;
}

bool IsForeign(const MigrationObservation& seen, const std::optional<migration::ShardSeen>& side) {
  return side && side->gate.row && side->gate.row->uid != seen.migration.uid;
}

bool IdentityChanged(const MigrationObservation& seen) {
  const auto changed = [](const std::string& copied_from,
                          const std::optional<migration::ShardSeen>& now) {
    return now && !copied_from.empty() && copied_from != IdentityText(now->gate.identity);
  };
  return changed(seen.progress.source_identity, seen.source) ||
         changed(seen.progress.destination_identity, seen.destination);
}

namespace {

// The attempt is over on both shards and in the status: others may switch. Two leaders can give one
// number to two migrations; only the marked one holds what the table says of it.
std::optional<MigrationDecision> GiveSwitchBack(const MigrationObservation& seen) {
  const model::RoutingTable& table = *seen.set->table;
  if (migration::IsSwitching(seen.phase) || !table.switching || !seen.spec) return std::nullopt;
  if (table.switching->number != seen.spec->number || !IsMarked(table, *seen.spec)) {
    return std::nullopt;
  }
  model::RoutingTable next = table;
  next.switching.reset();
  return MigrationDecision{.step = MigrationStep::kPublishTable, .table = std::move(next)};
}

}  // namespace

std::optional<MigrationDecision> EnterFirst(const MigrationObservation& seen) {
  if (!seen.source || !seen.destination) {
    return WaitFor("ShardNotReachable", seen.shard_error ? seen.shard_error->message : "");
  }
  const model::Token token = seen.token();
  const auto entered = [&](const migration::ShardSeen& side) {
    const auto& row = side.gate.row;
    return row && row->token >= token && row->phase == seen.migration.status.phase;
  };
  for (const auto* side : {&*seen.source, &*seen.destination}) {
    if (side->gate.row && side->gate.row->token > token && !IsForeign(seen, *side)) {
      return WaitFor("", "a newer leader acts", std::chrono::seconds(2));
    }
  }
  if (!IsForeign(seen, seen.source) && !entered(*seen.source)) {
    return Do(MigrationStep::kEnterSource);
  }
  if (!IsForeign(seen, seen.destination) && !entered(*seen.destination)) {
    return Do(MigrationStep::kEnterDestination);
  }
  return GiveSwitchBack(seen);
}

std::optional<MigrationDecision> DropOldJob(const MigrationObservation& seen) {
  if (!seen.job.exists || seen.job.deleting || !seen.job.spec) return std::nullopt;
  if (!IsMarked(*seen.set->table, *seen.spec)) return std::nullopt;
  const bool same = seen.job.spec->range == seen.spec->range &&
                    seen.job.spec->keys == seen.spec->keys &&
                    seen.job.spec->excluded_keys == seen.spec->excluded_keys;
  if (same) return std::nullopt;
  return Do(MigrationStep::kDeleteJob);
}

std::optional<MigrationDecision> JobFirst(const MigrationObservation& seen) {
  if (seen.job.deleting) return WaitFor("", "the Job is being deleted");
  if (auto old = DropOldJob(seen)) return *old;
  if (!seen.job.exists) return Do(MigrationStep::kCreateJob);
  if (seen.job.failed) return Do(MigrationStep::kDeleteJob);
  return std::nullopt;
}

bool MoverDone(const MigrationObservation& seen) {
  const auto& done = seen.progress.done;
  return done && done->record == seen.migration.status.record &&
         done->phase == seen.migration.status.phase;
}

std::optional<MigrationDecision> DropDeadMarks(const MigrationObservation& seen) {
  const auto dead = [&](const model::Moving& moving) {
    const auto& all = seen.set->migrations;
    const auto found = std::find_if(
        all.begin(), all.end(),
        [&](const model::ShardMigration& migration) { return migration.name == moving.migration; });
    if (found == all.end()) return true;  // the list is newer than the table
    if (found->status.number == 0) return false;
    if (found->status.number != moving.number.value) return true;
    const auto phase = migration::ParsePhase(found->status.phase);
    return phase && migration::IsTerminal(*phase);
  };
  model::RoutingTable next = *seen.set->table;
  if (std::erase_if(next.moving, dead) == 0) return std::nullopt;
  model::DropIdlePins(next);
  return MigrationDecision{.step = MigrationStep::kPublishTable, .table = std::move(next)};
}

MigrationDecision EndWith(const MigrationObservation& seen, model::ShardMigrationStatus last) {
  const model::RoutingTable& table = *seen.set->table;
  const auto ours = [&](const model::Moving& moving) {
    return moving.migration == seen.migration.name &&
           moving.number.value == seen.migration.status.number;
  };
  if (std::any_of(table.moving.begin(), table.moving.end(), ours)) {
    model::RoutingTable next = table;
    std::erase_if(next.moving, ours);
    model::DropIdlePins(next);
    return {.step = MigrationStep::kPublishTable, .table = std::move(next)};
  }
  if (seen.job.deleting) return WaitFor("", "the Job is being deleted");
  if (seen.job.exists) return Do(MigrationStep::kDeleteJob);
  return {.step = MigrationStep::kWriteStatus, .status = std::move(last)};
}

const char* ToString(MigrationStep step) {
  switch (step) {
    case MigrationStep::kNothing:
      return "nothing";
    case MigrationStep::kWait:
      return "wait";
    case MigrationStep::kAddFinalizer:
      return "add_finalizer";
    case MigrationStep::kRemoveFinalizer:
      return "remove_finalizer";
    case MigrationStep::kWriteStatus:
      return "write_status";
    case MigrationStep::kCreateJob:
      return "create_job";
    case MigrationStep::kDeleteJob:
      return "delete_job";
    case MigrationStep::kPublishTable:
      return "publish_table";
    case MigrationStep::kEnterSource:
      return "enter_source";
    case MigrationStep::kEnterDestination:
      return "enter_destination";
    case MigrationStep::kMakeGate:
      return "make_gate";
    case MigrationStep::kMakeGateTriggers:
      return "make_gate_triggers";
    case MigrationStep::kMakeReverseSlot:
      return "make_reverse_slot";
    case MigrationStep::kRaiseSequences:
      return "raise_sequences";
    case MigrationStep::kAdvanceSlotToNow:
      return "advance_slot_to_now";
    case MigrationStep::kAdvanceSlotToDrained:
      return "advance_slot_to_drained";
    case MigrationStep::kCloseSource:
      return "close_source";
    case MigrationStep::kReopenSource:
      return "reopen_source";
    case MigrationStep::kRevokeDestination:
      return "revoke_destination";
    case MigrationStep::kDisableForward:
      return "disable_forward";
    case MigrationStep::kMakeReverseSubscription:
      return "make_reverse_subscription";
    case MigrationStep::kDropForwardSubscription:
      return "drop_forward_subscription";
    case MigrationStep::kDropForwardSlot:
      return "drop_forward_slot";
    case MigrationStep::kTellLoser:
      return "tell_loser";
    case MigrationStep::kEndStaleConnections:
      return "end_stale_connections";
    case MigrationStep::kSettleSource:
      return "settle_source";
    case MigrationStep::kSettleDestination:
      return "settle_destination";
    case MigrationStep::kCutoverTurn:
      return "cutover_turn";
  }
  Unreachable(step);
}

}  // namespace foreshard::op

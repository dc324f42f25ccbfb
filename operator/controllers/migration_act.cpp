#include "operator/controllers/migration_act.h"

#include "migration/limits.h"

namespace foreshard::op {
namespace {

// Ids handed out by a sequence's users in the time between this and the cutover, generously.
constexpr std::int64_t kSequenceMargin = 100'000;

migration::GateChange Change(const MigrationObservation& seen, const MigrationDecision& decision,
                             const model::ShardId& owner) {
  return {.token = seen.token(),
          .attempt = {seen.migration.status.attempt},
          .owner = owner,
          .epoch = decision.epoch};
}

Status RaiseSequences(const MigrationObservation& seen, MigrationHands& hands, Deadline deadline) {
  auto values = hands.shards.source->ReadSequences(deadline);
  if (!values) return values.error();
  for (migration::SequenceValue& sequence : *values) sequence.last_value += kSequenceMargin;
  const Status raised = hands.shards.destination->RaiseSequences(seen.token(), *values, deadline);
  if (raised) hands.memory.sequences_record = seen.migration.status.record;
  return raised;
}

// In CleaningUp: the source is the owner again.
bool RolledBack(const MigrationObservation& seen) {
  return seen.source->gate.row && seen.source->gate.row->state == migration::GateState::kOpen;
}

// Routers that know the table in which K has its owner may keep their connections to the loser. Of
// the others it ends what is idle, look by look: a busy router that only answers late loses
// nothing.
Status EndStaleConnections(const MigrationObservation& seen, MigrationHands& hands,
                           Deadline deadline) {
  StaleConnections& stale = hands.memory.stale_connections;
  const Deadline soon = deadline.Within(hands.clock, migration::kReleaseAnswer);
  if (stale.record != seen.migration.status.record) {
    stale = {.record = seen.migration.status.record,
             .up_to_date = {},
             .before = "",
             .since = hands.clock.Monotonic()};
    for (const auto& reply : hands.routers->ReadTable(hands.routers->Routers(), soon)) {
      if (reply.answer && reply.answer->epoch >= seen.set->table->epoch)
        stale.up_to_date.push_back(reply.router);
    }
  }
  const bool force = hands.clock.Monotonic() - stale.since >= migration::kSilentTransaction;
  migration::Shard& loser = RolledBack(seen) ? *hands.shards.destination : *hands.shards.source;
  const Result<migration::EndedConnections> ended =
      loser.EndConnectionsExcept(seen.token(), stale.up_to_date, stale.before, force, deadline);
  if (!ended) return ended.error();
  stale.before = ended->before;
  if (ended->left == 0) hands.memory.connections_record = stale.record;
  return Ok();
}

Status Advance(const MigrationObservation& seen, MigrationHands& hands, Deadline deadline) {
  const Status advanced = hands.shards.destination->SlotAdvanceToNow(seen.token(), deadline);
  if (advanced) hands.memory.slot_advanced = hands.clock.Monotonic();
  return advanced;
}

Status ActOnApi(const MigrationObservation& seen, const MigrationDecision& decision,
                MigrationHands& hands, Deadline deadline) {
  switch (decision.step) {
    case MigrationStep::kAddFinalizer:
      return hands.store.SetFinalizer(seen.migration, true, deadline);
    case MigrationStep::kRemoveFinalizer:
      return hands.store.SetFinalizer(seen.migration, false, deadline);
    case MigrationStep::kWriteStatus:
      return hands.store.WriteStatus(seen.migration, *decision.status, deadline);
    case MigrationStep::kCreateJob:
      return hands.store.CreateJob(seen.migration, seen.set->set, *seen.spec, deadline);
    case MigrationStep::kDeleteJob:
      return hands.store.DeleteJob(seen.migration, deadline);
    case MigrationStep::kPublishTable:
      return hands.store.PublishTable(seen.migration.name_space, *decision.table,
                                      seen.set->table_version, deadline);
    case MigrationStep::kNothing:
    case MigrationStep::kWait:
      return Ok();
    case MigrationStep::kEnterSource:
    case MigrationStep::kEnterDestination:
    case MigrationStep::kMakeGate:
    case MigrationStep::kMakeGateTriggers:
    case MigrationStep::kMakeReverseSlot:
    case MigrationStep::kRaiseSequences:
    case MigrationStep::kAdvanceSlotToNow:
    case MigrationStep::kAdvanceSlotToDrained:
    case MigrationStep::kCloseSource:
    case MigrationStep::kReopenSource:
    case MigrationStep::kRevokeDestination:
    case MigrationStep::kDisableForward:
    case MigrationStep::kMakeReverseSubscription:
    case MigrationStep::kDropForwardSubscription:
    case MigrationStep::kDropForwardSlot:
    case MigrationStep::kTellLoser:
    case MigrationStep::kEndStaleConnections:
    case MigrationStep::kSettleSource:
    case MigrationStep::kSettleDestination:
    case MigrationStep::kCutoverTurn:
      break;
  }
  Unreachable(decision.step);
}

}  // namespace

Status ActOnMigration(const MigrationObservation& seen, const MigrationDecision& decision,
                      MigrationHands hands, Deadline deadline) {
  const model::Token token = seen.token();
  migration::Shard* source = hands.shards.source;
  migration::Shard* destination = hands.shards.destination;
  switch (decision.step) {
    case MigrationStep::kNothing:
    case MigrationStep::kWait:
    case MigrationStep::kAddFinalizer:
    case MigrationStep::kRemoveFinalizer:
    case MigrationStep::kWriteStatus:
    case MigrationStep::kCreateJob:
    case MigrationStep::kDeleteJob:
    case MigrationStep::kPublishTable:
      return ActOnApi(seen, decision, hands, deadline);
    case MigrationStep::kEnterSource:
      return source->Enter(token, seen.migration.status.phase, deadline);
    case MigrationStep::kEnterDestination:
      return destination->Enter(token, seen.migration.status.phase, deadline);
    case MigrationStep::kMakeGate:
      return source->MakeGate(token, deadline);
    case MigrationStep::kMakeGateTriggers:
      return source->MakeGateTriggers(token, deadline);
    case MigrationStep::kMakeReverseSlot:
      return destination->MakeReverseSlot(token, deadline);
    case MigrationStep::kRaiseSequences:
      return RaiseSequences(seen, hands, deadline);
    case MigrationStep::kAdvanceSlotToNow:
      return Advance(seen, hands, deadline);
    case MigrationStep::kAdvanceSlotToDrained:
      return destination->SlotAdvance(token, *seen.destination->gate.row->drained_lsn, deadline);
    case MigrationStep::kCloseSource:
      return source->GateClose(Change(seen, decision, seen.spec->destination), deadline);
    case MigrationStep::kReopenSource:
      return source->GateReopen(Change(seen, decision, seen.spec->source), deadline);
    case MigrationStep::kRevokeDestination: {
      const auto revoked =
          destination->GateRevoke(token, {seen.migration.status.attempt}, deadline);
      return revoked ? Ok() : Status(revoked.error());
    }
    case MigrationStep::kDisableForward:
      return destination->DisableForward(token, deadline);
    case MigrationStep::kMakeReverseSubscription:
      return source->MakeReverseSubscription(token, *seen.destination->gate.row->drained_lsn,
                                             deadline);
    case MigrationStep::kDropForwardSubscription:
      return destination->DropForwardSubscription(token, deadline);
    case MigrationStep::kDropForwardSlot:
      return source->DropForwardSlot(token, deadline);
    case MigrationStep::kTellLoser: {
      const bool rolled_back = RolledBack(seen);
      migration::Shard* loser = rolled_back ? destination : source;
      return loser->TellOwner(token, rolled_back ? seen.spec->source : seen.spec->destination,
                              decision.epoch, deadline);
    }
    case MigrationStep::kEndStaleConnections:
      return EndStaleConnections(seen, hands, deadline);
    case MigrationStep::kSettleSource:
      return source->SettleRange(token, deadline);
    case MigrationStep::kSettleDestination:
      return destination->SettleRange(token, deadline);
    case MigrationStep::kCutoverTurn:
      break;
  }
  Unreachable(decision.step);
}

}  // namespace foreshard::op

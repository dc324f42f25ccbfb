#include <algorithm>

#include "migration/decide.h"

namespace foreshard::migration {
namespace {

SoakDecision Do(SoakStep step) { return {.step = step, .reason = {}}; }

// Why the way back is closed; "": it is open.
std::string WhyNoRollback(const SoakView& seen) {
  if (seen.already_rolled_back) return "AlreadyRolledBack";
  if (seen.identity_changed) return "ShardFailedOver";
  if (!seen.reverse_slot) return "ReverseSlotGone";
  if (!seen.reverse_slot->reserved) return "ReverseSlotLost";
  if (!seen.reverse) return "ReverseStreamNotStarted";
  if (!seen.reverse->enabled || seen.reverse->apply_errors > 0) return "ReverseStreamBroken";
  if (seen.forward || seen.forward_slot) return "ForwardStreamNotGone";
  if (!seen.digested) return "DigestNotCompared";
  if (seen.progress_age > kProgressAgeMax || seen.progress.lag_millis < 0) return "LagUnknown";
  if (seen.progress.lag_millis >= kRollbackLagMax.count()) return "LagTooHigh";
  return {};
}

// The rows first: exactly one shard must own K, whatever a failover lost.
std::optional<SoakDecision> DecideOwner(const SoakView& seen) {
  const model::Epoch next{
      std::max({seen.source.epoch.value, seen.destination.epoch.value, seen.table_epoch.value}) +
      1};
  const bool source_open = seen.source.state == GateState::kOpen;
  if (seen.destination.state == GateState::kOpen) {
    if (!source_open) return std::nullopt;
    return SoakDecision{
        .step = SoakStep::kCloseSource, .epoch = seen.destination.epoch, .reason = "CloseWasLost"};
  }
  // The destination lost its open, and with it all that came after: in the history that survived it
  // never owned K.
  const bool revoked =
      seen.destination.state == GateState::kRevoked && seen.destination.attempt >= seen.attempt;
  if (!revoked) return SoakDecision{.step = SoakStep::kRevoke, .reason = "OpenWasLost"};
  if (!source_open || seen.source.attempt < seen.attempt) {
    return SoakDecision{.step = SoakStep::kReopenSource, .epoch = next, .reason = "OpenWasLost"};
  }
  if (seen.table_says_destination || seen.table_epoch < seen.source.epoch) {
    return SoakDecision{.step = SoakStep::kPublish,
                        .epoch = seen.source.epoch,
                        .owner_is_source = true,
                        .reason = "OpenWasLost"};
  }
  return SoakDecision{.step = SoakStep::kCleanUp, .reason = "OpenWasLost"};
}

// Section 9, in this order without exception.
std::optional<SoakDecision> DecideStreams(const SoakView& seen) {
  if (seen.forward && seen.forward->enabled) return Do(SoakStep::kDisableForward);
  if (seen.forward && seen.forward->worker) {
    return SoakDecision{.step = SoakStep::kWait, .reason = "ForwardWorkerRuns"};
  }
  const bool usable = seen.reverse_slot && seen.reverse_slot->reserved && !seen.identity_changed &&
                      seen.drained_lsn && !seen.already_rolled_back;
  if (usable && !seen.reverse && seen.reverse_slot->confirmed_flush < *seen.drained_lsn) {
    return Do(SoakStep::kAdvanceSlot);
  }
  if (usable && !seen.reverse) return Do(SoakStep::kMakeReverse);
  if (seen.forward) return Do(SoakStep::kDropForward);
  if (seen.forward_slot) return Do(SoakStep::kDropForwardSlot);
  return std::nullopt;
}

}  // namespace

const char* ToString(SoakStep step) {
  switch (step) {
    case SoakStep::kCloseSource:
      return "close_source";
    case SoakStep::kRevoke:
      return "revoke";
    case SoakStep::kReopenSource:
      return "reopen_source";
    case SoakStep::kPublish:
      return "publish";
    case SoakStep::kDisableForward:
      return "forward_off";
    case SoakStep::kAdvanceSlot:
      return "advance_slot";
    case SoakStep::kMakeReverse:
      return "reverse_on";
    case SoakStep::kDropForward:
      return "forward_drop";
    case SoakStep::kDropForwardSlot:
      return "forward_slot_drop";
    case SoakStep::kRollBack:
      return "roll_back";
    case SoakStep::kCleanUp:
      return "clean_up";
    case SoakStep::kWait:
      return "wait";
  }
  Unreachable(step);
}

SoakDecision DecideSoak(const SoakView& seen) {
  if (auto owner = DecideOwner(seen)) return *owner;
  if (auto stream = DecideStreams(seen)) return *stream;

  const std::string closed = WhyNoRollback(seen);
  SoakDecision decision;
  decision.rollback_possible = closed.empty();
  decision.reason = closed;
  if (seen.rollback_asked && closed.empty()) {
    decision.step = SoakStep::kRollBack;
    return decision;
  }
  // Without a reverse stream the two shards may differ by what clients wrote since: nothing to
  // compare.
  const bool compared = seen.digested || !seen.reverse || seen.identity_changed;
  if (seen.over && (compared || seen.deleting)) decision.step = SoakStep::kCleanUp;
  return decision;
}

}  // namespace foreshard::migration

#include "tests/sim/canary.h"

namespace foreshard::sim {

const std::vector<CanaryInfo>& Canaries() {
  static const std::vector<CanaryInfo> all = {
      {Canary::kCutoverWithoutDrain, "no_drain", 50},
      {Canary::kPhaseWrittenBlindly, "blind_phase", 500},
      {Canary::kActBeforePersist, "act_before_persist", 5'000},
      {Canary::kNoToken, "no_token", 10'000},
      {Canary::kTokenIsLeaseOnly, "token_is_lease", 200'000},
      {Canary::kAbortClaimsNothing, "abort_claims_nothing", 50'000, 35'314},
      {Canary::kReopenWithoutRevoke, "reopen_without_revoke", 20'000},
      {Canary::kRevokeIgnoresOpen, "revoke_ignores_open", 200'000},
      {Canary::kReopenLeavesNoMark, "reopen_leaves_no_mark", 200'000},
      {Canary::kSlotNotMoved, "slot_not_moved", 50},
      {Canary::kSlotMovedToNow, "slot_moved_to_now", 500},
      {Canary::kReverseBeforeForwardIsOff, "reverse_before_forward_off", 500},
      {Canary::kReverseSlotTooLate, "reverse_slot_too_late", 500},
      {Canary::kCleanUpWithLiveSlot, "clean_up_with_live_slot", 5'000},
      {Canary::kRetryAfterEffect, "retry_after_effect", 50},
      {Canary::kStaleConnectionsKept, "stale_connections_kept", 5'000},
      {Canary::kLostCloseIsHidden, "lost_close_is_hidden", 50'000},
      {Canary::kOriginBehindTheSlot, "origin_behind_the_slot", 5'000},
      {Canary::kPublisherAhead, "publisher_ahead", 5'000},
      {Canary::kLeasesForgotten, "leases_forgotten", 5'000},
      {Canary::kLoserBelieved, "loser_believed", 50'000},
      {Canary::kRefusalBelieved, "refusal_believed", 50'000},
      {Canary::kSettledRangesRefuse, "settled_ranges_refuse", 50'000},
      {Canary::kDeletedInTheSoak, "deleted_in_the_soak", 5'000},
  };
  return all;
}

std::optional<CanaryInfo> FindCanary(std::string_view name) {
  for (const CanaryInfo& info : Canaries()) {
    if (info.name == name) return info;
  }
  return std::nullopt;
}

fakes::FakeBugs BugsOf(Canary canary) {
  fakes::FakeBugs bugs;
  switch (canary) {
    case Canary::kCutoverWithoutDrain:
      bugs.drained_without_sentinel = true;
      break;
    case Canary::kNoToken:
      bugs.tokens_are_ignored = true;
      break;
    case Canary::kTokenIsLeaseOnly:
      bugs.token_is_lease_only = true;
      break;
    case Canary::kAbortClaimsNothing:
      bugs.abort_leaves_no_token = true;
      break;
    case Canary::kReopenWithoutRevoke:
      bugs.reopen_without_revoke = true;
      break;
    case Canary::kRevokeIgnoresOpen:
      bugs.revoke_ignores_open = true;
      break;
    case Canary::kReopenLeavesNoMark:
      bugs.reopen_leaves_no_mark = true;
      break;
    case Canary::kSlotNotMoved:
      bugs.slot_never_moves = true;
      break;
    case Canary::kSlotMovedToNow:
      bugs.slot_moves_to_now = true;
      break;
    case Canary::kReverseBeforeForwardIsOff:
      bugs.reverse_before_forward_is_off = true;
      break;
    case Canary::kReverseSlotTooLate:
      bugs.reverse_slot_comes_late = true;
      break;
    case Canary::kStaleConnectionsKept:
      bugs.connections_are_kept = true;
      break;
    case Canary::kLostCloseIsHidden:
      bugs.lost_close_is_hidden = true;
      break;
    case Canary::kOriginBehindTheSlot:
      bugs.failovers_are_hidden = true;
      break;
    case Canary::kPublisherAhead:
      bugs.failovers_are_hidden = true;
      break;
    case Canary::kLeasesForgotten:
      bugs.reads_are_not_proven = true;
      break;
    case Canary::kSettledRangesRefuse:
      bugs.settled_ranges_refuse = true;
      break;
    case Canary::kDeletedInTheSoak:
    case Canary::kNone:
    case Canary::kPhaseWrittenBlindly:
    case Canary::kActBeforePersist:
    case Canary::kCleanUpWithLiveSlot:
    case Canary::kRetryAfterEffect:
    case Canary::kLoserBelieved:
    case Canary::kRefusalBelieved:
      break;
  }
  return bugs;
}

fakes::FakeRouterBugs RouterBugsOf(Canary canary) {
  return {.retries_after_effect = canary == Canary::kRetryAfterEffect,
          .forgets_leases = canary == Canary::kLeasesForgotten,
          .believes_the_loser = canary == Canary::kLoserBelieved,
          .believes_refusals = canary == Canary::kRefusalBelieved};
}

}  // namespace foreshard::sim

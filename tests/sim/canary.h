#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/fakes/fake_router.h"
#include "tests/fakes/fake_shard.h"

// Planted bugs with names. Each must be found within its number of seeds, or the simulator is
// blind.

namespace foreshard::sim {

enum class Canary {
  kNone,
  kCutoverWithoutDrain,
  kPhaseWrittenBlindly,
  kActBeforePersist,
  kNoToken,
  kTokenIsLeaseOnly,
  kAbortClaimsNothing,
  kReopenWithoutRevoke,
  kRevokeIgnoresOpen,
  kReopenLeavesNoMark,
  kSlotNotMoved,
  kSlotMovedToNow,
  kReverseBeforeForwardIsOff,
  kReverseSlotTooLate,
  kCleanUpWithLiveSlot,
  kRetryAfterEffect,
  kStaleConnectionsKept,
  kLostCloseIsHidden,
  kOriginBehindTheSlot,
  kPublisherAhead,
  kLeasesForgotten,
  kLoserBelieved,
  kRefusalBelieved,
  kSettledRangesRefuse,
  kDeletedInTheSoak,
};

struct CanaryInfo {
  Canary canary;
  std::string_view name;
  std::int64_t seeds;  // must be found within
  // Tried before all others, because it found a rare one; one like any other when the world
  // changes.
  std::uint64_t tried = 0;
};

const std::vector<CanaryInfo>& Canaries();
std::optional<CanaryInfo> FindCanary(std::string_view name);

fakes::FakeBugs BugsOf(Canary canary);
fakes::FakeRouterBugs RouterBugsOf(Canary canary);

}  // namespace foreshard::sim

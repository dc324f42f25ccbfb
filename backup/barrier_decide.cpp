#include "backup/barrier_decide.h"

#include <algorithm>

#include "backup/limits.h"
#include "base/check.h"

namespace foreshard::backup {
namespace {

// From here on a router may have let its clients go.
MonotonicTime HeldUntil(const BarrierView& view) {
  return *view.hold_asked + std::min(kHoldDeadline, kTransactionPark) - kHoldMargin;
}

bool SameSet(const SetState& before, const SetState& after) {
  return before.set_uid == after.set_uid && before.shards == after.shards &&
         before.epoch == after.epoch && before.routing_table == after.routing_table;
}

// While clients wait.
Loss LossWhileHeld(const BarrierView& view) {
  if (!view.drained) return Loss::kNotDrained;
  const MonotonicTime last = view.points_answered.value_or(view.now);
  if (last >= HeldUntil(view)) return Loss::kHoldRanOut;
  if (view.lock_asked && !view.locked) return Loss::kLock;
  if (view.points_asked && !view.points_answered) return Loss::kPoint;
  return Loss::kNone;
}

// When they go on.
Loss LossAfterwards(const BarrierView& view) {
  if (view.after && !SameSet(view.before, *view.after)) return Loss::kSetChanged;
  if (view.after && !view.after->cutovers.empty()) return Loss::kCutover;
  if (view.failed_over) return Loss::kFailedOver;
  if (!view.archived && view.now >= *view.points_answered + kArchiveLimit) {
    return Loss::kNotArchived;
  }
  if (view.archived && !view.kept && view.now >= *view.archived + kKeepLimit) {
    return Loss::kNotKept;
  }
  return Loss::kNone;
}

Loss LossOf(const BarrierView& view) {
  if (view.failed != Loss::kNone) return view.failed;
  if (!view.before.cutovers.empty()) return Loss::kCutover;
  if (!view.hold_asked) return Loss::kNone;
  if (const Loss loss = LossWhileHeld(view); loss != Loss::kNone) return loss;
  return view.points_answered ? LossAfterwards(view) : Loss::kNone;
}

// Whoever waits is let go first, whatever was lost.
BarrierStep Ending(const BarrierView& view) {
  if (view.lock_asked && !view.unlocked) return BarrierStep::kUnlock;
  if (view.hold_asked && !view.released) return BarrierStep::kRelease;
  return BarrierStep::kLost;
}

BarrierStep Next(const BarrierView& view) {
  if (!view.number) return BarrierStep::kIntent;
  if (!view.hold_asked) return BarrierStep::kHold;
  if (!view.lock_asked) return BarrierStep::kLock;
  if (!view.points_asked) return BarrierStep::kMakePoints;
  if (!view.unlocked) return BarrierStep::kUnlock;
  if (!view.released) return BarrierStep::kRelease;
  if (!view.after) return BarrierStep::kReadState;
  if (!view.switched) return BarrierStep::kSwitchWal;
  if (!view.archived) return BarrierStep::kAwaitArchive;
  return view.kept ? BarrierStep::kKept : BarrierStep::kKeep;
}

}  // namespace

BarrierDecision DecideBarrier(const BarrierView& view) {
  const Loss loss = LossOf(view);
  return {loss == Loss::kNone ? Next(view) : Ending(view), loss};
}

const char* ToString(BarrierStep step) {
  switch (step) {
    case BarrierStep::kIntent:
      return "intent";
    case BarrierStep::kHold:
      return "hold";
    case BarrierStep::kLock:
      return "lock";
    case BarrierStep::kMakePoints:
      return "make points";
    case BarrierStep::kUnlock:
      return "unlock";
    case BarrierStep::kRelease:
      return "release";
    case BarrierStep::kReadState:
      return "read state";
    case BarrierStep::kSwitchWal:
      return "switch WAL";
    case BarrierStep::kAwaitArchive:
      return "await archive";
    case BarrierStep::kKeep:
      return "keep";
    case BarrierStep::kKept:
      return "kept";
    case BarrierStep::kLost:
      return "lost";
  }
  Unreachable(step);
}

const char* ToString(Loss loss) {
  switch (loss) {
    case Loss::kNone:
      return "None";
    case Loss::kCutover:
      return "MigrationInCutover";
    case Loss::kNoIntent:
      return "IntentNotWritten";
    case Loss::kRouters:
      return "RouterSilent";
    case Loss::kNotDrained:
      return "TransactionTooLong";
    case Loss::kHoldRanOut:
      return "HoldRanOut";
    case Loss::kLock:
      return "DecisionsNotLocked";
    case Loss::kPoint:
      return "PointNotMade";
    case Loss::kSetChanged:
      return "SetChanged";
    case Loss::kState:
      return "SetNotRead";
    case Loss::kFailedOver:
      return "FailedOver";
    case Loss::kNotArchived:
      return "WalNotArchived";
    case Loss::kNotKept:
      return "PointNotKept";
  }
  Unreachable(loss);
}

}  // namespace foreshard::backup

#pragma once

#include <optional>
#include <string>

#include "backup/point.h"
#include "base/clock.h"

// What a barrier does next. Pure: the time and all that was seen are fields of the view.
//
// Think of a photograph of a crowd that never stands still. Doors are closed (HOLD), whoever
// is between two rooms gets where he goes (the lock waits for decisions being written, and lets no
// new one in), one picture is taken in each room (restore points), doors open. The pictures are
// worth something only together, and only if no door was opened before the last one was taken.
//
//   intent -> HOLD -> lock all -> a point on each -> unlock -> RELEASE -> look again -> switch WAL
//        \________\_________\_______________\                                             |
//                  lost: unlock -> RELEASE -> the service goes on        archived -> kept <'
//
// What stays true:
//   B1  No point is made before all shards are locked, and no lock ends before all points are made,
//       which each session proves by ending its transaction in good order: a transaction over
//       shards is in all of a kept point or in nothing of it.
//   B2  All parts were answered while the routers still held: whatever a client was told before the
//       point is in it, and nothing that it began after.
//   B3  What is kept can be restored: its WAL is archived, on the server that wrote it.
//   B4  A lost step costs the point, not the service: locks and holds are ended in every case, and
//       end by themselves where even that is lost.

namespace foreshard::backup {

enum class BarrierStep {
  kIntent,      // the number is written, so that it is never used twice
  kHold,        // all routers
  kLock,        // a decision took too long, or a session was lost before all points were made
  kMakePoints,  // on each shard
  kUnlock,
  kRelease,
  kReadState,  // again: what the API says must not have changed
  kSwitchWal,  // so that the last segment is archived now
  kAwaitArchive,
  kKeep,  // the record; from now on it may be restored to
  kKept,  // the end
  kLost,  // the other end; `loss` says why
};

const char* ToString(BarrierStep step);

enum class Loss {
  kNone,
  kCutover,  // a migration holds, or is about to hold, the same ranges
  kNoIntent,
  kRouters,     // one did not answer HOLD: its clients' order would be lost
  kNotDrained,  // a transaction did not end while new ones waited
  kHoldRanOut,
  kLock,  // a decision took too long, or a session was lost before all points were made
  kPoint,
  kSetChanged,  // table, shards or a cutover between the two looks
  kState,       // could not be read
  kFailedOver,  // the server that made the point is no longer primary
  kNotArchived,
  kNotKept,
};

// "MigrationInCutover": the reason of a condition.
const char* ToString(Loss loss);

struct BarrierView {
  MonotonicTime now;
  SetState before;  // read before the barrier began
  std::optional<PointNumber> number;

  std::optional<MonotonicTime> hold_asked;  // just before it was sent
  bool drained = false;                     // all routers said so
  bool lock_asked = false;
  bool locked = false;  // all shards said so
  bool points_asked = false;
  std::optional<MonotonicTime> points_answered;  // all of them, good
  bool unlocked = false;                         // asked
  bool released = false;                         // asked; a router that is silent lets go by itself

  std::optional<SetState> after;
  bool switched = false;
  std::optional<MonotonicTime> archived;  // when the last one was seen
  bool failed_over = false;
  bool kept = false;

  // An effect that is not tried again answered with an error.
  Loss failed = Loss::kNone;
};

struct BarrierDecision {
  BarrierStep step = BarrierStep::kLost;
  Loss loss = Loss::kNone;  // known before the end, while it still cleans up
};

BarrierDecision DecideBarrier(const BarrierView& view);

}  // namespace foreshard::backup

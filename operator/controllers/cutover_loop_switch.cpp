// The effects of an attempt: what is done to shards and routers between HOLD and RELEASE.
#include <algorithm>

#include "base/log.h"
#include "migration/limits.h"
#include "operator/controllers/cutover_loop.h"

namespace foreshard::op {

using migration::CutoverDecision;
using migration::CutoverStep;
using migration::GateSeen;
using migration::GateState;

// An effect that failed may have happened: the next turn looks. Only "someone newer acts" ends the
// loop.
Result<CutoverLoop::Turn> CutoverLoop::AfterEffect(const Status& status) {
  if (status) return Turn::kAgain;
  if (status.error().kind == Error::Kind::kRetry) return Turn::kPause;
  ++report_.fenced;
  return status.error();
}

Result<CutoverLoop::Turn> CutoverLoop::Act(Deadline deadline) {
  decided_ = false;
  const Deadline soon = deadline.Within(clock_, migration::kShardCall);
  const migration::GateChange change{.token = context_.token,
                                     .attempt = context_.attempt,
                                     .owner = decision_.owner_gains ? gain_id() : lose_id(),
                                     .epoch = decision_.epoch};
  switch (decision_.step) {
    case CutoverStep::kHold:
      return HoldRouters(deadline);
    case CutoverStep::kClose:
      if (!close_tried_) close_tried_ = clock_.Monotonic();
      return Close(change, soon);
    case CutoverStep::kTake:
      return Take(change, soon);
    case CutoverStep::kOpen:
      return Open(change, soon);
    case CutoverStep::kRevoke: {
      const Result<GateState> revoked = gain().GateRevoke(context_.token, context_.attempt, soon);
      log::Info("cutover_revoked", {{"migration", context_.spec.name},
                                    {"attempt", context_.attempt.value},
                                    {"reason", decision_.reason},
                                    {"spent_on", spent_on_ == nullptr ? "" : spent_on_}});
      return AfterEffect(revoked ? Ok() : Status(revoked.error()));
    }
    case CutoverStep::kReopen:
      return AfterEffect(lose().GateReopen(change, soon));
    case CutoverStep::kRelease:
      return ReleaseRouters(deadline);
    case CutoverStep::kPublish:
    case CutoverStep::kMoveTo:
    case CutoverStep::kWait:
      return Turn::kDone;
  }
  Unreachable(decision_.step);
}

Result<CutoverLoop::Turn> CutoverLoop::Close(const migration::GateChange& change,
                                             Deadline deadline) {
  const Status closed = lose().GateClose(change, deadline);
  if (closed) Answered(GateState::kClosed, seen_.lose, change);
  return AfterEffect(closed);
}

// Between HOLD and RELEASE clients wait for every round trip: what a shard has just answered is not
// asked again. The gate functions check everything that their step depends on themselves.
void CutoverLoop::Answered(GateState state, GateSeen& side, const migration::GateChange& change) {
  known_ = true;
  (state == GateState::kOpen ? open_confirmed_ : close_confirmed_) = true;
  side.row->state = state;
  side.row->attempt = context_.attempt;
  side.range = {.owner = change.owner, .epoch = change.epoch};
}

// No sentinel in all that time: then the losing shard is looked at again, too. An asynchronous
// standby may have taken over there and lost the close.
Result<CutoverLoop::Turn> CutoverLoop::Take(const migration::GateChange& change,
                                            Deadline deadline) {
  const Result<bool> taken = gain().GateTake(change, migration::kTakeWait, deadline);
  if (!taken) return AfterEffect(taken.error());
  if (!*taken) return Turn::kPause;
  Answered(GateState::kOpen, seen_.gain, change);
  return Turn::kAgain;
}

Result<CutoverLoop::Turn> CutoverLoop::Open(const migration::GateChange& change,
                                            Deadline deadline) {
  const Status opened = gain().GateOpen(change, deadline);
  if (opened) Answered(GateState::kOpen, seen_.gain, change);
  return AfterEffect(opened);
}

Result<CutoverLoop::Turn> CutoverLoop::HoldRouters(Deadline deadline) {
  const bool renewal = held_at_.has_value();
  const HoldRequest request{
      .migration = context_.spec.name,
      .number = context_.spec.number,
      .ranges = RangesOf(context_.spec),
      .keys = context_.spec.keys,
      .epoch = context_.table.epoch,
      .deadline = migration::kHoldDeadline,
      .drain = renewal ? std::chrono::milliseconds(0) : migration::kHoldDrain};
  renewed_at_ = clock_.Monotonic();
  if (!held_at_) held_at_ = renewed_at_;
  const auto replies =
      routers_.Hold(awake_, request, deadline.Within(clock_, migration::kHoldAnswer));
  if (!renewal) {
    report_.routers_held = static_cast<int>(
        std::count_if(replies.begin(), replies.end(), [](const RouterReply<HoldAnswer>& reply) {
          return reply.answer && reply.answer->drained;
        }));
    known_ = true;
  }
  return Turn::kAgain;
}

Result<CutoverLoop::Turn> CutoverLoop::ReleaseRouters(Deadline deadline) {
  const Result<model::RoutingTable> table = TableAfter(decision_);
  ReleaseRequest request{
      .migration = context_.spec.name, .number = context_.spec.number, .table = {}};
  if (table) request.table = *table;
  const auto replies =
      routers_.Release(awake_, request, deadline.Within(clock_, migration::kReleaseAnswer));
  if (held_at_ && report_.hold.count() == 0) {
    report_.hold =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Monotonic() - *held_at_);
  }
  for (const auto& reply : replies) {
    if (!reply.answer) continue;
    ++report_.routers_released;
    report_.parked += reply.answer->released;
  }
  // Those that were silent before: told, never waited for long. FS001 teaches whom this does not
  // reach.
  if (!silent_.empty()) {
    routers_.Release(silent_, request, deadline.Within(clock_, migration::kHoldAnswer));
  }
  released_ = true;
  return Turn::kAgain;
}

Result<model::RoutingTable> CutoverLoop::TableAfter(const CutoverDecision& decision) const {
  const model::ShardId& owner = decision.owner_gains ? gain_id() : lose_id();
  return WithOwnerOfK(context_.table, context_.spec, owner, decision.epoch);
}

}  // namespace foreshard::op

#include "operator/controllers/cutover_loop.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "migration/limits.h"

namespace foreshard::op {

using migration::CutoverDecision;
using migration::CutoverStep;
using migration::GateSeen;
using migration::GateState;
using migration::Phase;

const char* CutoverLoop::ToString(Stage stage) {
  switch (stage) {
    case Stage::kEntry:
      return "entry";
    case Stage::kMarkLeased:
      return "mark_leased";
    case Stage::kLease:
      return "lease";
    case Stage::kEndConnections:
      return "end_connections";
    case Stage::kReconnect:
      return "reconnect";
    case Stage::kRehearse:
      return "rehearse";
    case Stage::kProbe:
      return "probe";
    case Stage::kSwitch:
      return "switch";
  }
  Unreachable(stage);
}

CutoverLoop::CutoverLoop(CutoverContext context, migration::Shard& source,
                         migration::Shard& destination, RouterControl& routers, const Clock& clock)
    : context_(std::move(context)),
      source_(source),
      destination_(destination),
      routers_(routers),
      clock_(clock) {}

migration::Shard& CutoverLoop::gain() {
  return context_.phase == Phase::kCutover ? destination_ : source_;
}

migration::Shard& CutoverLoop::lose() {
  return context_.phase == Phase::kCutover ? source_ : destination_;
}

const model::ShardId& CutoverLoop::gain_id() const {
  return context_.phase == Phase::kCutover ? context_.spec.destination : context_.spec.source;
}

const model::ShardId& CutoverLoop::lose_id() const {
  return context_.phase == Phase::kCutover ? context_.spec.source : context_.spec.destination;
}

// Clients wait from HOLD to RELEASE: what for, is kept.
Result<CutoverLoop::Turn> CutoverLoop::Step(Deadline deadline) {
  const bool timed = stage_ == Stage::kSwitch && !released_;
  const std::string step = decided_ ? migration::ToString(decision_.step) : "look";
  const MonotonicTime begin = clock_.Monotonic();
  if (timed && held_at_) Spent("pause", turn_ended_, begin);
  const Result<Turn> turn = TakeTurn(deadline);
  turn_ended_ = clock_.Monotonic();
  if (timed && held_at_) Spent(step, begin, turn_ended_);
  return turn;
}

void CutoverLoop::Spent(const std::string& step, MonotonicTime from, MonotonicTime to) {
  report_.steps[step] += std::chrono::duration_cast<std::chrono::microseconds>(to - from);
}

Result<CutoverLoop::Turn> CutoverLoop::TakeTurn(Deadline deadline) {
  switch (stage_) {
    case Stage::kEntry:
      return Enter(deadline);
    case Stage::kMarkLeased: {
      const Status marked =
          lose().SetLeased(context_.token, true, deadline.Within(clock_, migration::kShardCall));
      if (marked) stage_ = Stage::kLease;
      return AfterEffect(marked);
    }
    case Stage::kLease:
      return LeaseReads(deadline);
    case Stage::kEndConnections:
      return EndConnections(deadline);
    case Stage::kReconnect:
      return Reconnect(deadline);
    case Stage::kRehearse:
      return Rehearse(deadline);
    case Stage::kProbe:
      return Probe(deadline);
    case Stage::kSwitch:
      return decided_ ? Act(deadline) : Look(deadline);
  }
  Unreachable(stage_);
}

Result<CutoverDecision> CutoverLoop::Run(
    const std::function<bool(std::chrono::milliseconds)>& pause, Deadline deadline) {
  std::string last_problem = "none";
  for (;;) {
    const Result<Turn> turn = Step(deadline);
    if (!turn) last_problem = turn.error().message;
    // A lost reply or a busy lock: look again, here. Going back to the API server would make
    // clients wait for it.
    if (!turn &&
        (turn.error().kind == Error::Kind::kFenced || turn.error().kind == Error::Kind::kGiveUp)) {
      return turn.error();
    }
    if (deadline.Passed(clock_)) {
      return Error::Reobserve(
          fmt::format("the attempt did not come to an end in time; stage: {}; last problem: {}",
                      ToString(stage_), last_problem));
    }
    if (turn && *turn == Turn::kDone) return decision_;
    if (turn && *turn == Turn::kAgain) continue;
    if (!pause(migration::kPollPause)) return Error::Reobserve("the process is to end");
  }
}

// An attempt that is under way already (another leader began it) goes on at once: clients may wait.
Result<CutoverLoop::Turn> CutoverLoop::Enter(Deadline deadline) {
  const Result<GateSeen> seen =
      lose().LookAtGate(context_.attempt, deadline.Within(clock_, migration::kShardCall));
  if (!seen) return seen.error();
  if (!seen->row) return Error::Reobserve("the losing shard has no row of this migration");
  const bool fresh = seen->row->state == GateState::kOpen &&
                     seen->row->attempt < context_.attempt && !context_.abort_asked;
  stage_ = fresh ? Stage::kMarkLeased : Stage::kSwitch;  // an abort needs no leases
  if (!fresh) awake_ = routers_.Routers();
  probe_seq_ = std::int64_t{context_.attempt.value} * 1'000'000;  // above those of the mover
  return Turn::kAgain;
}

// From here on no router reads K on the losing shard without asking it: who hears this checks each
// read, who does not loses its connections and learns at the next one. The shard is asked who is
// connected, not the API server: a router whose pod is being deleted may serve for a long time.
Result<CutoverLoop::Turn> CutoverLoop::LeaseReads(Deadline deadline) {
  const LeaseRequest request{.number = context_.spec.number,
                             .leased = true,
                             .ranges = RangesOf(context_.spec),
                             .keys = context_.spec.keys,
                             .excluded = context_.spec.excluded_keys,
                             .gaining = gain_id()};
  const auto replies = routers_.Lease(routers_.Routers(), request,
                                      deadline.Within(clock_, migration::kReleaseAnswer));
  awake_.clear();
  silent_.clear();
  for (const auto& reply : replies) {
    (reply.answer ? awake_ : silent_).push_back(reply.router);
  }
  stage_ = Stage::kEndConnections;
  return Turn::kAgain;
}

// Politely at first: what is in flight ends by itself, and a connection that is new knows.
Result<CutoverLoop::Turn> CutoverLoop::EndConnections(Deadline deadline) {
  const MonotonicTime now = clock_.Monotonic();
  if (!ending_since_) ending_since_ = now;
  const bool force = now - *ending_since_ >= migration::kSilentTransaction;
  const Result<migration::EndedConnections> ended =
      lose().EndConnectionsExcept(context_.token, awake_, connected_before_, force,
                                  deadline.Within(clock_, migration::kReleaseAnswer));
  if (!ended) return AfterEffect(ended.error());
  connected_before_ = ended->before;
  const bool some = std::exchange(ended_some_, ended_some_ || ended->left > 0);
  if (ended->left > 0) return Turn::kPause;
  stage_ = some ? Stage::kReconnect : Stage::kRehearse;
  all_ended_at_ = last_came_at_ = clock_.Monotonic();
  return some ? Turn::kPause : Turn::kAgain;
}

// Many logins at once take their time.
Result<CutoverLoop::Turn> CutoverLoop::Reconnect(Deadline deadline) {
  const MonotonicTime now = clock_.Monotonic();
  if (now - all_ended_at_ >= migration::kSilentReconnect ||
      now - last_came_at_ >= migration::kSilentRest) {
    stage_ = Stage::kRehearse;
    return Turn::kAgain;
  }
  if (now - last_look_at_ < migration::kSilentLook) return Turn::kPause;
  last_look_at_ = now;
  const Result<migration::EndedConnections> ended =
      lose().EndConnectionsExcept(context_.token, awake_, connected_before_, false,
                                  deadline.Within(clock_, migration::kReleaseAnswer));
  if (!ended) return AfterEffect(ended.error());
  if (std::exchange(came_, ended->came) != ended->came) last_came_at_ = clock_.Monotonic();
  return Turn::kPause;
}

// Nothing but speed depends on it. A shard that cannot be reached stops the probe, and one whose
// functions an older operator made is slow.
Result<CutoverLoop::Turn> CutoverLoop::Rehearse(Deadline deadline) {
  for (migration::Shard* shard : {&lose(), &gain()}) {
    const Status rehearsed = shard->RehearseGates(deadline.Within(clock_, migration::kShardCall));
    if (!rehearsed) log::Debug("cutover_not_rehearsed", {{"reason", rehearsed.error().message}});
  }
  stage_ = Stage::kProbe;
  return Turn::kAgain;
}

// The stream must be quick at this very moment: an apply worker that rests after an error would
// cost the whole budget.
Result<CutoverLoop::Turn> CutoverLoop::Probe(Deadline deadline) {
  const Deadline soon = deadline.Within(clock_, migration::kShardCall);
  if (!probe_sent_) {
    const Status written = lose().WriteProbe(context_.token, probe_seq_ + 1, soon);
    if (written) {
      ++probe_seq_;
      probe_sent_ = clock_.Monotonic();
    }
    return AfterEffect(written);
  }
  const Result<GateSeen> seen = gain().LookAtGate(context_.attempt, soon);
  if (!seen) return seen.error();
  const auto waited = clock_.Monotonic() - *probe_sent_;
  if (seen->probe < probe_seq_ && waited < 2 * migration::kProbeLagMax) return Turn::kPause;
  if (waited >= migration::kProbeLagMax) lag_too_high_ = true;
  probe_sent_.reset();
  if (++probes_done_ == migration::kProbes || lag_too_high_) stage_ = Stage::kSwitch;
  return Turn::kAgain;
}

bool CutoverLoop::InDoubt(const GateSeen& gain, const GateSeen& lose) const {
  const bool forward = context_.phase == Phase::kCutover;
  const std::string source = IdentityText(forward ? lose.identity : gain.identity);
  const std::string destination = IdentityText(forward ? gain.identity : lose.identity);
  const auto changed = [](const std::string& expected, const std::string& now) {
    return !expected.empty() && !now.empty() && expected != now;
  };
  return changed(context_.source_identity, source) ||
         changed(context_.destination_identity, destination);
}

const char* CutoverLoop::SpentOn(const migration::CutoverView& view) {
  if (lag_too_high_) return "a probe";
  const MonotonicTime now = clock_.Monotonic();
  if (!started_) started_ = now;
  if (now - *started_ >= migration::kAttemptBudget) return "the whole";
  if (view.lose.state == GateState::kOpen) {
    const bool spent = close_tried_ && now - *close_tried_ >= migration::kCloseRetries;
    return spent ? "the close" : nullptr;
  }
  if (view.gain.state == GateState::kDrained || view.gain.sentinel) return nullptr;
  if (!closed_seen_) closed_seen_ = now;
  return now - *closed_seen_ >= migration::kSentinelLimit ? "the sentinel" : nullptr;
}

migration::CutoverView CutoverLoop::View(const GateSeen& gain, const GateSeen& lose) {
  migration::CutoverView view;
  view.phase = context_.phase;
  view.attempt = context_.attempt;
  view.gain = migration::ViewOf(gain);
  view.lose = migration::ViewOf(lose);
  view.table_epoch = context_.table.epoch;
  view.table_says_gain = OwnsK(context_.table, context_.spec, gain_id());
  view.abort_asked = context_.abort_asked;
  view.in_doubt = InDoubt(gain, lose);
  spent_on_ = SpentOn(view);
  view.budget_spent = spent_on_ != nullptr;
  view.close_confirmed = close_confirmed_;
  view.open_confirmed = open_confirmed_;
  view.held = held_at_.has_value();
  view.released = released_;
  return view;
}

// The losing shard first: "open" there and "drained" here, in this order, can only be a close that
// got lost.
Result<CutoverLoop::Gates> CutoverLoop::LookAtBoth(Deadline deadline) {
  const Result<GateSeen> losing = lose().LookAtGate(context_.attempt, deadline);
  if (!losing) return losing.error();
  const Result<GateSeen> gaining = gain().LookAtGate(context_.attempt, deadline);
  if (!gaining) return gaining.error();
  if (!losing->row || !gaining->row) {
    return Error::Reobserve("a shard has no row of this migration");
  }
  return Gates{.lose = *losing, .gain = *gaining};
}

Result<CutoverLoop::Turn> CutoverLoop::Look(Deadline deadline) {
  if (!std::exchange(known_, false)) {
    const Result<Gates> gates = LookAtBoth(deadline.Within(clock_, migration::kShardCall));
    if (!gates) return gates.error();
    seen_ = *gates;
  }
  decision_ = migration::DecideCutover(View(seen_.gain, seen_.lose));
  if (decision_.step == CutoverStep::kPublish || decision_.step == CutoverStep::kMoveTo) {
    return Turn::kDone;
  }
  const bool waits = decision_.step == CutoverStep::kWait || decision_.step == CutoverStep::kTake;
  const bool renew =
      renewed_at_ && !released_ && clock_.Monotonic() - *renewed_at_ >= migration::kHoldRenewal;
  if (waits && renew) decision_ = {.step = CutoverStep::kHold};
  decided_ = decision_.step != CutoverStep::kWait;
  return decided_ ? Turn::kAgain : Turn::kPause;
}

}  // namespace foreshard::op

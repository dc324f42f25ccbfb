#include "bench/cutover_flips/flipper.h"

#include <fmt/format.h>

#include "base/log.h"
#include "bench/cutover_flips/fleet.h"
#include "bench/cutover_flips/flip_state.h"
#include "bench/cutover_flips/records.h"
#include "migration/limits.h"
#include "migration/spec_json.h"
#include "operator/controllers/cutover_loop.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;
using migration::Side;
using migration::SoakStep;

constexpr auto kLook = 20ms;
constexpr auto kAttemptLimit = 20s;

class Flipper {
 public:
  Flipper(const OperatorProcessOptions& options, FlipState state, op::RouterControl& routers,
          const Clock& clock)
      : options_(options),
        clock_(clock),
        routers_(routers),
        records_(options.folder),
        state_(std::move(state)) {
    Open();
  }

  // A look or a few effects of the phase under way. Errors: kGiveUp: the end.
  Status Step() {
    if (state_.flips == state_.wanted) return Error::Retry("all is done");
    if (!entered_) {
      for (migration::PgShard* shard : {source_.get(), destination_.get()}) {
        if (Status done = shard->Enter(token(), state_.phase, Soon()); !done) return done;
      }
      entered_ = true;
    }
    if (state_.phase == "Ready") return Ready();
    if (state_.phase == "Cutover") return Cutover();
    return Soak();
  }

 private:
  model::Token token() const { return model::MakeToken(state_.record, options_.leader); }
  Deadline Soon() const { return Deadline::After(clock_, 20s); }

  void Open() {
    loop_.reset();
    spec_ = FlipSpec(state_.forward);
    const auto open = [&](Side side) {
      const bool first = migration::ShardOf(spec_, side).value == "s-aaaa";
      return std::make_unique<migration::PgShard>(
          migration::PgShardOptions{.spec = spec_,
                                    .side = side,
                                    .conninfo = first ? options_.first : options_.second,
                                    .peer_conninfo = first ? options_.second : options_.first},
          clock_);
    };
    source_ = open(Side::kSource);
    destination_ = open(Side::kDestination);
  }

  // Written before anything is done in it.
  void MoveTo(std::string phase) {
    ++state_.record;
    state_.phase = std::move(phase);
    log::Info("flip_phase", {{"phase", state_.phase},
                             {"record", state_.record},
                             {"attempt", state_.attempt},
                             {"flips", state_.flips}});
    WriteFlipState(options_.folder, state_);
    entered_ = made_ready_ = false;
    loop_.reset();
  }

  // Each direction has a mover of its own.
  Status MoverFirst() {
    if (records_.JobIsDeleted()) return Error::Retry("the other mover ends");
    const auto spec = records_.JobSpec();
    if (!spec) return records_.CreateJob({}, {}, spec_, Soon());
    if (*spec == migration::ToJson(spec_)) return Ok();
    if (Status gone = records_.DeleteJob({}, Soon()); !gone) return gone;
    return Error::Retry("the other mover is to end");
  }

  Status Ready() {
    if (Status mover = MoverFirst(); !mover) return mover;
    if (!made_ready_) {
      if (Status made = source_->MakeGate(token(), Soon()); !made) return made;
      if (Status made = source_->MakeGateTriggers(token(), Soon()); !made) return made;
      if (Status made = destination_->MakeReverseSlot(token(), Soon()); !made) return made;
      if (Status moved = destination_->SlotAdvanceToNow(token(), Soon()); !moved) return moved;
      made_ready_ = true;
    }
    const auto source = source_->Look({state_.attempt}, Soon());
    if (!source) return source.error();
    const auto destination = destination_->Look({state_.attempt}, Soon());
    if (!destination) return destination.error();
    if (!destination->gate.row) return Error::GiveUp("the destination has no row");
    const auto progress = migration::ParseProgress(destination->gate.row->progress);
    if (!progress) return progress.error();
    // The operator waits for thirty quiet seconds; here the last three probes are enough, so that
    // an attempt begins as soon as it can.
    if (destination->progress_age > migration::kProgressAgeMax || progress->lag_last3_millis < 0 ||
        progress->lag_last3_millis >= migration::kProbeLagMax.count())
      return Error::Retry("LagTooHigh");
    if (source->oldest_holder && source->oldest_holder->age > migration::kHolderAgeMax)
      return Error::Retry("BlockedByLongTransaction");
    ++state_.attempt;
    MoveTo("Cutover");
    return Ok();
  }

  Status Cutover() {
    const auto view = records_.ReadSet("bench", "bench", Soon());
    if (!view) return view.error();
    if (!loop_) {
      loop_ =
          std::make_unique<op::CutoverLoop>(op::CutoverContext{.spec = spec_,
                                                               .phase = migration::Phase::kCutover,
                                                               .attempt = {state_.attempt},
                                                               .token = token(),
                                                               .table = *(*view)->table,
                                                               .source_identity = {},
                                                               .destination_identity = {}},
                                            *source_, *destination_, routers_, clock_);
    } else {
      loop_->SetTable(*(*view)->table);
    }
    const auto decision = loop_->Run(
        [](std::chrono::milliseconds duration) { return migration::Pause({}, duration); },
        Deadline::After(clock_, kAttemptLimit));
    if (!decision) return decision.error();
    if (decision->step == migration::CutoverStep::kPublish) {
      const auto table = loop_->TableAfter(*decision);
      if (!table) return table.error();
      return records_.PublishTable("bench", *table, (*view)->table_version, Soon());
    }
    if (decision->next == migration::Phase::kSoaking) {
      state_.hold_millis.push_back(loop_->report().hold.count());
      MoveTo("Soaking");
      return Ok();
    }
    log::Warning("flip_revoked", {{"attempt", state_.attempt}, {"reason", decision->reason}});
    ++state_.revoked;
    MoveTo("Ready");
    return Ok();
  }

  Status Soak() {
    const auto view = records_.ReadSet("bench", "bench", Soon());
    if (!view) return view.error();
    const auto source = source_->Look({state_.attempt}, Soon());
    if (!source) return source.error();
    const auto destination = destination_->Look({state_.attempt}, Soon());
    if (!destination) return destination.error();
    const auto& row = destination->gate.row;
    if (!row || !source->gate.row) return Error::GiveUp("a shard has no row");
    const auto progress = migration::ParseProgress(row->progress);
    if (!progress) return progress.error();
    if (progress->failure && progress->failure->record == state_.record)
      return Error::GiveUp(progress->failure->reason + ": " + progress->failure->message);
    const migration::SoakView seen{
        .source = migration::ViewOf(source->gate),
        .destination = migration::ViewOf(destination->gate),
        .attempt = {state_.attempt},
        .table_epoch = (*view)->table->epoch,
        .table_says_destination = model::OwnerOfBound(*(*view)->table, "40") == spec_.destination,
        .forward = destination->subscription,
        .forward_slot = source->slot.has_value(),
        .reverse_slot = destination->slot,
        .reverse = source->subscription,
        .drained_lsn = row->drained_lsn,
        .progress = *progress,
        .progress_age = destination->progress_age,
        .digested = progress->done == migration::Done{.phase = "Soaking", .record = state_.record},
        .over = true};
    return Carry(migration::DecideSoak(seen), seen);
  }

  Status Carry(const migration::SoakDecision& decision, const migration::SoakView& seen) {
    switch (decision.step) {
      case SoakStep::kDisableForward:
        return destination_->DisableForward(token(), Soon());
      case SoakStep::kAdvanceSlot:
        return destination_->SlotAdvance(token(), *seen.drained_lsn, Soon());
      case SoakStep::kMakeReverse:
        return source_->MakeReverseSubscription(token(), *seen.drained_lsn, Soon());
      case SoakStep::kDropForward:
        return destination_->DropForwardSubscription(token(), Soon());
      case SoakStep::kDropForwardSlot:
        return source_->DropForwardSlot(token(), Soon());
      case SoakStep::kWait:
        return Error::Retry(decision.reason);
      case SoakStep::kCleanUp:
        if (!seen.reverse) return Error::GiveUp("there is no way back: " + decision.reason);
        return TurnRound();
      case SoakStep::kCloseSource:
      case SoakStep::kRevoke:
      case SoakStep::kReopenSource:
      case SoakStep::kPublish:
      case SoakStep::kRollBack:
        break;
    }
    return Error::GiveUp(fmt::format("a shard that was killed has forgotten what it said: {} {}",
                                     ToString(decision.step), decision.reason));
  }

  Status TurnRound() {
    for (migration::PgShard* shard : {source_.get(), destination_.get()}) {
      if (Status done = shard->SetLeased(token(), false, Soon()); !done) return done;
    }
    ++state_.flips;
    state_.forward = !state_.forward;
    MoveTo("Ready");
    Open();
    return Ok();
  }

  const OperatorProcessOptions& options_;
  const Clock& clock_;
  op::RouterControl& routers_;
  Records records_;
  FlipState state_;
  migration::MigrationSpec spec_;
  std::unique_ptr<migration::PgShard> source_;
  std::unique_ptr<migration::PgShard> destination_;
  std::unique_ptr<op::CutoverLoop> loop_;
  bool entered_ = false;
  bool made_ready_ = false;
};

}  // namespace

int RunFlipperProcess(const OperatorProcessOptions& options) {
  const SystemClock clock;
  const auto control = MakeControl(options, clock);
  const auto state = ReadFlipState(options.folder);
  if (!control || !state) {
    fmt::print(stderr, "{}\n", !control ? control.error().message : state.error().message);
    return 2;
  }
  Flipper flipper(options, *state, **control, clock);
  log::Info("flipper_starts", {{"phase", state->phase}, {"record", state->record}});
  std::string waits_for;
  for (;;) {
    const Status done = flipper.Step();
    if (std::string why = done ? "" : done.error().message; why != waits_for) {
      waits_for = std::move(why);
      log::Info("flip_waits", {{"for", waits_for}});
    }
    if (done) continue;
    if (done.error().kind == Error::Kind::kGiveUp) {
      log::Error("flipper_ends", {{"why", done.error().message}});
      return 3;
    }
    migration::Pause({}, kLook);
  }
}

}  // namespace foreshard::bench

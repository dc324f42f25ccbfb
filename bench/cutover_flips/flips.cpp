#include "bench/cutover_flips/flips.h"

#include <fmt/format.h>

#include "base/log.h"
#include "migration/limits.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;
using migration::Side;

constexpr auto kDeafFor = 300ms;

// Until it works or `limit` has passed; kRetry and kReobserve mean that the world was not ready
// yet.
Status Insist(const Fleet& fleet, std::chrono::milliseconds limit,
              const std::function<Status()>& step) {
  const Deadline end = Deadline::After(fleet.clock(), limit);
  while (true) {
    Status done = step();
    const bool again = !done && (done.error().kind == Error::Kind::kRetry ||
                                 done.error().kind == Error::Kind::kReobserve);
    if (!again || end.Passed(fleet.clock())) return done;
    migration::Pause({}, 5ms);
  }
}

}  // namespace

op::RouterReplies<op::HoldAnswer> TimedControl::Hold(const std::vector<std::string>& routers,
                                                     const op::HoldRequest& request,
                                                     Deadline deadline) {
  if (!held) held = clock_.Monotonic();
  auto replies = inner_.Hold(routers, request, deadline);
  for (const auto& reply : replies) {
    if (!reply.answer) log::Warning("hold_refused", {{"why", reply.answer.error().message}});
    if (reply.answer && reply.answer->drained) ++held_by;
  }
  return replies;
}

op::RouterReplies<op::ReleaseAnswer> TimedControl::Release(const std::vector<std::string>& routers,
                                                           const op::ReleaseRequest& request,
                                                           Deadline deadline) {
  if (!released) released = clock_.Monotonic();
  return inner_.Release(routers, request, deadline);
}

Flips::Flips(Fleet& fleet) : fleet_(fleet), table_(fleet.FirstTable()) {
  for (const bool forward : {true, false}) {
    Pair& pair = pairs_[forward ? 0 : 1];
    pair.spec = fleet.Spec(forward);
    pair.source = fleet.Shard(pair.spec, Side::kSource);
    pair.destination = fleet.Shard(pair.spec, Side::kDestination);
  }
}

migration::MoverOptions Flips::OptionsOf(bool forward) const {
  migration::MoverOptions options;
  options.spec = fleet_.Spec(forward);
  options.source_conninfo = fleet_.Conninfo(forward, "foreshard");
  options.destination_conninfo = fleet_.Conninfo(!forward, "foreshard");
  options.settle = 300ms;
  return options;
}

void Flips::TakeOver(std::int64_t record, std::int32_t attempt, bool forward) {
  record_ = record;
  attempt_ = attempt;
  forward_ = forward;
}

Result<model::Token> Flips::Enter(Pair& pair, std::string_view phase) {
  const model::Token token = model::MakeToken(++record_, 1);
  for (migration::PgShard* shard : {pair.source.get(), pair.destination.get()}) {
    const Status entered =
        Insist(fleet_, 10s, [&] { return shard->Enter(token, phase, fleet_.Soon()); });
    if (!entered) return entered.error();
  }
  return token;
}

Status Flips::Prepare() {
  const migration::MoverOptions options = OptionsOf(true);
  migration::Board board;
  const migration::Work work{options, fleet_.clock(), {}, board};
  migration::Keepers keepers;
  const auto step = [&](migration::Phase phase, const auto& run) -> Status {
    const auto token = Enter(pairs_[0], migration::ToString(phase));
    if (!token) return token.error();
    const migration::Turn turn{phase, *token, *token};
    return Insist(fleet_, 60s, [&] { return run(turn); });
  };
  Status done = step(migration::Phase::kPreparing,
                     [&](const auto& turn) { return migration::Prepare(work, turn, keepers); });
  if (!done) return done;
  done = step(migration::Phase::kCopying,
              [&](const auto& turn) { return migration::Copy(work, turn, keepers); });
  if (!done) return done;
  keepers = {};
  return step(migration::Phase::kCatchingUp,
              [&](const auto& turn) { return migration::CatchUp(work, turn); });
}

Status Flips::WaitForQuietStream(Pair& pair, model::Token token) {
  int quick = 0;
  std::string why;
  const Deadline end = Deadline::After(fleet_.clock(), 120s);
  while (quick < migration::kProbes && !end.Passed(fleet_.clock())) {
    const MonotonicTime begin = fleet_.clock().Monotonic();
    // Above those of the attempt before, below those of the next one: a greater one that is there
    // already would make the wait for this one vain.
    const std::int64_t seq = std::int64_t{attempt_} * 1'000'000 + 500'000 + ++probe_;
    if (Status written = pair.source->WriteProbe(token, seq, fleet_.Soon()); !written)
      return written;
    bool seen = false;
    while (!seen && fleet_.clock().Monotonic() - begin < 5s) {
      const auto gate = pair.destination->LookAtGate({attempt_}, fleet_.Soon());
      if (!gate) return gate.error();
      seen = gate->probe >= seq;
      if (!seen) migration::Pause({}, 1ms);
    }
    const bool small = fleet_.clock().Monotonic() - begin < migration::kProbeLagMax;
    quick = seen && small ? quick + 1 : 0;
    const auto source = pair.source->Look({attempt_}, fleet_.Soon());
    if (!source) return source.error();
    const auto waited = fleet_.clock().Monotonic() - begin;
    if (!small) {
      why = fmt::format("a probe took {} ms",
                        std::chrono::ceil<std::chrono::milliseconds>(waited).count());
    }
    if (source->oldest_holder && source->oldest_holder->age > migration::kHolderAgeMax) {
      quick = 0;
      why = fmt::format("a transaction has held the gate for {} ms",
                        source->oldest_holder->age.count());
    }
    if (quick < migration::kProbes) migration::Pause({}, 20ms);
  }
  if (quick < migration::kProbes) {
    return Error::GiveUp("too busy for a cutover: " + why);
  }
  return Ok();
}

Status Flips::MakeReady(Pair& pair, model::Token token) {
  const std::function<Status()> steps[] = {
      [&] { return pair.source->MakeGate(token, fleet_.Soon()); },
      [&] { return pair.source->MakeGateTriggers(token, fleet_.Soon()); },
      [&] { return pair.destination->MakeReverseSlot(token, fleet_.Soon()); },
      [&] { return pair.destination->SlotAdvanceToNow(token, fleet_.Soon()); },
  };
  for (const auto& step : steps) {
    if (Status done = Insist(fleet_, 30s, step); !done) return done;
  }
  return WaitForQuietStream(pair, token);
}

void Flips::Publish(const model::RoutingTable& table) {
  table_ = table;
  fleet_.WriteTable(1, table);
  late_.emplace_back([this, table](const std::stop_token& stop) {
    migration::Pause(stop, kDeafFor);
    for (int deaf = 2; deaf <= kRouters; ++deaf) fleet_.WriteTable(deaf, table);
  });
}

Result<Flip> Flips::Attempt() {
  Pair& pair = pairs_[forward_ ? 0 : 1];
  const auto ready = Enter(pair, "Ready");
  if (!ready) return ready.error();
  if (Status made = MakeReady(pair, *ready); !made) return made.error();
  const auto token = Enter(pair, "Cutover");
  if (!token) return token.error();

  TimedControl control(fleet_.control(), fleet_.clock());
  op::CutoverLoop loop({.spec = pair.spec,
                        .phase = migration::Phase::kCutover,
                        .attempt = {++attempt_},
                        .token = *token,
                        .table = table_,
                        .source_identity = {},
                        .destination_identity = {}},
                       *pair.source, *pair.destination, control, fleet_.clock());
  const auto pause = [](std::chrono::milliseconds duration) {
    return migration::Pause({}, duration);
  };
  while (true) {
    const auto decision = loop.Run(pause, Deadline::After(fleet_.clock(), 20s));
    if (!decision) return decision.error();
    if (decision->step == migration::CutoverStep::kPublish) {
      const auto table = loop.TableAfter(*decision);
      if (!table) return table.error();
      Publish(*table);
      loop.SetTable(*table);
      continue;
    }
    const bool done = decision->next == migration::Phase::kSoaking;
    if (!done) log::Warning("flip_revoked", {{"attempt", attempt_}, {"reason", decision->reason}});
    const Flip flip{.done = done,
                    .held_by = control.held_by,
                    .parked = loop.report().parked,
                    .held = control.held.value_or(MonotonicTime()),
                    .released = control.released.value_or(MonotonicTime()),
                    .hold = loop.report().hold,
                    .steps = loop.report().steps};
    if (done) {
      if (Status soaked = Soak(pair, *token); !soaked) return soaked.error();
      forward_ = !forward_;
    }
    return flip;
  }
}

// The order of the design, without exception: old stream off, its worker gone, the new slot moved
// over what it brought, the new stream on, the old one dropped.
Status Flips::Soak(Pair& pair, model::Token token) {
  const auto drained = pair.destination->LookAtGate({attempt_}, fleet_.Soon());
  if (!drained) return drained.error();
  if (!drained->row || !drained->row->drained_lsn)
    return Error::GiveUp("the open shard was never drained");
  const std::function<Status()> steps[] = {
      [&] { return pair.destination->DisableForward(token, fleet_.Soon()); },
      [&]() -> Status {
        const auto seen = pair.destination->Look({attempt_}, fleet_.Soon());
        if (!seen) return seen.error();
        const bool works = seen->subscription && seen->subscription->worker;
        return works ? Status(Error::Retry("the worker still runs")) : Ok();
      },
      [&] {
        return pair.destination->SlotAdvance(token, *drained->row->drained_lsn, fleet_.Soon());
      },
      [&] {
        return pair.source->MakeReverseSubscription(token, *drained->row->drained_lsn,
                                                    fleet_.Soon());
      },
      [&] { return pair.destination->DropForwardSubscription(token, fleet_.Soon()); },
      [&] { return pair.source->DropForwardSlot(token, fleet_.Soon()); },
      [&] { return pair.source->SetLeased(token, false, fleet_.Soon()); },
      [&] { return pair.destination->SetLeased(token, false, fleet_.Soon()); },
  };
  for (const auto& step : steps) {
    if (Status done = Insist(fleet_, 30s, step); !done) return done;
  }
  return Ok();
}

Status Flips::Verify() {
  const migration::MoverOptions options = OptionsOf(forward_);
  migration::Board board;
  const migration::Work work{options, fleet_.clock(), {}, board};
  const auto token = Enter(pairs_[forward_ ? 0 : 1], "Verifying");
  if (!token) return token.error();
  const migration::Turn turn{migration::Phase::kVerifying, *token, *token};
  return Insist(fleet_, 60s, [&] { return migration::Verify(work, turn, Side::kSource); });
}

}  // namespace foreshard::bench

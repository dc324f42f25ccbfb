#include "tests/sim/mover_actor.h"

#include <set>

#include "migration/decide.h"
#include "operator/controllers/cutover_loop.h"

namespace foreshard::sim {

using fakes::FakeServer;
using migration::GateState;
using migration::Phase;

MoverActor::MoverActor(migration::MigrationSpec spec, FakeServer& source, FakeServer& destination,
                       const Clock& clock)
    : spec_(std::move(spec)),
      source_(source),
      destination_(destination),
      clock_(clock),
      keys_(fakes::MaskOf(spec_)),
      forward_(migration::StreamName(spec_.number, spec_.source)),
      reverse_(migration::StreamName(spec_.number, spec_.destination)) {}

namespace {

bool OnDestinationOnly(const std::string& name) {
  static const std::set<std::string> names = {
      "gate",     "slot", "prepared", "chunk",   "copied",     "subscription", "caught_up",
      "verified", "lag",  "soak",     "differs", "cleaned_up", "aborted"};
  return names.contains(name);
}

}  // namespace

void MoverActor::Step(Random& random) {
  if (!thought_) {
    thought_ = Think(random);
    return;
  }
  const Thought thought = std::move(*thought_);
  thought_.reset();
  // SELECT token ... FOR SHARE in the transaction of the effect; a session does not survive its
  // server.
  const bool ours = source_.TokenIs(spec_.number.value, thought.source_token) &&
                    destination_.TokenIs(spec_.number.value, thought.destination_token) &&
                    source_.timeline == thought.source_timeline &&
                    destination_.timeline == thought.destination_timeline;
  if (!ours) return;
  on_event("mover " + thought.name);
  thought.effect();
  // It was told that its transactions are on the standbys.
  destination_.Confirm();
  if (!OnDestinationOnly(thought.name)) source_.Confirm();
}

std::optional<MoverActor::Thought> MoverActor::Think(Random& random) {
  const std::int32_t number = spec_.number.value;
  const auto source = source_.migrations.find(number);
  const auto destination = destination_.migrations.find(number);
  if (source == source_.migrations.end() || destination == destination_.migrations.end()) return {};
  if (source->second.row.uid != spec_.uid || destination->second.row.uid != spec_.uid) return {};
  if (source->second.row.phase != destination->second.row.phase) return {};
  const auto phase = migration::ParsePhase(source->second.row.phase);
  if (!phase) return {};
  const bool same_keys = source->second.keys == keys_ && destination->second.keys == keys_;
  const bool moved = !destination->second.progress.source_identity.empty();
  if (!same_keys && (*phase != Phase::kAborting || moved)) return {};
  const auto& done = destination->second.progress.done;
  if (done && done->phase == source->second.row.phase &&
      done->record == migration::RecordOf(destination->second.row.token)) {
    if (*phase != Phase::kSoaking) return {};
  }
  std::string name;
  std::optional<Effect> effect;
  switch (*phase) {
    case Phase::kPreparing:
      effect = Prepare(name);
      break;
    case Phase::kCopying:
      effect = Copy(name);
      break;
    case Phase::kCatchingUp:
      effect = CatchUp(name);
      break;
    case Phase::kVerifying:
      effect = Verify(name);
      break;
    case Phase::kReady:
      effect = Measure(name);
      break;
    case Phase::kCutover:
    case Phase::kRollingBack:
      effect = Watch(name);
      break;
    case Phase::kSoaking:
      effect = Soak(name);
      break;
    case Phase::kCleaningUp:
      effect = CleanUp(name);
      break;
    case Phase::kAborting:
      effect = Abort(name);
      break;
    case Phase::kPlanned:
    case Phase::kPreflight:
    case Phase::kCompleted:
    case Phase::kRolledBack:
    case Phase::kAborted:
      break;
  }
  if (*phase != Phase::kCutover && *phase != Phase::kRollingBack) closed_seen_.reset();
  if (!effect) return {};
  (void)random;
  return Thought{.name = std::move(name),
                 .effect = std::move(*effect),
                 .source_token = source->second.row.token,
                 .destination_token = destination->second.row.token,
                 .source_timeline = source_.timeline,
                 .destination_timeline = destination_.timeline};
}

MoverActor::Effect MoverActor::Done() {
  return [this] {
    fakes::FakeMigration& row = Row(destination_);
    row.progress.done =
        migration::Done{.phase = row.row.phase, .record = migration::RecordOf(row.row.token)};
  };
}

bool MoverActor::CaughtUp(FakeServer& from, FakeServer& to, const std::string& stream) const {
  const auto found = to.subscriptions.find(stream);
  return found != to.subscriptions.end() && found->second.worker &&
         found->second.origin == from.wal.size();
}

bool MoverActor::Same() const {
  for (int key = 0; key < fakes::kFakeKeys; ++key) {
    if ((keys_ >> key & 1) == 0) continue;
    const auto a = source_.rows.find(key), b = destination_.rows.find(key);
    if (a == source_.rows.end() || b == destination_.rows.end() || a->second != b->second) {
      return false;
    }
  }
  return true;
}

std::optional<MoverActor::Effect> MoverActor::Prepare(std::string& name) {
  const std::int32_t number = spec_.number.value;
  if (!Row(destination_).gate_triggers) {
    name = "gate";
    return [this] { Row(destination_).gate_triggers = true; };
  }
  if (!source_.publications.contains(number) || !destination_.publications.contains(number)) {
    name = "publication";
    return [this, number] {
      source_.publications.insert(number);
      destination_.publications.insert(number);
    };
  }
  if (!source_.slots.contains(forward_)) {
    name = "slot";
    return [this, number] {
      if (!source_.transactions.empty()) return;  // waits for every open write transaction
      fakes::FakeSlot slot{.number = number, .keys = keys_, .confirmed = source_.wal.size()};
      for (const auto& [key, value] : source_.rows) {
        if ((keys_ >> key & 1) != 0) slot.snapshot.emplace(key, value);
      }
      source_.slots[forward_] = std::move(slot);
      migration::Progress& progress = Row(destination_).progress;
      progress.source_identity = op::IdentityText({source_.id().value, source_.timeline});
      progress.destination_identity =
          op::IdentityText({destination_.id().value, destination_.timeline});
      Row(source_).copied_on_timeline = source_.timeline;
      Row(destination_).copied_on_timeline = destination_.timeline;
    };
  }
  name = "prepared";
  return Done();
}

std::optional<MoverActor::Effect> MoverActor::Copy(std::string& name) {
  const auto slot = source_.slots.find(forward_);
  if (slot == source_.slots.end()) return {};
  for (const auto& [key, value] : slot->second.snapshot) {
    if (destination_.rows.contains(key)) continue;
    name = "chunk";
    return [this, row_key = key, row_value = value] {
      destination_.SetRow(row_key, row_value, true);
      destination_.chunks.insert(spec_.number.value);
    };
  }
  name = "copied";
  return Done();
}

std::optional<MoverActor::Effect> MoverActor::CatchUp(std::string& name) {
  const auto slot = source_.slots.find(forward_);
  if (slot == source_.slots.end()) return {};
  if (!destination_.subscriptions.contains(forward_)) {
    name = "subscription";
    return [this] {
      const auto now = source_.slots.find(forward_);
      if (now == source_.slots.end()) return;
      destination_.subscriptions[forward_] = {.number = spec_.number.value,
                                              .publisher = source_.id().value,
                                              .origin = now->second.confirmed};
    };
  }
  if (!CaughtUp(source_, destination_, forward_)) return {};
  name = "caught_up";
  return Done();
}

std::optional<MoverActor::Effect> MoverActor::Verify(std::string& name) {
  if (!CaughtUp(source_, destination_, forward_)) return {};
  name = "verified";
  return [this] {
    if (!CaughtUp(source_, destination_, forward_)) return;
    if (Same()) {
      Done()();
    } else {
      Differs("digests differ though everything has arrived");
    }
  };
}

// After a failover a gap in the stream is expected, and reported; without one it is our fault.
void MoverActor::Differs(const std::string& what) {
  fakes::FakeMigration& row = Row(destination_);
  const bool failed_over = Row(source_).copied_on_timeline != source_.timeline ||
                           row.copied_on_timeline != destination_.timeline;
  if (!failed_over || source_.bugs().failovers_are_hidden) {
    on_violation(what);
    return;
  }
  row.progress.failure = migration::Failure{.phase = row.row.phase,
                                            .record = migration::RecordOf(row.row.token),
                                            .reason = "DigestMismatch",
                                            .message = {}};
}

void MoverActor::Report(std::int64_t lag_millis) {
  migration::Progress& progress = Row(destination_).progress;
  progress.lag_millis = lag_millis;
  progress.lag_p99_millis = lag_millis;
  progress.lag_last3_millis = lag_millis;
}

std::optional<MoverActor::Effect> MoverActor::Measure(std::string& name) {
  name = "lag";
  return [this] {
    const auto found = destination_.subscriptions.find(forward_);
    const bool runs = found != destination_.subscriptions.end() && found->second.worker;
    const bool near = runs && source_.wal.size() - found->second.origin < 6;
    Report(near ? 5 : 500);
  };
}

std::optional<MoverActor::Effect> MoverActor::Watch(std::string& name) {
  const bool forward = Row(source_).row.phase == ToString(Phase::kCutover);
  FakeServer& gain = forward ? destination_ : source_;
  FakeServer& lose = forward ? source_ : destination_;
  const auto view = [&](FakeServer& server) {
    const migration::MigrationRow& row = Row(server).row;
    return migration::SideView{.state = row.state,
                               .attempt = row.attempt,
                               .epoch = server.ranges.at(spec_.number.value).row.epoch};
  };
  migration::WatchdogView seen{.phase = forward ? Phase::kCutover : Phase::kRollingBack,
                               .gain = view(gain),
                               .lose = view(lose)};
  if (seen.lose.state != GateState::kClosed) {
    closed_seen_.reset();
    return {};
  }
  if (!closed_seen_) closed_seen_ = clock_.Monotonic();
  seen.budget_spent = clock_.Monotonic() - *closed_seen_ >= spec_.cutover_budget;
  const migration::WatchdogDecision decision = migration::DecideWatchdog(seen);
  switch (decision.step) {
    case migration::WatchdogStep::kNothing:
      return {};
    case migration::WatchdogStep::kRevoke:
      name = "revoke";
      return [this, decision, &gain, forward] {
        fakes::FakeShard shard(
            spec_, forward ? migration::Side::kDestination : migration::Side::kSource, gain);
        const Deadline soon = Deadline::After(clock_, std::chrono::seconds(1));
        if (!shard.LookAtGate(decision.attempt, soon)) return;
        // The reply is not trusted: the next look sees.
        if (!shard.GateRevoke(Row(gain).row.token, decision.attempt, soon)) return;
      };
    case migration::WatchdogStep::kReopen:
      name = "reopen";
      return [this, decision, &lose, forward] {
        fakes::FakeShard shard(
            spec_, forward ? migration::Side::kSource : migration::Side::kDestination, lose);
        const Deadline soon = Deadline::After(clock_, std::chrono::seconds(1));
        if (!shard.LookAtGate(decision.attempt, soon)) return;
        if (!shard.GateReopen({.token = Row(lose).row.token,
                               .attempt = decision.attempt,
                               .owner = lose.id(),
                               .epoch = decision.epoch},
                              soon)) {
          return;
        }
      };
  }
  Unreachable(decision.step);
}

std::optional<MoverActor::Effect> MoverActor::Soak(std::string& name) {
  if (!source_.subscriptions.contains(reverse_)) return {};
  name = "soak";
  return [this] {
    const bool near = CaughtUp(destination_, source_, reverse_);
    Report(near ? 5 : 500);
    if (!near) return;
    if (Same()) {
      Done()();
    } else {
      Differs("digests differ in the soak though everything has arrived");
    }
  };
}

}  // namespace foreshard::sim

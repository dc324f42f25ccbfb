#include "tests/sim/decide_only.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "migration/decide.h"
#include "tests/sim/jobs.h"

namespace foreshard::sim {
namespace {

using migration::CutoverDecision;
using migration::CutoverStep;
using migration::GateState;
using migration::Phase;
using migration::SideView;

// The two rows, the sentinel, and the acknowledged writes as a counter on each side.
struct Rows {
  SideView source{.state = GateState::kOpen, .epoch = {1}};
  SideView destination{.state = GateState::kClosed, .epoch = {1}};
  bool sentinel = false;
  bool sentinel_sent = false;
  std::int64_t source_token = 0;
  std::int64_t destination_token = 0;
  std::int64_t table_epoch = 1;
  bool table_says_destination = false;
  int opened = 0;
};

struct Decider {
  std::int64_t token = 0;
  std::optional<CutoverDecision> pending;
  bool held = false;
  bool close_confirmed = false;
  bool open_confirmed = false;
  bool released = false;
  int turns = 0;
};

constexpr model::Attempt kAttempt{1};

bool Claim(std::int64_t& kept, std::int64_t token) {
  if (token < kept) return false;
  kept = token;
  return true;
}

void Act(Rows& rows, Decider& who, Random& random) {
  const CutoverDecision decision = *who.pending;
  who.pending.reset();
  if (random.Chance(0.05)) return;  // nothing happened
  switch (decision.step) {
    case CutoverStep::kHold:
      who.held = true;
      return;
    case CutoverStep::kClose:
      if (!Claim(rows.source_token, who.token)) return;
      who.close_confirmed = rows.source.state == GateState::kClosed && random.Chance(0.9);
      if (rows.source.state != GateState::kOpen || rows.source.attempt >= kAttempt) return;
      rows.source = {.state = GateState::kClosed, .attempt = kAttempt, .epoch = decision.epoch};
      rows.sentinel_sent = true;
      return;
    case CutoverStep::kTake:
      if (!rows.sentinel || !Claim(rows.destination_token, who.token)) return;
      if (rows.destination.attempt >= kAttempt) return;
      rows.destination.attempt = kAttempt;
      rows.destination.state = GateState::kDrained;
      if (random.Chance(0.3)) return;  // an operator of before, that did the two one by one
      rows.destination.state = GateState::kOpen;
      rows.destination.epoch = decision.epoch;
      who.open_confirmed = random.Chance(0.9);
      ++rows.opened;
      return;
    case CutoverStep::kOpen:
      if (!Claim(rows.destination_token, who.token)) return;
      if (rows.destination.state == GateState::kOpen) who.open_confirmed = random.Chance(0.9);
      if (rows.destination.state != GateState::kDrained) return;
      rows.destination.state = GateState::kOpen;
      rows.destination.epoch = decision.epoch;
      who.open_confirmed = random.Chance(0.9);
      ++rows.opened;
      return;
    case CutoverStep::kRevoke:
      if (!Claim(rows.destination_token, who.token)) return;
      if (rows.destination.state == GateState::kOpen) return;
      rows.destination.state = GateState::kRevoked;
      rows.destination.attempt = kAttempt;
      return;
    case CutoverStep::kReopen:
      if (!Claim(rows.source_token, who.token) || rows.source.attempt > kAttempt) return;
      rows.source = {.state = GateState::kOpen, .attempt = kAttempt, .epoch = decision.epoch};
      return;
    case CutoverStep::kRelease:
      who.released = true;
      return;
    case CutoverStep::kPublish:
      rows.table_epoch = std::max(rows.table_epoch + 1, decision.epoch.value);
      rows.table_says_destination = decision.owner_gains;
      return;
    case CutoverStep::kMoveTo:
    case CutoverStep::kWait:
      return;
  }
}

CutoverDecision Look(const Rows& rows, const Decider& who, Random& random) {
  migration::CutoverView view;
  view.attempt = kAttempt;
  view.lose = rows.source;
  view.gain = rows.destination;
  view.gain.sentinel = rows.sentinel;
  view.table_epoch = {rows.table_epoch};
  view.table_says_gain = rows.table_says_destination;
  view.close_confirmed = who.close_confirmed;
  view.open_confirmed = who.open_confirmed;
  view.held = who.held;
  view.released = who.released;
  view.budget_spent = who.turns > 25 || random.Chance(0.03);
  view.abort_asked = random.Chance(0.01);
  return migration::DecideCutover(view);
}

// Nothing: it ended well.
std::optional<std::string> RunOne(std::uint64_t seed) {
  Random random(seed);
  Rows rows;
  std::array<Decider, 2> deciders;
  deciders[0].token = 10;
  deciders[1].token = 11;
  for (int tick = 0; tick < 400; ++tick) {
    if (rows.sentinel_sent && random.Chance(0.2)) rows.sentinel = true;
    if (rows.source.state == GateState::kOpen && rows.destination.state == GateState::kOpen) {
      return "both gates are open";
    }
    Decider& who = deciders[random.Below(2)];
    if (who.pending) {
      Act(rows, who, random);
      continue;
    }
    ++who.turns;
    const CutoverDecision decision = Look(rows, who, random);
    if (decision.step == CutoverStep::kMoveTo) {
      const bool forward = decision.next == Phase::kSoaking;
      const bool open = rows.destination.state == GateState::kOpen;
      if (forward != open) return "moves on against the rows";
      if (rows.source.state == rows.destination.state) return "no side or both sides own the keys";
      return std::nullopt;
    }
    who.pending = decision;
  }
  return "never ends";
}

// How many seeds failed.
std::int64_t RunPart(const RunnerOptions& options, int part) {
  std::int64_t failures = 0;
  const std::uint64_t first = options.first + static_cast<std::uint64_t>(part);
  for (std::uint64_t seed = first; seed <= options.last;
       seed += static_cast<std::uint64_t>(std::max(options.jobs, 1))) {
    const auto wrong = RunOne(seed);
    if (!wrong) continue;
    if (++failures <= 5) {
      fmt::print("FAILED {}: foreshard-dst --decide-only --seed {}\n", *wrong, seed);
    }
  }
  return failures;
}

}  // namespace

int RunDecideOnly(const RunnerOptions& options) {
  std::int64_t failures = 0;
  for (const auto& answer : InProcesses(
           options.jobs, [&](int part) { return std::to_string(RunPart(options, part)); })) {
    failures += answer ? std::stoll(*answer) : 1;
  }
  fmt::print("dst: {} seeds of decisions, {} failures\n", options.last - options.first + 1,
             failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace foreshard::sim

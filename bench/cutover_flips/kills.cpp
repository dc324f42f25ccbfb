#include "bench/cutover_flips/kills.h"

#include <fmt/format.h>

#include <numeric>

#include "base/log.h"

namespace foreshard::bench {

namespace {

using namespace std::chrono_literals;

struct Target {
  const char* phase;
  double weight;
  std::chrono::milliseconds within;  // a blow comes so soon after the phase began
};

// Half of the blows fall where the owner changes.
constexpr std::array kTargets = {
    Target{"Preflight", 0.5, 400ms},  Target{"Preparing", 1, 400ms},
    Target{"Copying", 1, 300ms},      Target{"CatchingUp", 1, 600ms},
    Target{"Verifying", 1, 200ms},    Target{"Ready", 2, 400ms},
    Target{"Cutover", 6, 120ms},      Target{"Soaking", 3, 300ms},
    Target{"CleaningUp", 1.5, 500ms},
};

}  // namespace

const char* ToString(Victim victim) {
  switch (victim) {
    case Victim::kOperator:
      return "operator";
    case Victim::kMover:
      return "mover";
    case Victim::kRouter:
      return "router";
    case Victim::kSource:
      return "source";
    case Victim::kDestination:
      return "destination";
    case Victim::kControlCable:
      return "operator-router";
    case Victim::kShardCable:
      return "router-shards";
  }
  Unreachable(victim);
}

Kills::Kills(Fleet& fleet, Processes& processes, KillsOptions options)
    : fleet_(fleet), processes_(processes), in_place_(options.in_place), random_(options.seed) {
  for (int victim = 0; victim < kVictims; ++victim) {
    if (victim < kProcesses ? options.kill : options.partition)
      victims_.push_back(static_cast<Victim>(victim));
  }
}

void Kills::Plan(bool forward) {
  forward_ = forward;
  blows_.clear();
  phase_.clear();
  std::vector<double> weights;
  for (const Target& target : kTargets) {
    const std::string_view phase = target.phase;
    const bool flips = phase == "Ready" || phase == "Cutover" || phase == "Soaking";
    weights.push_back(flips || !in_place_ ? target.weight : 0);
  }
  const int count = static_cast<int>(random_.Between(1, 3));
  for (int i = 0; i < count; ++i) {
    const Target& target = kTargets[random_.Weighted(weights)];
    const Victim victim = victims_[random_.Below(victims_.size())];
    const int first = victim == Victim::kShardCable ? 2 : 1;  // the deaf ones have cables
    blows_.push_back({.victim = victim,
                      .phase = target.phase,
                      .after = std::chrono::milliseconds(random_.Between(0, target.within.count())),
                      .dead = std::chrono::milliseconds(random_.Between(0, 1'500)),
                      .router = static_cast<int>(random_.Between(first, kRouters))});
  }
}

bool Kills::IsDead(const Blow& blow) const {
  return std::any_of(dead_.begin(), dead_.end(), [&](const Dead& dead) {
    const bool by_router = blow.victim == Victim::kRouter || blow.victim == Victim::kShardCable;
    return dead.victim == blow.victim && (!by_router || dead.router == blow.router);
  });
}

void Kills::Strike(Blow& blow) {
  blow.struck = true;
  if (IsDead(blow)) return;
  switch (blow.victim) {
    case Victim::kOperator:
      if (!processes_.KillOperator()) return;
      break;
    case Victim::kMover:
      if (!processes_.KillMover()) return;
      break;
    case Victim::kRouter:
      fleet_.KillRouter(blow.router);
      break;
    case Victim::kSource:
    case Victim::kDestination:
      fleet_.KillShard(First(blow.victim));
      break;
    case Victim::kControlCable:
      fleet_.CutControl();
      break;
    case Victim::kShardCable:
      fleet_.CutShards(blow.router);
      break;
  }
  log::Info("blow", {{"victim", ToString(blow.victim)},
                     {"phase", blow.phase},
                     {"after_millis", blow.after.count()},
                     {"dead_millis", blow.dead.count()}});
  ++counts_[static_cast<std::size_t>(blow.victim)];
  // The mover is started again by its Job, at once.
  if (blow.victim == Victim::kMover) return;
  dead_.push_back({.victim = blow.victim,
                   .router = blow.router,
                   .first = First(blow.victim),
                   .back = fleet_.clock().Monotonic() + blow.dead});
}

Status Kills::Revive(const Dead& dead) {
  log::Info("back", {{"victim", ToString(dead.victim)}});
  switch (dead.victim) {
    case Victim::kOperator:
      return processes_.StartOperator();
    case Victim::kRouter:
      return fleet_.ReviveRouter(dead.router);
    case Victim::kSource:
    case Victim::kDestination:
      return fleet_.ReviveShard(dead.first);
    case Victim::kMover:
      return Ok();
    case Victim::kControlCable:
      fleet_.HealControl();
      return Ok();
    case Victim::kShardCable:
      fleet_.HealShards(dead.router);
      return Ok();
  }
  Unreachable(dead.victim);
}

Status Kills::Tick(const std::string& phase) {
  const MonotonicTime now = fleet_.clock().Monotonic();
  if (phase != phase_) {
    phase_ = phase;
    entered_ = now;
  }
  for (Blow& blow : blows_) {
    if (!blow.struck && blow.phase == phase && now - entered_ >= blow.after) Strike(blow);
  }
  for (std::size_t i = 0; i < dead_.size();) {
    if (dead_[i].back > now) {
      ++i;
      continue;
    }
    const Dead dead = dead_[i];
    dead_.erase(dead_.begin() + static_cast<std::ptrdiff_t>(i));
    if (Status back = Revive(dead); !back) return back;
  }
  return Ok();
}

Status Kills::End() {
  blows_.clear();
  for (const Dead& dead : std::exchange(dead_, {})) {
    if (Status back = Revive(dead); !back) return back;
  }
  return Ok();
}

std::int64_t Kills::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::int64_t{0});
}

std::string Kills::Story() const {
  std::string story;
  for (const Blow& blow : blows_) {
    story += fmt::format("{}{} {} ms into {}, dead for {} ms{}; ", ToString(blow.victim),
                         blow.victim == Victim::kRouter || blow.victim == Victim::kShardCable
                             ? fmt::format(" {}", blow.router)
                             : "",
                         blow.after.count(), blow.phase, blow.dead.count(),
                         blow.struck ? "" : " (not yet)");
  }
  return story;
}

}  // namespace foreshard::bench

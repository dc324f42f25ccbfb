#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/actors.h"
#include "tests/sim/world.h"

namespace foreshard::sim {

using fakes::CallFault;
using migration::Phase;

const std::vector<std::string>& FaultNames() {
  static const std::vector<std::string> names = {
      "before",     "after",       "stale",          "operator_crash", "operator_pause",
      "lease",      "deaf_router", "router_restart", "mover_kill",     "failover",
      "clock_jump", "slow_stream", "worker_restart", "lost_reply",     "people",
      "preflight",  "unconfirmed", "cable_cut"};
  return names;
}

void World::DrawFaults() {
  if (random_.Chance(0.3)) switching_tick_micros_ = random_.Between(700, 4'000);
  // Else a migration is seldom given up for its cutovers: all of them must fail.
  if (random_.Chance(0.04)) switching_tick_micros_ = 40'000;
  const std::array<std::pair<double*, double>, 17> faults = {{{&rates_.before, 0.08},
                                                              {&rates_.after, 0.08},
                                                              {&rates_.stale, 0.3},
                                                              {&rates_.operator_crash, 0.06},
                                                              {&rates_.operator_pause, 0.08},
                                                              {&rates_.lease_change, 0.15},
                                                              {&rates_.deaf_router, 0.2},
                                                              {&rates_.router_restart, 0.1},
                                                              {&rates_.mover_kill, 0.1},
                                                              {&rates_.failover, 0.03},
                                                              {&rates_.clock_jump, 0.05},
                                                              {&rates_.slow_stream, 0.8},
                                                              {&rates_.worker_restart, 0.1},
                                                              {&rates_.lost_reply, 0.2},
                                                              {&rates_.people, 0.3},
                                                              {&rates_.preflight_refused, 0.1},
                                                              {&rates_.unconfirmed, 0.3}}};
  for (std::size_t index = 0; index < faults.size(); ++index) {
    const bool on = random_.Chance(0.5);
    const double rate = random_.Unit() * faults[index].second;
    if (on && !options_.without.contains(FaultNames()[index])) *faults[index].first = rate;
  }
  const bool cuts = cables_.Chance(0.3);
  const double cut = cables_.Unit() * 0.02;
  if (cuts && !options_.without.contains("cable_cut")) cable_cut_ = cut;
  if (options_.late_effects && random_.Chance(0.5)) rates_.late = random_.Unit() * 0.08;
}

CallFault World::DrawCallFault(std::string_view call) {
  if (!faults_on_) return CallFault::kNone;
  const double draw = random_.Unit();
  if (draw < rates_.before) {
    coverage_.Hit(fmt::format("before.{}", call));
    return CallFault::kBefore;
  }
  if (draw < rates_.before + rates_.after) {
    coverage_.Hit(fmt::format("after.{}", call));
    return CallFault::kAfter;
  }
  if (draw > 1 - rates_.late) {
    coverage_.Hit(fmt::format("late.{}", call));
    return CallFault::kLate;
  }
  return CallFault::kNone;
}

void World::StepLateEffects() {
  for (std::size_t at = 0; at < late_effects_.size();) {
    if (late_effects_[at].due > tick_) {
      ++at;
      continue;
    }
    const LateEffect late = std::move(late_effects_[at]);
    late_effects_.erase(late_effects_.begin() + static_cast<std::ptrdiff_t>(at));
    Event("late effect on " + late.shard);
    late.effect();
  }
}

// A shard with a tail is the likelier one: that is when it matters.
void World::FailOverOne() {
  auto at = servers_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.Below(servers_.size())));
  if (!at->second->has_tail() && random_.Chance(0.5)) {
    at = std::find_if(servers_.begin(), servers_.end(),
                      [](const auto& server) { return server.second->has_tail(); });
    if (at == servers_.end()) at = servers_.begin();
  }
  FailOver(*at->second);
}

void World::FailOver(fakes::FakeServer& server) {
  // Two planted bugs of one kind: a failover that nobody notices, of who sends or of who receives.
  const bool sends = !server.slots.empty(), receives = !server.subscriptions.empty();
  if (options_.canary == Canary::kPublisherAhead && (!sends || receives)) return;
  if (options_.canary == Canary::kOriginBehindTheSlot && (sends || !receives)) return;
  const bool keep = keep_slots_ || options_.canary == Canary::kPublisherAhead;
  const bool lost = server.FailOver(random_.Chance(0.7), keep);
  const std::string& id = server.id().value;
  Event(fmt::format("failover of {}{}", id, lost ? ", its tail is lost" : ""));
  if (lost) coverage_.Hit("fault.lost_tail");
  std::erase_if(late_effects_, [&](const LateEffect& late) { return late.shard == id; });
  for (const auto& router : routers_) router->LoseShard(id);
}

// Replies get lost when servers die.
void World::Doom(const model::ShardId& shard) {
  Server(shard).BeginTail();
  if (!faults_on_ || rates_.failover == 0 || doomed_ || !random_.Chance(0.3)) return;
  doomed_ = {shard.value, tick_ + static_cast<int>(random_.Between(1, 60))};
}

void World::StepFaults() {
  if (!faults_on_) return;
  if (doomed_ && tick_ >= doomed_->second) {
    const std::string id = doomed_->first;
    doomed_.reset();
    FailOver(*servers_.at(id));
  }
  const auto at_each_phase = [&](const char* what) {
    for (const std::string& name : state_->Names()) {
      coverage_.Hit(fmt::format("{}.{}", what, PhaseNow(name)));
    }
  };
  if (random_.Chance(rates_.lease_change)) StepLease();
  OperatorActor& victim = *operators_[random_.Below(operators_.size())];
  if (random_.Chance(rates_.operator_crash)) {
    Event(fmt::format("operator {} ends and starts again", victim.index));
    at_each_phase("operator_crash");
    StartOperator(victim);
    if (lease_holder_ == victim.index && random_.Chance(0.5)) StepLease();
  }
  if (random_.Chance(rates_.operator_pause)) Freeze(victim);
  const std::size_t router = random_.Below(routers_.size());
  if (random_.Chance(rates_.deaf_router)) {
    routers_[router]->deaf = true;
    deaf_for_[router] = static_cast<int>(random_.Between(5, 80));
    routers_[router]->unlisted = random_.Chance(0.5);
    Event(fmt::format("router {} hears nothing{}", routers_[router]->name(),
                      routers_[router]->unlisted ? ", and nobody knows of it" : ""));
    at_each_phase("deaf_router");
  }
  if (random_.Chance(rates_.router_restart)) {
    Event(fmt::format("router {} starts again", routers_[router]->name()));
    at_each_phase("router_restart");
    for (const fakes::FakeReply& reply : routers_[router]->Restart()) Deliver(reply);
    const std::size_t back = random_.Below(6);
    routers_[router]->Offer(state_->table(back), state_->table_generation(back));
  }
  if (!movers_.empty() && random_.Chance(rates_.mover_kill)) {
    auto at = movers_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_.Below(movers_.size())));
    coverage_.Hit(fmt::format("mover_kill.{}", PhaseNow(at->first)));
    Event("mover of " + at->first + " is killed");
    movers_.erase(at);
  }
  if (random_.Chance(rates_.failover)) {
    at_each_phase("failover");
    FailOverOne();
  }
  if (random_.Chance(rates_.clock_jump)) {
    coverage_.Hit("fault.clock_jump");
    if (random_.Chance(0.5)) {
      clock_.JumpWall(std::chrono::minutes(random_.Between(-40, 40)));
    } else {
      clock_.Advance(std::chrono::milliseconds(random_.Between(100, 5'000)));
    }
  }
}

void World::StepPerson() {
  const std::vector<std::string> names = state_->Names();
  if (migrations_made_ < 3 && random_.Chance(migrations_made_ == 1 ? 0.03 : 0.01)) {
    AddMigration();
    return;
  }
  if (names.empty()) return;
  const std::string& name = names[random_.Below(names.size())];
  const model::ShardMigration* now = state_->Find(name);
  if (!now->spec.approved && random_.Chance(0.3)) {
    state_->EditSpec(name, [](model::ShardMigration& edit) { edit.spec.approved = true; });
    return;
  }
  if (now->spec.paused && (!faults_on_ || random_.Chance(0.2))) {
    state_->EditSpec(name, [](model::ShardMigration& edit) { edit.spec.paused = false; });
    return;
  }
  const std::string phase = PhaseNow(name);
  if (!faults_on_ || rates_.people == 0) return;
  if (!random_.Chance(phase == "Soaking" ? 0.5 : rates_.people)) return;
  switch (random_.Below(6)) {
    case 0:
      coverage_.Hit("abort." + phase);
      Event("person aborts " + name);
      state_->EditSpec(name, [](model::ShardMigration& edit) { edit.spec.abort = true; });
      return;
    case 1:
      coverage_.Hit("pause." + phase);
      state_->EditSpec(name, [](model::ShardMigration& edit) { edit.spec.paused = true; });
      return;
    case 2:
      coverage_.Hit("delete." + phase);
      Event("person deletes " + name);
      state_->MarkDeleted(name);
      return;
    default:
      if (phase != "Soaking" && random_.Chance(0.7)) return;
      coverage_.Hit("rollback." + phase);
      Event("person rolls back " + name);
      state_->EditSpec(name, [](model::ShardMigration& edit) { edit.spec.rollback = true; });
      return;
  }
}

}  // namespace foreshard::sim

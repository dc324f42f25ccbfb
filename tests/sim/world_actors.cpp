#include <fmt/format.h>

#include <algorithm>

#include "operator/controllers/cutover_loop.h"
#include "tests/sim/actors.h"
#include "tests/sim/world.h"

namespace foreshard::sim {

using fakes::FakeStatement;
using fakes::kFakeKeys;
using migration::Phase;

// Between cutovers time flies, inside one it crawls: the same number of steps either way. It leaps
// where everybody waits: a wall clock that jumped back makes soaks and back-offs long.
void World::StepTime() {
  if (AnySwitching()) {
    clock_.Advance(std::chrono::microseconds(random_.Between(50, switching_tick_micros_)));
  } else if (faults_on_) {
    clock_.Advance(std::chrono::milliseconds(random_.Between(2, 60)));
  } else {
    clock_.Advance(
        std::chrono::milliseconds(random_.Between(2, tick_ - last_move_ > 1'000 ? 10'000 : 1'000)));
  }
}

void World::StepLease() {
  lease_holder_ = 1 - lease_holder_;
  ++lease_transitions_;
  Event(fmt::format("lease goes to operator {} ({})", lease_holder_, lease_transitions_));
}

void World::Freeze(OperatorActor& actor) {
  actor.paused_for = static_cast<int>(random_.Between(5, 120));
  coverage_.Hit("fault.operator_pause");
  if (lease_holder_ == actor.index && random_.Chance(0.7)) StepLease();
}

void World::StepOperator(OperatorActor& actor) {
  if (actor.paused_for > 0) {
    --actor.paused_for;
    return;
  }
  const bool holds = lease_holder_ == actor.index;
  if (holds && actor.transitions != lease_transitions_) {
    actor.transitions = lease_transitions_;
    actor.believes = true;
    for (const std::string& name : state_->Names()) {
      coverage_.Hit("second_leader." + PhaseNow(name));
    }
  }
  if (!holds && actor.believes) {
    // It learns late that its lease ran out: until then both lead. Without faults it learns at
    // once.
    if (!faults_on_ || rates_.operator_pause == 0 || random_.Chance(0.05)) {
      actor.believes = false;
      actor.pending.reset();
    }
  }
  if (!actor.believes) return;
  if (actor.pending) {
    // The worst time to be frozen: it has decided, and acts when the world is another one.
    if (faults_on_ && random_.Chance(rates_.operator_pause)) {
      Freeze(actor);
    } else {
      ActOperator(actor);
    }
    return;
  }
  const std::vector<std::string> names = state_->Names();
  if (names.empty()) return;
  const std::string& name = names[actor.next++ % names.size()];
  auto pass =
      actor.controller->Look({"shop", name}, Deadline::After(clock_, std::chrono::hours(1)));
  if (!pass || !*pass) return;
  const op::MigrationStep step = (*pass)->decision.step;
  coverage_.Hit(std::string("step.") + ToString(step));
  if (step == op::MigrationStep::kWait && !(*pass)->decision.reason.empty()) {
    coverage_.Hit("wait." + (*pass)->decision.reason);
  }
  if (step == op::MigrationStep::kNothing || step == op::MigrationStep::kWait) return;
  actor.pending = std::move(**pass);
}

// A planted bug: the attempt begins before its number is written down.
void World::ActBeforePersist(OperatorActor& actor) {
  const auto& pass = *actor.pending;
  if (!pass.decision.status || pass.decision.status->phase != "Cutover" || !pass.seen.spec) return;
  const model::Token token = model::MakeToken(pass.decision.status->record, actor.transitions);
  const Deadline soon = Deadline::After(clock_, std::chrono::seconds(1));
  fakes::FakeShard source(*pass.seen.spec, migration::Side::kSource,
                          Server(pass.seen.spec->source));
  const model::Attempt attempt{pass.decision.status->attempt};
  if (!source.LookAtGate(attempt, soon)) return;
  if (!source.Enter(token, "Cutover", soon)) return;
  if (!source.GateClose({.token = token,
                         .attempt = attempt,
                         .owner = pass.seen.spec->destination,
                         .epoch = {pass.seen.set->table->epoch.value + 1}},
                        soon)) {
    return;
  }
}

// Which row of section 7.3 an attempt finds.
void World::CoverRows(const op::MigrationController::Pass& pass) {
  if (!pass.seen.source || !pass.seen.destination) return;
  const std::int32_t number = pass.seen.migration.status.number;
  const auto state = [&](const model::ShardId& shard) {
    const auto& rows = Server(shard).migrations;
    const auto found = rows.find(number);
    return found == rows.end() ? "none" : ToString(found->second.row.state);
  };
  const char* source = state(pass.seen.spec->source);
  const char* destination = state(pass.seen.spec->destination);
  const bool forward = pass.seen.phase == Phase::kCutover;
  coverage_.Hit(
      fmt::format("rows.{}.{}", forward ? source : destination, forward ? destination : source));
}

void World::ActOperator(OperatorActor& actor) {
  if (options_.canary == Canary::kActBeforePersist) {
    const bool first = actor.pending->decision.step == op::MigrationStep::kWriteStatus;
    if (first) ActBeforePersist(actor);
    if (first && random_.Chance(0.3)) {  // and the process ends between the two
      actor.pending.reset();
      return;
    }
  }
  const op::MigrationController::Pass& pass = *actor.pending;
  const std::string& name = pass.seen.migration.name;
  const bool turn = pass.decision.step == op::MigrationStep::kCutoverTurn;
  if (turn) CoverRows(pass);
  const auto outcome =
      actor.controller->ActOneTurn(pass, Deadline::After(clock_, std::chrono::hours(1)));
  Event(fmt::format("operator {} {} {}{}: {}", actor.index, name, ToString(pass.decision.step),
                    pass.decision.status ? " " + pass.decision.status->phase : "",
                    outcome ? "ok" : outcome.error().message));
  if (!outcome) {
    coverage_.Hit(std::string("error.") + ToString(outcome.error().kind));
    if (outcome.error().kind == Error::Kind::kFenced) {
      actor.believes = false;  // gives the lease back
      if (lease_holder_ == actor.index) StepLease();
    }
    actor.pending.reset();
    return;
  }
  // Inside a cutover the loop runs on without a look at the API.
  if (turn && random_.Chance(0.7)) return;
  actor.pending.reset();
}

void World::StepMovers() {
  if (movers_.empty()) return;
  auto at = movers_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.Below(movers_.size())));
  at->second->Step(random_);
}

// As the controller of the set: who is in the table, or the destination of a migration that is not
// over.
bool World::IsWanted(const model::ShardId& shard) const {
  for (const model::ShardAddress& listed : state_->table().shards) {
    if (listed.id == shard) return true;
  }
  for (const std::string& name : state_->Names()) {
    const model::ShardMigration& migration = *state_->Find(name);
    const auto phase = migration::ParsePhase(migration.status.phase);
    if (migration.status.destination == shard && !migration.spec.dry_run &&
        !(phase && migration::IsTerminal(*phase)))
      return true;
  }
  return false;
}

void World::MakeShard(const model::ShardId& id) {
  if (gone_.erase(id.value) > 0) {
    Server(id).BeginAgain();
    for (const auto& router : routers_) router->LoseShard(id.value);
  } else {
    MakeServer(id);
  }
  model::ShardStatus status;
  status.id = id;
  status.ready = true;
  state_->set().status.shard_statuses.push_back(std::move(status));
  coverage_.Hit("fleet.made");
  Event(fmt::format("shard {} is made", id));
}

void World::TakeAwayShard(const model::ShardId& id) {
  for (const auto& [key, value] : Server(id).rows) {
    if (model::OwnerOfKey(state_->table(), std::to_string(key)) == id)
      Violate(fmt::format("{} is taken away with key {}", id, key));
  }
  gone_.insert(id.value);
  std::erase_if(state_->set().status.shard_statuses,
                [&](const model::ShardStatus& one) { return one.id == id; });
  coverage_.Hit("fleet.removed");
  Event(fmt::format("shard {} is taken away", id));
}

// The controller of the set and what works for it: shards come and go, one a step.
void World::StepFleet() {
  std::vector<model::ShardId> known;
  for (const std::string& name : state_->Names())
    known.push_back(state_->Find(name)->status.destination);
  for (const model::ShardAddress& listed : state_->table().shards) known.push_back(listed.id);
  for (const model::ShardId& id : known) {
    const bool there = servers_.contains(id.value) && !gone_.contains(id.value);
    if (!id.value.empty() && !there && IsWanted(id)) return MakeShard(id);
  }
  for (const auto& [id, server] : servers_) {
    if (!gone_.contains(id) && !IsWanted({id})) return TakeAwayShard({id});
  }
}

void World::StepKubelet() {
  StepFleet();
  for (auto& [name, job] : state_->jobs()) {
    if (!job.exists) continue;
    // Kubernetes' garbage collector: the Job names its migration by uid as its owner, and a leader
    // of old may make one after that migration has gone.
    const model::ShardMigration* owner = state_->Find(name);
    if (owner == nullptr || owner->uid != job.spec->uid) job.deleting = true;
    if (job.deleting) {
      movers_.erase(name);
      job = {};
      Event("kubelet removes the Job of " + name);
      continue;
    }
    const std::string uid = job.spec->uid;
    if (!job.preflight) {
      const bool refused = faults_on_ && random_.Chance(rates_.preflight_refused);
      job.preflight = migration::PreflightResult{
          .passed = !refused, .reason = refused ? "NoPrimaryKey" : "", .message = "a table"};
      if (refused) coverage_.Hit("fault.preflight_refused");
      continue;
    }
    if (movers_.contains(name) || job.spec->dry_run) continue;
    const std::string& destination = job.spec->destination.value;
    if (!servers_.contains(destination) || gone_.contains(destination)) continue;
    auto mover = std::make_unique<MoverActor>(*job.spec, Server(job.spec->source),
                                              Server(job.spec->destination), clock_);
    mover->clean_up_with_live_slot = options_.canary == Canary::kCleanUpWithLiveSlot;
    mover->on_violation = [this](const std::string& what) { Violate(what); };
    mover->on_event = [this, mover_name = name](const std::string& what) {
      Event(what + " " + mover_name);
    };
    movers_[name] = std::move(mover);
  }
}

// Nobody takes writes of the moving keys.
bool World::BetweenCloseAndOpen() const {
  return std::any_of(servers_.begin(), servers_.end(), [&](const auto& losing) {
    for (const auto& [number, migration] : losing.second->migrations) {
      const auto phase = migration::ParsePhase(migration.row.phase);
      if (!migration.gate_triggers || !phase || !migration::IsSwitching(*phase)) continue;
      const bool taken = std::any_of(servers_.begin(), servers_.end(), [&](const auto& server) {
        return server.second->gates.contains(number);
      });
      if (!taken) return true;
    }
    return false;
  });
}

// The cable comes back, and goes, most where it hurts: while the owner changes.
bool World::IsCut(std::size_t router) {
  if (!faults_on_ || cable_cut_ == 0) return false;
  int& left = cut_for_[router];
  if (left > 0) {
    left = BetweenCloseAndOpen() && cables_.Chance(0.3) ? 0 : left - 1;
    return left > 0;
  }
  if (!cables_.Chance(AnySwitching() ? 10 * cable_cut_ : cable_cut_)) return false;
  left = static_cast<int>(cables_.Between(5, 200));
  if (cables_.Chance(0.5)) {  // nobody else reaches its node either
    routers_[router]->deaf = true;
    deaf_for_[router] = std::max(deaf_for_[router], left);
  }
  coverage_.Hit("fault.cable_cut");
  return true;
}

void World::StepRouters() {
  const std::size_t index = random_.Below(routers_.size());
  fakes::FakeRouter& router = *routers_[index];
  if (deaf_for_[index] > 0 && --deaf_for_[index] == 0) router.deaf = router.unlisted = false;
  if (!router.deaf && random_.Chance(0.3)) {
    const bool late = faults_on_ && random_.Chance(rates_.stale);
    const std::size_t back = late ? random_.Below(4) : 0;
    router.Offer(state_->table(back), state_->table_generation(back));
  }
  const bool unconfirmed = faults_on_ && random_.Chance(rates_.unconfirmed);
  for (const auto& [id, server] : servers_) server->next_commit_is_unconfirmed = unconfirmed;
  if (!IsCut(index)) {
    if (const auto reply = router.Step(random_)) Deliver(*reply);
  }
  for (const auto& [id, server] : servers_) server->next_commit_is_unconfirmed = false;
}

void World::StepStreams() {
  auto at = servers_.begin();
  std::advance(at, static_cast<std::ptrdiff_t>(random_.Below(servers_.size())));
  fakes::FakeServer& server = *at->second;
  if (faults_on_ && random_.Chance(rates_.slow_stream)) return;
  std::vector<std::string> names;
  for (const auto& [name, subscription] : server.subscriptions) names.push_back(name);
  for (const std::string& name : names) {
    fakes::FakeSubscription& subscription = server.subscriptions.at(name);
    if (faults_on_ && subscription.worker && random_.Chance(rates_.worker_restart)) {
      subscription.worker = false;
      coverage_.Hit("fault.worker_restart");
      continue;
    }
    server.StepApply(name, *servers_.at(subscription.publisher),
                     static_cast<int>(random_.Between(1, 12)), random_.Chance(0.3));
  }
}

void World::StepClients() {
  ClientActor& client = *clients_[random_.Below(clients_.size())];
  if (client.waiting) return;
  FakeStatement statement;
  statement.id = next_statement_++;
  statement.key = client.first_key + static_cast<int>(random_.Below(4));
  statement.write = random_.Chance(0.6);
  const auto at = static_cast<std::size_t>(statement.key);
  client.acked_before = acked_[at];
  client.router = random_.Below(routers_.size());
  if (statement.write) ++attempted_[at];
  client.waiting = statement;
  routers_[client.router]->Submit(statement);
}

// S2: every read and every write sees what was acknowledged before it began, and nothing that
// nobody wrote.
void World::Deliver(const fakes::FakeReply& reply) {
  for (const auto& client : clients_) {
    if (!client->waiting || client->waiting->id != reply.statement) continue;
    const FakeStatement statement = *client->waiting;
    client->waiting.reset();
    if (reply.failed) return;
    const auto at = static_cast<std::size_t>(statement.key);
    if (faults_on_ && random_.Chance(rates_.lost_reply)) {
      coverage_.Hit("fault.lost_reply");
      return;
    }
    const std::int64_t least = client->acked_before + (statement.write ? 1 : 0);
    if (reply.value < least || reply.value > attempted_[at]) {
      Violate(fmt::format("{} of key {} gives {}, acknowledged were {}, attempted {}",
                          statement.write ? "write" : "read", statement.key, reply.value,
                          client->acked_before, attempted_[at]));
      return;
    }
    if (statement.write) acked_[at] = std::max(acked_[at], reply.value);
    return;
  }
}

}  // namespace foreshard::sim

#include <fmt/format.h>

#include <algorithm>

#include "operator/api/conditions.h"
#include "tests/sim/actors.h"
#include "tests/sim/world.h"

namespace foreshard::sim {

using fakes::kFakeKeys;
using migration::Phase;
using op::FindCondition;

// S1: of one migration, at most one shard has an open gate.
void World::CheckTick() {
  std::map<std::int32_t, const std::string*> open;
  for (const auto& [id, server] : servers_) {
    for (const std::int32_t number : server->gates) {
      const auto [at, first] = open.emplace(number, &id);
      if (!first) {
        Violate(fmt::format("two shards accept writes of migration {}: {} and {}", number,
                            *at->second, id));
      }
    }
  }
}

// S3: phases move along the picture. S7: records and attempts only grow.
void World::CheckStatus(const model::ShardMigration& before,
                        const model::ShardMigrationStatus& after) {
  const auto from = migration::ParsePhase(before.status.phase);
  const auto to = migration::ParsePhase(after.phase);
  if (!from || !to) {
    Violate("a phase that is none");
    return;
  }
  if (after.record < before.status.record || after.attempt < before.status.attempt) {
    Violate(fmt::format("{}: record {} after {}, attempt {} after {}", before.name, after.record,
                        before.status.record, after.attempt, before.status.attempt));
  }
  if (op::IsTrue(after.conditions, "AutoRollback")) coverage_.Hit("auto_rollback");
  if (*from == *to) return;
  last_move_ = tick_;
  if (*to == Phase::kCompleted || *to == Phase::kRolledBack) {
    coverage_.Hit(fmt::format("type.{}.{}", migration::ToString(before.spec.type), ToString(*to)));
  }
  if (!migration::MayFollow(*from, *to)) {
    Violate(fmt::format("{}: {} after {}", before.name, ToString(*to), ToString(*from)));
  }
  if (after.record != before.status.record + 1) {
    Violate(fmt::format("{}: a move without its record", before.name));
  }
  coverage_.Hit(std::string("phase.") + ToString(*to));
  coverage_.Hit(fmt::format("move.{}.{}", ToString(*from), ToString(*to)));
  if (*to == Phase::kAborting) {
    const model::Condition* why = FindCondition(after.conditions, "Failed");
    if (why == nullptr || why->status != "True") why = FindCondition(after.conditions, "Aborted");
    if (why != nullptr) coverage_.Hit("stop." + why->reason);
  }
}

namespace {

fakes::KeyMask MaskOf(const model::RoutingTable& table, const model::Moving& moving) {
  fakes::KeyMask mask = 0;
  for (int key = 0; key < kFakeKeys; ++key) {
    const std::string text = std::to_string(key);
    const auto& keys = moving.keys;
    const bool in = keys.empty() ? model::ContainsKey(table.key_space, moving.range, text)
                                 : std::find(keys.begin(), keys.end(), text) != keys.end();
    if (in) mask |= fakes::KeyMask{1} << key;
  }
  return mask;
}

}  // namespace

// S5: no gap, no overlap, epochs grow with each change of an owner. S6: no key is moved twice at a
// time.
void World::CheckTable(const model::RoutingTable& before, const model::RoutingTable& after) {
  if (const Status good = model::Validate(after); !good) Violate(good.error().message);
  bool changed = false;
  for (int key = 0; key < kFakeKeys; ++key) {
    const std::string text = std::to_string(key);
    changed = changed || model::OwnerOfKey(before, text) != model::OwnerOfKey(after, text);
  }
  if (after.epoch < before.epoch || (changed && after.epoch == before.epoch)) {
    Violate(fmt::format("epoch {} after {}", after.epoch, before.epoch));
  }
  for (std::size_t a = 0; a < after.moving.size(); ++a) {
    for (std::size_t b = a + 1; b < after.moving.size(); ++b) {
      if ((MaskOf(after, after.moving[a]) & MaskOf(after, after.moving[b])) != 0) {
        Violate(fmt::format("{} and {} move the same keys", after.moving[a].migration,
                            after.moving[b].migration));
      }
    }
  }
  if (changed) coverage_.Hit("table.owner_changed");
  Event(fmt::format("table of epoch {} is published", after.epoch));
}

bool World::Settled() {
  for (const std::string& name : state_->Names()) {
    const model::ShardMigration* now = state_->Find(name);
    const auto phase = migration::ParsePhase(now->status.phase);
    if (!phase || !migration::IsTerminal(*phase) || now->deleting) return false;
    if (now->status.observed_generation != now->generation) return false;
  }
  return true;
}

bool World::AtRest() {
  if (!Settled()) return false;
  if (!state_->table().moving.empty() && !state_->Names().empty()) return false;
  for (const auto& [name, job] : state_->jobs()) {
    if (job.exists) return false;
  }
  const auto pending = [](const auto& actor) { return actor->pending.has_value(); };
  if (std::any_of(operators_.begin(), operators_.end(), pending)) return false;
  return std::all_of(routers_.begin(), routers_.end(),
                     [&](const auto& router) { return router->epoch() == state_->table().epoch; });
}

void World::CheckEnd() {
  for (const std::string& name : state_->Names()) {
    const model::ShardMigration* now = state_->Find(name);
    const auto phase = migration::ParsePhase(now->status.phase);
    const bool over = phase && migration::IsTerminal(*phase);
    if (!over) {
      const model::Condition* why = FindCondition(now->status.conditions, "Completed");
      Violate(fmt::format("{} never ends: {}, {}", name, PhaseNow(name), why ? why->reason : ""));
      return;
    }
    if (now->deleting) Violate(fmt::format("{} is deleted and never goes", name));
    coverage_.Hit("end." + PhaseNow(name));
  }
  const model::RoutingTable& table = state_->table();
  if (!table.moving.empty() && !state_->Names().empty()) {
    Violate("the table still says that keys move");
  }
  CheckKeysAtEnd();
  CheckShardsAtEnd();
  // No flapping: one more round of deciding changes nothing.
  OperatorActor& actor = *operators_[lease_holder_];
  actor.transitions = lease_transitions_;
  for (const std::string& name : state_->Names()) {
    const auto pass =
        actor.controller->Look({"shop", name}, Deadline::After(clock_, std::chrono::hours(1)));
    if (!pass || !*pass || (*pass)->decision.step != op::MigrationStep::kNothing) {
      Violate(fmt::format("{} is over, and the controller still wants to act", name));
    }
  }
}

// Each key is with its owner, who takes writes of it, and with nobody else.
void World::CheckKeysAtEnd() {
  const model::RoutingTable& table = state_->table();
  for (int key = 0; key < kFakeKeys; ++key) {
    const auto at = static_cast<std::size_t>(key);
    const std::string& owner = model::OwnerOfKey(table, std::to_string(key)).value;
    if (servers_.at(owner)->Refuses(key)) {
      Violate(fmt::format("key {} has no writable owner: {} refuses", key, owner));
    }
    for (const auto& [id, server] : servers_) {
      const auto row = server->rows.find(key);
      const bool there = row != server->rows.end();
      if (there != (id == owner)) {
        Violate(fmt::format("key {} is {} on {}, its owner is {}", key, there ? "left" : "missing",
                            id, owner));
      } else if (there && (row->second < acked_[at] || row->second > attempted_[at])) {
        Violate(fmt::format("key {} ends with {}, acknowledged {}, attempted {}", key, row->second,
                            acked_[at], attempted_[at]));
      }
    }
    for (const auto& router : routers_) {
      if (router->OwnerOf(key) != owner) {
        Violate(fmt::format("router {} thinks key {} is on '{}', it is on {}", router->name(), key,
                            router->OwnerOf(key), owner));
      }
    }
  }
}

void World::CheckShardsAtEnd() {
  const model::RoutingTable& table = state_->table();
  for (const auto& [id, server] : servers_) {
    const bool triggers = std::any_of(server->migrations.begin(), server->migrations.end(),
                                      [](const auto& row) { return row.second.gate_triggers; });
    if (!server->slots.empty() || !server->subscriptions.empty() || !server->publications.empty() ||
        !server->gates.empty() || !server->chunks.empty() || triggers) {
      Violate(fmt::format("something is left on {}", id));
    }
  }
  // Who was made for a migration and got nothing costs money for ever.
  for (const std::string& name : state_->Names()) {
    const model::ShardMigration& now = *state_->Find(name);
    const model::ShardId& made = now.status.destination;
    if (!now.spec.destination.value.empty() || made.value.empty()) continue;
    const auto here = [&](const auto& thing) { return thing.shard == made; };
    const bool listed = std::any_of(table.shards.begin(), table.shards.end(),
                                    [&](const auto& shard) { return shard.id == made; });
    const bool used = std::any_of(table.ranges.begin(), table.ranges.end(), here) ||
                      std::any_of(table.pins.begin(), table.pins.end(), here);
    if (listed && !used && PhaseNow(name) != "Completed")
      Violate(fmt::format("shard {} was made for {} and has nothing", made, name));
    if (!listed && used) Violate(fmt::format("shard {} owns keys and is not listed", made));
  }
}

}  // namespace foreshard::sim

#include <algorithm>

#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/status/page.h"
#include "operator/wiring.h"

// The page for people meets the rest of the operator here: it sees the copies and what the last
// passes noted, and reads nothing from the server.

namespace foreshard::op {
namespace {

constexpr std::chrono::seconds kTimeLimit{1};

// A spec that is refused still has a name and a status.
std::optional<model::ShardSet> SetOf(const kube::Object& object) {
  Result<model::ShardSet> set = ParseShardSet(object.json);
  if (!set) set = ParseShardSetFrame(object.json);
  if (!set) return std::nullopt;
  return *std::move(set);
}

}  // namespace

std::optional<std::string> Wiring::Page(const std::string& path) {
  const std::optional<PageRequest> request = ParsePagePath(path);
  if (!request) return std::nullopt;
  const Deadline deadline = Deadline::After(clock_, kTimeLimit);
  const kube::ListOptions where{.name_space = options_.name_space};
  StatusState state;
  state.now = clock_.Wall();
  state.leads = lease_.Leads();
  state.complete = cached_.Synced();  // before, each list would be a read from the server
  if (!state.complete) return StatusPage(state, {.live = request->live});
  const auto sets = cached_.List(kube::kShardSets, where, deadline);
  const auto tables = cached_.List(kube::kRoutingTables, where, deadline);
  const auto migrations = cached_.List(kube::kShardMigrations, where, deadline);
  state.complete = sets.ok() && tables.ok() && migrations.ok();
  if (!state.complete) return StatusPage(state, {.live = request->live});
  std::map<kube::ObjectRef, std::size_t> places;
  for (const kube::Object& object : sets->items) {
    std::optional<model::ShardSet> set = SetOf(object);
    if (!set) continue;
    places[object.ref()] = state.sets.size();
    // Only who leads made passes lately.
    auto loads = state.leads ? loads_.Of(object.ref()) : std::map<model::ShardId, ShardPicture>();
    state.sets.push_back({*std::move(set), {}, {}, std::move(loads)});
  }
  for (const kube::Object& object : tables->items) {
    const auto place = places.find(object.ref());
    if (place == places.end()) continue;
    SetState& one = state.sets[place->second];
    const auto table = ParseRoutingTable(object.json, one.set.spec.sharding.key_space);
    if (table) one.table = *table;
  }
  for (const kube::Object& object : migrations->items) {
    const Result<model::ShardMigration> migration = ParseShardMigrationFrame(object.json);
    if (!migration) continue;
    const auto place = places.find({migration->name_space, migration->spec.shard_set_name});
    if (place != places.end()) state.sets[place->second].migrations.push_back(*migration);
  }
  for (SetState& one : state.sets) {
    std::ranges::stable_sort(one.migrations, std::greater<>(),
                             &model::ShardMigration::creation_timestamp);
  }
  std::ranges::sort(state.sets, {}, [](const SetState& one) {
    return std::pair(one.set.name_space, one.set.name);
  });
  return StatusPage(state, *request);
}

}  // namespace foreshard::op

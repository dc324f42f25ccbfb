#include <algorithm>

#include "migration/phase.h"
#include "model/routing_table.h"
#include "operator/controllers/migration_decide.h"
#include "operator/controllers/migration_time.h"

namespace foreshard::op {

using migration::Phase;

namespace {

// Takes a shard that owns nothing out of the table: then the fleet controller takes it away. False:
// it owns something, or is not there.
bool DropIfEmpty(model::RoutingTable& table, const model::ShardId& shard) {
  if (!model::RangesOf(table, shard).empty()) return false;
  const auto here = [&](const model::Pin& pin) { return pin.shard == shard; };
  if (std::any_of(table.pins.begin(), table.pins.end(), here)) return false;
  const auto is = [&](const model::ShardAddress& known) { return known.id == shard; };
  return std::erase_if(table.shards, is) > 0;
}

// The shard that this migration may leave with nothing: the one it merged away, or the one that was
// made for it and got no keys.
model::ShardId LeftEmpty(const MigrationObservation& seen) {
  const model::ShardMigrationSpec& spec = seen.migration.spec;
  const bool moved = seen.phase == Phase::kCompleted;
  if (spec.dry_run) return {};
  if (spec.type == model::MigrationType::kMerge && moved) return spec.source;
  if (spec.destination.value.empty() && !moved) return seen.migration.status.destination;
  return {};
}

// It leaves the table after the end: until then the controller looks at it. Who moves keys to it or
// from it meanwhile keeps it.
std::optional<MigrationDecision> DropEmpty(const MigrationObservation& seen) {
  const model::ShardId shard = LeftEmpty(seen);
  if (shard.value.empty()) return std::nullopt;
  for (const model::ShardMigration& other : seen.set->migrations) {
    const auto phase = migration::ParsePhase(other.status.phase);
    if (phase && migration::IsTerminal(*phase)) continue;
    if (other.spec.source == shard || other.spec.destination == shard ||
        other.status.destination == shard) {
      return std::nullopt;
    }
  }
  model::RoutingTable next = *seen.set->table;
  if (!DropIfEmpty(next, shard)) return std::nullopt;
  return MigrationDecision{.step = MigrationStep::kPublishTable, .table = std::move(next)};
}

}  // namespace

// What an old leader made once more after the end goes again: its Job, its entry in `moving`.
MigrationDecision DecideTerminal(const MigrationObservation& seen) {
  if (seen.set && seen.set->table) {
    MigrationDecision rest = EndWith(seen, seen.migration.status);
    if (rest.step != MigrationStep::kWriteStatus) return rest;
    if (auto sweep = DropDeadMarks(seen)) return *sweep;
    if (auto drop = DropEmpty(seen)) return *drop;
  }
  const auto& finalizers = seen.migration.finalizers;
  const bool held =
      std::find(finalizers.begin(), finalizers.end(), kMigrationFinalizer) != finalizers.end();
  if (seen.migration.deleting && held) return Do(MigrationStep::kRemoveFinalizer);
  if (seen.migration.status.observed_generation != seen.migration.generation) {
    model::ShardMigrationStatus status = seen.migration.status;
    status.observed_generation = seen.migration.generation;
    return {.step = MigrationStep::kWriteStatus, .status = std::move(status)};
  }
  return Do(MigrationStep::kNothing);
}

}  // namespace foreshard::op

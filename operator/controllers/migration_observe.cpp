#include "operator/controllers/migration_observe.h"

#include <algorithm>

#include "operator/api/conditions.h"
#include "operator/controllers/cutover_loop.h"

namespace foreshard::op {
namespace {

// Pinned keys that lie in the range, wherever they point.
std::vector<std::string> PinnedIn(const model::RoutingTable& table, const model::KeyRange& range) {
  std::vector<std::string> keys;
  for (const model::Pin& pin : table.pins) {
    if (model::ContainsKey(table.key_space, range, pin.key)) keys.push_back(pin.key);
  }
  return keys;
}

Result<migration::HighWater> ReadHighWater(const SetView& set, migration::ShardDirectory& shards,
                                           Deadline deadline) {
  migration::HighWater high;
  for (const model::ShardMigration& other : set.migrations) {
    high.number = std::max(high.number, {other.status.number});
  }
  if (!set.table) return high;
  for (const model::ShardAddress& shard : set.table->shards) {
    const auto seen = shards.ReadHighWater(set.set.name_space, set.set.name, shard.id, deadline);
    if (!seen) return seen.error();
    high.number = std::max(high.number, seen->number);
    high.epoch = std::max(high.epoch, seen->epoch);
  }
  return high;
}

}  // namespace

bool MayHaveRows(const model::ShardMigration& migration) {
  return IsTrue(migration.status.conditions, "Preflighted") && !migration.spec.dry_run;
}

std::optional<migration::MigrationSpec> SpecOf(const model::ShardMigration& migration,
                                               const SetView& set) {
  if (migration.status.number == 0 || migration.status.destination.value.empty() || !set.table) {
    return std::nullopt;
  }
  const model::ShardMigrationSpec& wanted = migration.spec;
  migration::MigrationSpec spec;
  spec.name = migration.name;
  spec.name_space = migration.name_space;
  spec.uid = migration.uid;
  spec.shard_set = wanted.shard_set_name;
  spec.database = set.set.spec.postgres.database;
  spec.number = {migration.status.number};
  spec.type = wanted.type;
  spec.source = wanted.source;
  spec.destination = migration.status.destination;
  spec.new_destination = wanted.destination.value.empty();
  spec.key_space = set.set.spec.sharding.key_space;
  if (wanted.range) spec.range = *wanted.range;
  if (migration.status.range) spec.range = *migration.status.range;
  spec.keys = wanted.keys;
  if (spec.keys.empty()) spec.excluded_keys = PinnedIn(*set.table, spec.range);
  for (const model::ShardedTable& table : set.set.spec.sharding.tables) {
    spec.tables.push_back({table.name, table.column});
  }
  spec.reference_tables = set.set.spec.sharding.reference_tables;
  // What the rows claim when they are made: the source owns K as of this epoch. A late abort may
  // make them when another migration has moved K: then they claim nothing (epoch 0).
  spec.epoch = OwnsK(*set.table, spec, spec.source) ? set.table->epoch : model::Epoch{};
  spec.dry_run = wanted.dry_run;
  spec.deadline = std::chrono::duration_cast<std::chrono::seconds>(wanted.deadline);
  spec.soak = std::chrono::duration_cast<std::chrono::seconds>(wanted.soak);
  return spec;
}

Result<std::optional<MigrationObservation>> ObserveApi(const kube::ObjectRef& ref,
                                                       MigrationStore& store,
                                                       migration::ShardDirectory& shards,
                                                       const Clock& clock, Deadline deadline) {
  auto migration = store.ReadMigration(ref, deadline);
  if (!migration) return migration.error();
  if (!*migration) return std::optional<MigrationObservation>();
  MigrationObservation seen;
  seen.now = clock.Wall();
  seen.monotonic = clock.Monotonic();
  seen.migration = std::move(**migration);
  const auto phase = migration::ParsePhase(seen.migration.status.phase);
  if (!phase) return phase.error();
  seen.phase = *phase;

  auto set = store.ReadSet(ref.name_space, seen.migration.spec.shard_set_name, deadline);
  if (!set) return set.error();
  seen.set = std::move(*set);
  auto job = store.ReadJob(seen.migration, deadline);
  if (!job) return job.error();
  seen.job = std::move(*job);
  if (!seen.set) return std::optional(std::move(seen));

  seen.spec = SpecOf(seen.migration, *seen.set);
  if (seen.migration.status.number == 0) {
    const auto high = ReadHighWater(*seen.set, shards, deadline);
    if (high) {
      seen.high = *high;
    } else {
      seen.shard_error = high.error();
    }
  }
  return std::optional(std::move(seen));
}

void ObserveShards(MigrationObservation& seen, const ShardPair& shards, Deadline deadline) {
  const model::Attempt attempt{seen.migration.status.attempt};
  auto source = shards.source->Look(attempt, deadline);
  if (source) {
    seen.source = std::move(*source);
  } else {
    seen.shard_error = source.error();
  }
  auto destination = shards.destination->Look(attempt, deadline);
  if (!destination) {
    seen.shard_error = destination.error();
    return;
  }
  seen.destination = std::move(*destination);
  const auto& row = seen.destination->gate.row;
  if (!row) return;
  const auto progress = migration::ParseProgress(row->progress);
  if (progress) {
    seen.progress = *progress;
  } else {
    seen.shard_error = progress.error();
  }
}

}  // namespace foreshard::op

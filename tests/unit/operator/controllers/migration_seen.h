#pragma once

#include "operator/controllers/migration_status.h"
#include "operator/controllers/migration_time.h"

// What a controller sees of a migration in the middle of its way.

namespace foreshard::op {

inline constexpr std::int64_t kLease = 3;

inline model::RoutingTable Table(std::int64_t epoch, const char* owner_of_low) {
  model::RoutingTable table;
  table.shard_set_name = "orders";
  table.epoch = {epoch};
  table.key_space = {model::Strategy::kRange, model::KeyType::kBigint};
  table.ranges = {{{"", "8"}, {owner_of_low}}, {{"8", ""}, {"s-b"}}};
  for (const char* id : {"s-a", "s-b", "s-c"}) table.shards.push_back({{id}, id, id});
  return table;
}

// A migration of the keys below 8 from s-a to s-c, with rows on both shards at its phase.
inline MigrationObservation Seen(migration::Phase phase) {
  MigrationObservation seen;
  seen.now = WallTime(std::chrono::hours(1'000));
  seen.lease = {.transitions = kLease, .left = std::chrono::seconds(10)};
  seen.phase = phase;
  seen.migration.name = "m2";
  seen.migration.uid = "uid-m2";
  seen.migration.finalizers.emplace_back(kMigrationFinalizer);
  seen.migration.spec.source = {"s-a"};
  seen.migration.spec.destination = {"s-c"};
  seen.migration.spec.range = model::KeyRange{"", "8"};
  model::ShardMigrationStatus& status = seen.migration.status;
  status.phase = ToString(phase);
  status.number = 2;
  status.record = 5;
  status.destination = {"s-c"};
  status.start_time = status.phase_start_time = FormatRfc3339(seen.now);
  Claim(status, seen, "Preflighted", true, "Preflight", "");
  seen.set = SetView{.set = {}, .table = Table(1, "s-a"), .table_version = "1", .migrations = {}};
  seen.set->table->moving = {{.migration = "m2", .number = {2}, .range = {"", "8"}, .keys = {}}};
  seen.spec = SpecOf(seen.migration, *seen.set);
  seen.job.exists = true;
  const auto side = [&](const char* peer, migration::GateState state) {
    migration::ShardSeen shard;
    shard.gate.row = migration::MigrationRow{.uid = "uid-m2",
                                             .peer = {peer},
                                             .phase = status.phase,
                                             .token = seen.token(),
                                             .attempt = {},
                                             .state = state,
                                             .drained_lsn = {},
                                             .reverse_slot = {},
                                             .progress = {}};
    shard.gate.range = migration::RangeRow{.owner = {"s-a"}, .epoch = {1}};
    return shard;
  };
  seen.source = side("s-c", migration::GateState::kOpen);
  seen.destination = side("s-a", migration::GateState::kClosed);
  return seen;
}

}  // namespace foreshard::op

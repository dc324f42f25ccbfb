#pragma once

#include <cmath>
#include <limits>

#include "operator/status/page_state.h"

// A set in the morning: three shards, one of which the peak will fill, and a split on its way.

namespace foreshard::op::tests {

inline constexpr WallTime kMorning{std::chrono::seconds(1'777'623'000)};  // 2026-05-01T08:10:00Z

inline ShardPicture Morning(double level, double peak) {
  ShardPicture picture;
  picture.now = 1'777'623'000 / 300 - 1;
  const auto load = [&](int bin) {
    const double rise = std::exp(-std::pow((bin - 11) / 9.0, 2));
    return level + (peak - level) * rise;
  };
  for (int bin = -35; bin <= 0; ++bin) {
    const double noise = 2.2 * std::sin(bin * 2.3) + 1.1 * std::sin(bin * 5.7);
    picture.measured.push_back(load(bin) + noise);
  }
  picture.measured[9] = std::numeric_limits<double>::quiet_NaN();  // Prometheus was away
  for (int bin = 1; bin <= 24; ++bin) {
    const double median = load(bin);
    const double width = 2.5 + 0.45 * bin;
    picture.fan.push_back({.p05 = std::max(0.0, median - 1.64 * width),
                           .p25 = median - 0.67 * width,
                           .p50 = median,
                           .p75 = median + 0.67 * width,
                           .p95 = median + 1.64 * width});
  }
  return picture;
}

inline model::ShardStatus Shard(const std::string& id, const std::string& range, int now,
                                int peak) {
  model::ShardStatus shard;
  shard.id = {id};
  shard.ready = true;
  shard.primary = "orders-" + id + "-0";
  shard.members = 2;
  shard.ranges = {range};
  shard.size_bytes = 1'234'567'890;
  shard.cpu_percent = now;
  shard.forecast_peak_percent = peak;
  shard.forecast_peak_time = "2026-05-01T09:05:00Z";
  return shard;
}

inline model::ShardMigration Split() {
  model::ShardMigration migration;
  migration.name_space = "shop";
  migration.name = "orders-split-4kq7";
  migration.spec.shard_set_name = "orders";
  migration.spec.source = {"s-4kq7"};
  migration.spec.range = model::KeyRange{"40", "80"};
  migration.spec.approved = true;
  migration.status.phase = "Copying";
  migration.status.destination = {"s-n8zt"};
  migration.status.start_time = "2026-05-01T08:07:00Z";
  migration.status.progress = {.copied_rows = 700'000,
                               .total_rows_estimate = 1'100'000,
                               .copied_bytes = 410'000'000,
                               .total_bytes_estimate = 640'000'000,
                               .copy_percent = 64,
                               .lag_millis = 180};
  return migration;
}

inline model::ShardMigration OldMove() {
  model::ShardMigration migration;
  migration.name_space = "shop";
  migration.name = "orders-move-9x2d";
  migration.spec.shard_set_name = "orders";
  migration.spec.type = model::MigrationType::kMove;
  migration.spec.source = {"s-9x2d"};
  migration.spec.range = model::KeyRange{"c0", ""};
  migration.spec.approved = true;
  migration.status.phase = "Completed";
  migration.status.destination = {"s-pp01"};
  migration.status.completion_time = "2026-04-29T17:40:00Z";
  migration.status.cutover = model::CutoverStatus{.hold_millis = 7, .epoch = 12};
  return migration;
}

inline model::Condition Condition(const std::string& type, const std::string& status,
                                  const std::string& reason, const std::string& message) {
  return {.type = type,
          .status = status,
          .reason = reason,
          .message = message,
          .observed_generation = 7,
          .last_transition_time = "2026-05-01T07:58:00Z"};
}

inline SetState Orders() {
  SetState state;
  model::ShardSet& set = state.set;
  set.name_space = "shop";
  set.name = "orders";
  set.spec.scaling.mode = model::ScalingMode::kAuto;
  set.status.shards = 3;
  set.status.ready_shards = 3;
  set.status.members = 6;
  set.status.router_replicas = 2;
  set.status.epoch = 12;
  set.status.endpoint = "orders-router.shop.svc:5432";
  set.status.conditions = {
      Condition("Ready", "True", "AllReady", ""),
      Condition("ForecastTrusted", "True", "Trusted", "error 0.61 of the better naive forecast's"),
      Condition("Resharding", "True", "Copying", "orders-split-4kq7")};
  set.status.shard_statuses = {Shard("s-4kq7", "-80", 56, 104), Shard("s-9x2d", "80-c0", 29, 56),
                               Shard("s-pp01", "c0-", 24, 49)};
  set.status.plan = model::PlanStatus{
      .time = "2026-05-01T08:05:00Z",
      .steps = {{.type = "Split",
                 .shard = {"s-4kq7"},
                 .at = "40",
                 .start_time = "2026-05-01T08:07:00Z",
                 .reason = "p95 would pass the limit"}},
      .summary =
          "Split s-4kq7 at 40 before 09:05: p95 CPU would reach 104 %, limit 80 %. Costs "
          "0.6 GB moved, 3 min; gain 22 overload minutes.",
      .decision = "Executing"};
  model::RoutingTable table;
  table.ranges = {{{"", "80"}, {"s-4kq7"}}, {{"80", "c0"}, {"s-9x2d"}}, {{"c0", ""}, {"s-pp01"}}};
  table.pins = {{"4711", {"s-pp01"}}};
  for (const model::ShardStatus& shard : set.status.shard_statuses)
    table.shards.push_back({shard.id, "", ""});
  table.moving = {{"orders-split-4kq7", {7}, {"40", "80"}, {}}};
  state.table = table;
  state.migrations = {Split(), OldMove()};
  state.loads = {{{"s-4kq7"}, Morning(46, 91.7)},
                 {{"s-9x2d"}, Morning(24, 43)},
                 {{"s-pp01"}, Morning(21, 36)}};
  return state;
}

inline StatusState MorningState() { return {.now = kMorning, .leads = true, .sets = {Orders()}}; }

}  // namespace foreshard::op::tests

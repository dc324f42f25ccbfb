#pragma once

#include <cmath>
#include <numbers>

#include "operator/controllers/scaling_observe.h"

// A set of two shards in a compressed world: a day of 96 bins of 5 s whose peak the first shard
// cannot carry.

namespace foreshard::op {

inline constexpr int kDayBins = 96;
inline constexpr double kCapacityCores = 0.3;
inline constexpr double kCoresPerStatement = 2e-4;
inline constexpr double kBackgroundCores = 0.01;

// Statements a second of the hot shard: quiet at night, up to 1,700 in the middle of the day (at
// the limit it can do 1,150).
inline double HotRate(model::BinIndex bin) {
  const double phase = static_cast<double>(bin % kDayBins) / kDayBins;
  return 300 + 1'400 * std::pow(std::max(0.0, std::sin(std::numbers::pi * phase)), 4) +
         5 * std::sin(static_cast<double>(bin) * 1.7);
}
inline double ColdRate(model::BinIndex bin) { return 0.4 * HotRate(bin); }

inline ShardDemand DemandOf(model::BinIndex first, model::BinIndex last,
                            double (*rate)(model::BinIndex)) {
  ShardDemand demand;
  for (model::BinIndex bin = first; bin <= last; ++bin) {
    model::DemandPoint point;
    point[model::DemandKind::kReads] = 0.7 * rate(bin);
    point[model::DemandKind::kWrites] = 0.3 * rate(bin);
    demand.points.push_back(point);
    demand.known.push_back(true);
  }
  return demand;
}

inline std::vector<double> CoresOf(model::BinIndex first, model::BinIndex last,
                                   double (*rate)(model::BinIndex)) {
  std::vector<double> cores;
  for (model::BinIndex bin = first; bin <= last; ++bin) {
    cores.push_back(std::min(kCapacityCores, kBackgroundCores + kCoresPerStatement * rate(bin)));
  }
  return cores;
}

inline std::vector<HeatKey> EvenKeys() {
  std::vector<HeatKey> keys;
  for (int key = 1; key <= 128; ++key) keys.push_back({.key = std::to_string(key), .weight = 1});
  return keys;
}

// What is seen at the end of bin `now`, after `days` days of history.
inline ScalingObservation SeenAt(model::BinIndex now, int days = 6) {
  ScalingObservation seen;
  seen.bin = std::chrono::seconds(5);
  seen.now = now;
  seen.first = now - days * kDayBins + 1;
  seen.wall = WallTime(std::chrono::seconds((now + 1) * 5 + 2));
  seen.metrics_read = true;
  model::ShardSet& set = seen.set;
  set.name_space = "demo";
  set.name = "demo";
  set.uid = "u1";
  set.generation = 1;
  set.spec.scaling.mode = model::ScalingMode::kAuto;
  set.spec.scaling.bin = std::chrono::seconds(5);
  set.spec.scaling.seasons = {std::chrono::minutes(8)};
  set.spec.scaling.horizon = std::chrono::minutes(2);
  set.spec.scaling.cool_down = std::chrono::minutes(1);
  set.spec.shard_template.members = 1;
  set.spec.shard_template.resources.limits["cpu"] = "300m";
  model::RoutingTable table;
  table.shard_set_name = "demo";
  table.epoch = {1};
  table.ranges = {{{"", "80"}, {"s-hot"}}, {{"80", ""}, {"s-cold"}}};
  table.shards = {{{"s-hot"}, "demo-s-hot", "demo-s-hot-replicas"},
                  {{"s-cold"}, "demo-s-cold", "demo-s-cold-replicas"}};
  seen.table = table;
  for (const char* id : {"s-cold", "s-hot"}) {
    set.status.shard_statuses.push_back({.id = {id},
                                         .ready = true,
                                         .primary = std::string("demo-") + id + "-0",
                                         .members = 1,
                                         .ranges = {},
                                         .size_bytes = 60'000'000,
                                         .reason = {},
                                         .cpu_percent = {},
                                         .load_score_percent = {},
                                         .forecast_peak_percent = {},
                                         .forecast_peak_time = {}});
  }
  seen.demand = {{{"s-hot"}, DemandOf(seen.first, now, HotRate)},
                 {{"s-cold"}, DemandOf(seen.first, now, ColdRate)}};
  seen.measured = seen.demand;
  seen.cores = {{{"s-hot"}, CoresOf(seen.first, now, HotRate)},
                {{"s-cold"}, CoresOf(seen.first, now, ColdRate)}};
  std::vector<HeatKey> low;
  std::vector<HeatKey> high;
  for (int key = 1; low.size() < 128 || high.size() < 128; ++key) {
    const std::string text = std::to_string(key);
    const bool below = model::BoundOfKey(table.key_space, text) < "80";
    if (below && low.size() < 128) low.push_back({.key = text, .weight = 1});
    if (!below && high.size() < 128) high.push_back({.key = text, .weight = 1});
  }
  seen.heat = {{.range = {"", "80"},
                .shard = {"s-hot"},
                .backend_seconds = 7,
                .samples = low,
                .hot_keys = {}},
               {.range = {"80", ""},
                .shard = {"s-cold"},
                .backend_seconds = 3,
                .samples = high,
                .hot_keys = {}}};
  return seen;
}

}  // namespace foreshard::op

#pragma once

#include <cmath>

#include "model/hash.h"
#include "planner/problem.h"

// Small problems in words: a shard whose load follows a line, with a narrow or a wide fan.

namespace foreshard::planner {

inline constexpr std::size_t kHorizon = 24;

struct LoadOptions {
  double from = 0.3;     // median utilisation at the first step
  double to = 0.3;       // and at the last
  double spread = 0.05;  // relative half-width of the 95 % quantile
};

inline model::Trust FullTrust() {
  model::Trust trust;
  trust.history = trust.data = trust.skill = trust.coverage = trust.freshness = 1;
  return trust;
}

inline void SetLoad(Shard& shard, const LoadOptions& load) {
  shard.fan.steps.clear();
  shard.scenarios.paths.assign(64, std::vector<double>(kHorizon));
  shard.scenarios.drawn_from.clear();
  for (int r = 0; r < 64; ++r) shard.scenarios.drawn_from.push_back(r);
  for (std::size_t h = 0; h < kHorizon; ++h) {
    const double median =
        load.from + (load.to - load.from) * static_cast<double>(h) / (kHorizon - 1);
    model::Quantiles step{};
    for (std::size_t i = 0; i < step.size(); ++i)
      step[i] = median * (1 + load.spread * (model::kLevels[i] - 0.5) / 0.45);
    shard.fan.steps.push_back(step);
    for (std::size_t r = 0; r < 64; ++r) {
      shard.scenarios.paths[r][h] =
          median * (1 + load.spread * (static_cast<double>(r) / 63 - 0.5) / 0.45);
    }
  }
}

// A unit whose load is spread evenly over its range of the hash space.
inline Unit EvenUnit(const std::string& from, const std::string& to, double share) {
  Unit unit{.range = {.from = from, .to = to},
            .share = share,
            .bytes = 100e6,
            .reservoir = {},
            .hot_keys = {}};
  const double low = from.empty() ? 0 : static_cast<double>(*model::ParsePosition(from));
  const double high = to.empty() ? 0x1p64 : static_cast<double>(*model::ParsePosition(to));
  for (int i = 0; i < 128; ++i) {
    const double position = low + (high - low) * (i + 0.5) / 128;
    unit.reservoir.push_back(
        {.bound = model::FormatPosition(static_cast<model::Position>(position)), .weight = 1});
  }
  return unit;
}

// Two shards on halves of the hash space, idle, trusted, in Auto with 5-second bins and a horizon
// of two minutes, planned by the quantile of 95 for a target of 70 and a limit of 80.
inline Problem TwoShards() {
  Problem problem;
  problem.now = 1'000;
  problem.bin_seconds = 5;
  problem.policy.mode = model::ScalingMode::kAuto;
  problem.policy.plan_quantile_percent = 95;
  problem.policy.target_cpu_percent = 70;
  problem.policy.cool_down = std::chrono::minutes(1);
  for (const auto& [id, from, to] :
       {std::tuple{"s-aaaa", "", "80"}, std::tuple{"s-bbbb", "80", ""}}) {
    Shard shard;
    shard.id = {id};
    shard.ready = true;
    shard.measured = {0.3, 0.3};
    shard.trust = FullTrust();
    shard.units.push_back(EvenUnit(from, to, 1));
    SetLoad(shard, {});
    problem.shards.push_back(shard);
  }
  return problem;
}

}  // namespace foreshard::planner

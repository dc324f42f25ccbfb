#pragma once

#include "tests/unit/planner/problems.h"

namespace foreshard::op {

// Two shards of which one will pass its limit, and a value that is no default in every field.
inline planner::Problem FilledProblem() {
  planner::Problem problem = planner::TwoShards();
  planner::SetLoad(problem.shards[0], {.from = 0.5, .to = 1.1, .spread = 0.1});
  problem.key_space.key_type = model::KeyType::kText;
  problem.policy.min_shards = 1;
  problem.policy.max_members = 7;
  problem.policy.target_storage_percent = 61;
  problem.policy.seasons = {std::chrono::minutes(8), std::chrono::hours(168)};
  problem.policy.freeze_windows = {{.name = "payroll",
                                    .schedule = "0 9 * * 5",
                                    .duration = std::chrono::minutes(90),
                                    .time_zone = "Europe/Berlin"}};
  problem.frozen = {{.name = "payroll", .from = 3'000, .to = 3'060}};
  problem.members_per_shard = 3;
  problem.migrations_in_flight = 0;
  problem.later_bins = 12;
  problem.memory.duration = {.weight = 7.25, .mean = 0.1 + 0.2, .sum_squares = 0.31};
  problem.memory.factors = {
      .setup_setup = 1.5, .setup_copy = 0.5, .copy_copy = 2.5, .setup_actual = 2, .copy_actual = 6};
  problem.memory.finished = 11;
  problem.memory.failed = 2;
  problem.memory.troubled_cycles = 1;
  problem.memory.quiet_cycles = 4;
  problem.memory.moved_bytes_last_hour = 1.5e9;
  problem.memory.draining = {{"s-bbbb"}};
  planner::Shard& shard = problem.shards[0];
  shard.background = 0.031;
  shard.fan.origin = 999;
  shard.fan.bin = std::chrono::seconds(5);
  shard.fan.scale.assign(shard.fan.steps.size(), 0.02);
  model::WindowMaximum window;
  window.bins = 12;
  window.factor.fill(1.5);
  window.maximum.fill(0.9);
  shard.fan.windows = {window};
  shard.scenarios.origin = 999;
  shard.trust.skill = 0.9;
  shard.last_action = 12;
  shard.later = {0.4, 0.5};
  shard.units[0].last_move = 40;
  shard.units[0].hot_keys = {{.key = "caf\xC3\xA9 \"7\"", .share = 0.3}};
  shard.units[0].paths.assign(64, std::vector<double>(planner::kHorizon, 1.0 / 3));
  problem.shards[1].estimator_usable = false;
  return problem;
}

}  // namespace foreshard::op

#include "planner/load_path.h"

#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

TEST(LoadPath, WhatLeavesAndWhatStaysAddUp) {
  Problem problem = TwoShards();
  Shard& shard = problem.shards[0];
  shard.background = 0.05;
  SetLoad(shard, {.from = 0.3, .to = 0.9});
  const LoadPath stays = WithoutShare(shard, 0.4);
  const LoadPath leaves = OnlyShare(shard, 0.4, 0);
  for (std::size_t h = 0; h < kHorizon; ++h) {
    for (std::size_t i = 0; i < model::kFanLevels; ++i) {
      EXPECT_NEAR(stays.steps[h][i] + leaves.steps[h][i], shard.fan.steps[h][i], 1e-12);
    }
  }
}

TEST(LoadPath, JointScenariosAreSummedPathByPath) {
  Problem problem = TwoShards();
  // When one is high the other is low: the sum hardly varies, which adding quantiles could not see.
  for (std::size_t r = 0; r < 64; ++r) {
    for (std::size_t h = 0; h < kHorizon; ++h) {
      problem.shards[0].scenarios.paths[r][h] = static_cast<double>(r) / 64;
      problem.shards[1].scenarios.paths[r][h] = 1 - static_cast<double>(r) / 64;
    }
  }
  const LoadPath sum = WithShareOf(problem.shards[0], problem.shards[1], 1);
  EXPECT_NEAR(model::Quantile(sum.steps[3], 0.95), 1.0, 1e-9);
  problem.shards[1].scenarios.drawn_from[0] = 99;  // no longer joint
  EXPECT_LT(model::Quantile(WithShareOf(problem.shards[0], problem.shards[1], 1).steps[3], 0.95),
            0.9)
      << "without joint scenarios the fans are added";
}

TEST(LoadPath, FindsTheFirstStepAboveAThreshold) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.0, .to = 1.0, .spread = 0});
  const LoadPath path = OwnPath(problem.shards[0]);
  const std::size_t step = FirstAbove(path, 0.95, 0.5, 1, kHorizon);
  EXPECT_EQ(step, 13u) << "medians are (h - 1) / 23";
  EXPECT_EQ(FirstAbove(path, 0.95, 2.0, 1, kHorizon), 0u);
  EXPECT_NEAR(HighestQuantile(path, 0.95, 1, kHorizon), 1.0, 1e-9);
}

}  // namespace
}  // namespace foreshard::planner

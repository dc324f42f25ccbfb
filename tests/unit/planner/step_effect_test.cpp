#include "planner/step_effect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

model::PlannedStep Step(model::ActionType type) {
  model::PlannedStep step;
  step.type = type;
  step.shard = {"s-aaaa"};
  return step;
}

TEST(StepEffect, ASplitTakesThePartAboveTheBound) {
  const Problem problem = TwoShards();
  model::PlannedStep split = Step(model::ActionType::kSplit);
  split.at = "60";  // the shard has "" to "80", evenly: a quarter lies above
  split.range = {.from = "60", .to = "80"};
  const auto effect = EffectOf(problem, split);
  ASSERT_TRUE(effect) << effect.error().message;
  EXPECT_EQ(effect->source, 0u);
  EXPECT_EQ(effect->destination, -1);
  ASSERT_EQ(effect->parts.size(), 1u);
  const LeavingPart& part = effect->parts[0];
  EXPECT_NEAR(part.part, 0.25, 0.01);
  EXPECT_EQ(part.moved.range, split.range);
  EXPECT_EQ(part.rest.range, (model::KeyRange{.from = "", .to = "60"}));
  EXPECT_NEAR(part.moved.bytes, 25e6, 1e6);
  EXPECT_NEAR(part.moved.bytes + part.rest.bytes, 100e6, 1);
  EXPECT_EQ(part.moved.reservoir.size() + part.rest.reservoir.size(), 128u);
  EXPECT_EQ(part.moved.reservoir.size(), 32u);
}

TEST(StepEffect, AMoveAndAMergeTakeAllOfIt) {
  Problem problem = TwoShards();
  model::PlannedStep move = Step(model::ActionType::kMove);
  move.range = {.from = "", .to = "80"};
  move.destination = {"s-bbbb"};
  EXPECT_EQ(EffectOf(problem, move)->destination, 1);
  EXPECT_EQ(EffectOf(problem, move)->parts.at(0).part, 1);
  problem.shards[0].units = {EvenUnit("", "40", 0.5), EvenUnit("40", "80", 0.5)};
  model::PlannedStep merge = Step(model::ActionType::kMerge);
  merge.destination = {"s-bbbb"};
  EXPECT_EQ(EffectOf(problem, merge)->parts.size(), 2u);
  EXPECT_EQ(EffectOf(problem, move)->parts.size(), 2u) << "a move takes all that lies inside";
  move.range = {.from = "40", .to = "80"};
  EXPECT_EQ(EffectOf(problem, move)->parts.size(), 1u);
}

TEST(StepEffect, AHotKeyTakesItsShare) {
  Problem problem = TwoShards();
  // 2 lies in the lower half of the hash space, 1 in the upper.
  std::string low = "1";
  while (!model::ContainsKey(problem.key_space, {.from = "", .to = "80"}, low))
    low = std::to_string(std::stoi(low) + 1);
  problem.shards[0].units[0].hot_keys = {{.key = low, .share = 0.4}};
  model::PlannedStep isolate = Step(model::ActionType::kIsolate);
  isolate.keys = {low};
  const auto effect = EffectOf(problem, isolate);
  ASSERT_TRUE(effect);
  EXPECT_DOUBLE_EQ(effect->parts.at(0).part, 0.4);
  EXPECT_TRUE(effect->parts[0].rest.hot_keys.empty());
}

TEST(StepEffect, WhatIsNotThereIsSaid) {
  const Problem problem = TwoShards();
  const auto error = [&problem](model::PlannedStep step) {
    const auto effect = EffectOf(problem, step);
    return effect ? "possible" : effect.error().message;
  };
  model::PlannedStep move = Step(model::ActionType::kMove);
  move.range = {.from = "80", .to = ""};
  EXPECT_THAT(error(move), testing::HasSubstr("s-aaaa owns nothing"));
  move.shard = {"s-cccc"};
  EXPECT_THAT(error(move), testing::HasSubstr("no shard s-cccc"));
  move.shard = {"s-bbbb"};
  move.destination = {"s-bbbb"};
  EXPECT_THAT(error(move), testing::HasSubstr("cannot take"));
  model::PlannedStep split = Step(model::ActionType::kSplit);
  split.at = "90";
  split.range = {.from = "90", .to = "80"};
  EXPECT_THAT(error(split), testing::HasSubstr("owns nothing"));
}

}  // namespace
}  // namespace foreshard::planner

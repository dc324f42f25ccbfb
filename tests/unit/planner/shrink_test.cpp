#include "planner/shrink.h"

#include <gtest/gtest.h>

#include "planner/planner.h"
#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

// Three shards at a fifth of their load, in bins of five minutes, known for a day.
Problem Idle() {
  Problem problem = TwoShards();
  problem.bin_seconds = 300;
  problem.policy.min_shards = 1;
  Shard third = problem.shards[1];
  third.id = {"s-cccc"};
  problem.shards.push_back(third);
  for (Shard& shard : problem.shards) {
    SetLoad(shard, {.from = 0.2, .to = 0.2});
    shard.measured = {0.2, 0.2, 0.2};
    shard.later.assign(48, 0.22);
  }
  return problem;
}

std::vector<Shrink> WaysOf(const Problem& problem, const Options& options = {}) {
  const Outlook outlook(problem, options);
  return ShrinksFor(outlook);
}

TEST(Shrink, MergesWhatWillFitForADay) {
  const std::vector<Shrink> ways = WaysOf(Idle());
  ASSERT_FALSE(ways.empty());
  EXPECT_EQ(ways.front().moves.front().type, model::ActionType::kMerge);
  EXPECT_GT(ways.front().benefit, 1.3 * ways.front().cost);
}

TEST(Shrink, NeverOnAForecastAloneAndNeverOnMeasurementAlone) {
  Problem measured_high = Idle();
  for (Shard& shard : measured_high.shards) shard.measured = {0.2, 0.6, 0.6};
  EXPECT_TRUE(WaysOf(measured_high).empty());
  Problem forecast_high = Idle();
  for (Shard& shard : forecast_high.shards) SetLoad(shard, {.from = 0.2, .to = 0.6});
  EXPECT_TRUE(WaysOf(forecast_high).empty());
  Problem distrusted = Idle();
  for (Shard& shard : distrusted.shards) shard.trust.skill = 0.5;
  EXPECT_TRUE(WaysOf(distrusted).empty());
  Problem blind = Idle();
  for (Shard& shard : blind.shards) shard.fan.steps.clear();
  EXPECT_TRUE(WaysOf(blind).empty()) << "no forecast, no scale-in";
}

TEST(Shrink, KeepsTheFewestAndTheCoolDown) {
  Problem fewest = Idle();
  fewest.policy.min_shards = 3;
  EXPECT_TRUE(WaysOf(fewest).empty());
  Problem cooling = Idle();
  for (Shard& shard : cooling.shards) shard.last_action = cooling.now;
  EXPECT_TRUE(WaysOf(cooling).empty());
}

TEST(Shrink, WhatComesBackSoonIsNotWorthIt) {
  Problem problem = Idle();
  for (Shard& shard : problem.shards) shard.later.assign(48, 0.6);  // after the horizon
  Options options;
  options.weights.change = 1.5;
  const std::vector<Shrink> ways = WaysOf(problem, options);
  ASSERT_FALSE(ways.empty());
  EXPECT_LT(ways.front().benefit, 1.3 * ways.front().cost);
}

TEST(Shrink, SpreadsWhatFitsNowhereAsAWhole) {
  Problem problem = Idle();
  for (std::size_t i = 0; i < 3; ++i) {
    SetLoad(problem.shards[i], {.from = 0.36, .to = 0.36, .spread = 0});
    problem.shards[i].measured = {0.36, 0.36, 0.36};
    problem.shards[i].later.assign(48, 0.36);
  }
  problem.shards[0].units = {EvenUnit("", "40", 0.5), EvenUnit("40", "80", 0.5)};
  const std::vector<Shrink> ways = WaysOf(problem);
  ASSERT_FALSE(ways.empty());
  EXPECT_EQ(ways.front().moves.size(), 2u);
  EXPECT_NE(ways.front().moves[0].destination, ways.front().moves[1].destination);
}

TEST(Shrink, APlanConfirmsItBeforeItActsAndSaysSo) {
  Problem problem = Idle();
  Options options;
  options.merge_shards = true;
  Random random(1);
  const model::Plan first = MakePlan(problem, options, random);
  EXPECT_EQ(first.decision, model::PlanDecision::kWaiting) << first.summary;
  EXPECT_NE(first.summary.find("seen 1 of 3"), std::string::npos) << first.summary;
  problem.memory = Remember(problem, first);
  problem.memory = Remember(problem, MakePlan(problem, options, random));
  const model::Plan third = MakePlan(problem, options, random);
  EXPECT_EQ(third.decision, model::PlanDecision::kExecuting) << third.summary;
  EXPECT_EQ(third.reason, model::PlanReason::kScaleIn);
  EXPECT_EQ(MakePlan(problem, Options{}, random).decision, model::PlanDecision::kNoChange)
      << "a caller that cannot merge is never asked to";
}

}  // namespace
}  // namespace foreshard::planner

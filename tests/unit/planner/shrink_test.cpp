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

std::vector<Shrink> WaysOf(const Problem& problem, Options options = {}) {
  options.ahead_day_share = 0;
  const Outlook outlook(problem, options);
  return ShrinksFor(outlook).ways;
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
  for (Shard& shard : distrusted.shards) shard.trust.skill = 0.2;
  EXPECT_TRUE(WaysOf(distrusted).empty());
  Problem blind = Idle();
  for (Shard& shard : blind.shards) shard.fan.steps.clear();
  EXPECT_TRUE(WaysOf(blind).empty()) << "no forecast, no scale-in";
}

TEST(Shrink, LessTrustTakesMoreRoom) {
  Problem problem = Idle();
  for (Shard& shard : problem.shards) {
    SetLoad(shard, {.from = 0.33, .to = 0.33, .spread = 0});
    shard.measured = {0.33, 0.33, 0.33};
    shard.units = {EvenUnit("80", "", 1)};
    shard.units.front().reservoir.clear();  // it cannot be parted
  }
  EXPECT_FALSE(WaysOf(problem).empty());
  for (Shard& shard : problem.shards) shard.trust.skill = 0.4;  // a sixth of the target stays free
  EXPECT_TRUE(WaysOf(problem).empty());
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

// Three shards at 36 %; only the first one may go, and it owns these ranges in equal parts.
Problem OnlyTheFirstMayGo(const std::vector<std::pair<const char*, const char*>>& ranges) {
  Problem problem = Idle();
  for (Shard& shard : problem.shards) {
    SetLoad(shard, {.from = 0.36, .to = 0.36, .spread = 0});
    shard.measured = {0.36, 0.36, 0.36};
    if (&shard != &problem.shards.front()) shard.last_action = problem.now;
  }
  problem.shards[0].units.clear();
  for (const auto& [from, to] : ranges)
    problem.shards[0].units.push_back(EvenUnit(from, to, 1 / static_cast<double>(ranges.size())));
  return problem;
}

TEST(Shrink, CopiesOfOneSpreadDoNotStack) {
  // Six ranges leave one by one: the source bears one copy at a time, not six.
  Problem problem = OnlyTheFirstMayGo(
      {{"", "08"}, {"10", "18"}, {"20", "28"}, {"30", "38"}, {"40", "48"}, {"50", "58"}});
  const std::vector<Shrink> ways = WaysOf(problem);
  ASSERT_FALSE(ways.empty());
  EXPECT_EQ(ways.front().moves.size(), 6u);
}

TEST(Shrink, NeighboursLeaveTogether) {
  Problem problem = OnlyTheFirstMayGo(
      {{"", "10"}, {"10", "20"}, {"20", "30"}, {"30", "40"}, {"40", "50"}, {"50", "60"}});
  const std::vector<Shrink> ways = WaysOf(problem);
  ASSERT_FALSE(ways.empty());
  ASSERT_EQ(ways.front().moves.size(), 2u) << "as much as fits, then the rest";
  EXPECT_EQ(ways.front().moves[0].range.to, ways.front().moves[1].range.from);
  EXPECT_NEAR(ways.front().moves[0].share + ways.front().moves[1].share, 1, 1e-9);
  EXPECT_NEAR(ways.front().moves[0].bytes + ways.front().moves[1].bytes, 600e6, 1);
}

TEST(Shrink, RangesGoToWhoOwnsTheKeysBeside) {
  Problem problem = OnlyTheFirstMayGo({{"10", "20"}, {"60", "70"}});
  problem.shards[1].units = {EvenUnit("70", "", 1)};
  problem.shards[2].units = {EvenUnit("20", "30", 1)};
  const std::vector<Shrink> ways = WaysOf(problem);
  ASSERT_FALSE(ways.empty());
  ASSERT_EQ(ways.front().moves.size(), 2u);
  for (const Candidate& move : ways.front().moves)
    EXPECT_EQ(move.destination, move.range.from == "10" ? 2 : 1);
}

// Five shards at a fifth, the first one on its way out.
Problem Draining() {
  Problem problem = Idle();
  for (const char* id : {"s-dddd", "s-eeee"}) {
    Shard shard = problem.shards[1];
    shard.id = {id};
    problem.shards.push_back(shard);
  }
  problem.memory.draining = {problem.shards[0].id};
  return problem;
}

TEST(Shrink, WhatWasBegunGoesOnAndAnotherMayBegin) {
  const Problem problem = Draining();
  const Outlook outlook(problem, {});
  const Shrinks shrinks = ShrinksFor(outlook);
  ASSERT_EQ(shrinks.begun.size(), 1u);
  EXPECT_EQ(shrinks.begun.front().moves.front().source, 0u);
  ASSERT_FALSE(shrinks.ways.empty());
  for (const Shrink& way : shrinks.ways) {
    EXPECT_NE(way.moves.front().source, 0u) << "it goes already";
    for (const Candidate& move : way.moves) EXPECT_NE(move.destination, 0) << "it takes nothing in";
  }
}

TEST(Shrink, WhatIsOnItsWayOutCountsAsGone) {
  // Four at 0.3 carry five shards' load of 1.5, three would not.
  Problem problem = Draining();
  for (Shard& shard : problem.shards) {
    SetLoad(shard, {.from = 0.42, .to = 0.42, .spread = 0});
    shard.measured = {0.42, 0.42, 0.42};
  }
  const Outlook outlook(problem, {});
  EXPECT_TRUE(ShrinksFor(outlook).ways.empty());
  problem.memory.draining.clear();
  EXPECT_TRUE(ShrinksFor(Outlook(problem, {})).begun.empty());
  Problem fewest = Draining();
  fewest.policy.min_shards = 4;
  EXPECT_TRUE(ShrinksFor(Outlook(fewest, {})).ways.empty()) << "four are left already";
  fewest.policy.min_shards = 3;
  EXPECT_FALSE(ShrinksFor(Outlook(fewest, {})).ways.empty());
}

TEST(Shrink, APlanStartsAMoveOfEveryShardThatGoes) {
  Problem problem = Draining();
  problem.memory.draining.push_back(problem.shards[1].id);
  problem.policy.max_concurrent_migrations = 4;
  problem.memory.quiet_cycles = 0;
  Options options;
  options.merge_shards = true;
  Random random(1);
  const model::Plan plan = MakePlan(problem, options, random);
  ASSERT_EQ(plan.decision, model::PlanDecision::kExecuting) << plan.summary;
  std::vector<model::ShardId> sources;
  std::vector<model::ShardId> destinations;
  for (const model::PlannedStep& step : plan.steps) {
    if (step.start > problem.now + 1) continue;
    sources.push_back(step.shard);
    EXPECT_EQ(std::count(destinations.begin(), destinations.end(), step.destination), 0)
        << "one at a time comes in";
    destinations.push_back(step.destination);
  }
  EXPECT_EQ(sources.size(), 2u) << "a third one waits for its confirmations";
  EXPECT_EQ(Remember(problem, plan).draining.size(), 2u);
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

#include "planner/planner.h"

#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

using model::PlanDecision;
using model::PlanReason;

model::Plan PlanOf(const Problem& problem) {
  Random random(1);
  return MakePlan(problem, Options{}, random);
}

// The first shard will pass the limit near the end of the horizon.
Problem BreachAhead() {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.4, .to = 1.1});
  SetLoad(problem.shards[1], {.from = 0.3, .to = 0.6});
  problem.memory.troubled_cycles = 1;
  return problem;
}

TEST(Planner, LeavesAQuietFleetAlone) {
  const model::Plan plan = PlanOf(TwoShards());
  EXPECT_EQ(plan.decision, PlanDecision::kNoChange);
  EXPECT_TRUE(plan.steps.empty());
  EXPECT_NE(plan.summary.find("No change"), std::string::npos);
}

TEST(Planner, SplitsBeforeAPredictedBreach) {
  const model::Plan plan = PlanOf(BreachAhead());
  ASSERT_EQ(plan.decision, PlanDecision::kExecuting) << plan.summary;
  ASSERT_EQ(plan.steps.size(), 1u);
  EXPECT_EQ(plan.reason, PlanReason::kPredictedBreach);
  EXPECT_FALSE(plan.guard);
  EXPECT_EQ(plan.steps[0].type, model::ActionType::kSplit);
  EXPECT_EQ(plan.steps[0].shard.value, "s-aaaa");
  EXPECT_EQ(plan.steps[0].at, "40");
  EXPECT_EQ(plan.steps[0].range, (model::KeyRange{.from = "40", .to = "80"}));
  EXPECT_TRUE(plan.steps[0].destination.value.empty()) << "the other shard would pass its target";
  EXPECT_GT(plan.breach_at, 1'000);
  EXPECT_GT(plan.overload_minutes_avoided, 0);
}

TEST(Planner, PrefersAShardThatHasRoom) {
  Problem problem = BreachAhead();
  SetLoad(problem.shards[0], {.from = 0.4, .to = 0.9});
  SetLoad(problem.shards[1], {.from = 0.1, .to = 0.1});
  const model::Plan plan = PlanOf(problem);
  ASSERT_EQ(plan.steps.size(), 1u) << plan.summary;
  EXPECT_EQ(plan.steps[0].destination.value, "s-bbbb")
      << "a new shard costs members; this one is idle";
}

TEST(Planner, AFarBreachIsConfirmedOnce) {
  Problem problem = BreachAhead();
  problem.memory.troubled_cycles = 0;
  const model::Plan first = PlanOf(problem);
  EXPECT_EQ(first.decision, PlanDecision::kWaiting);
  problem.memory = Remember(problem, first);
  EXPECT_EQ(PlanOf(problem).decision, PlanDecision::kExecuting);
}

TEST(Planner, ACopyThatTheSourceCanBearLaterWaits) {
  Problem problem = TwoShards();
  problem.bin_seconds = 300;  // a split is over within a bin
  problem.memory.troubled_cycles = 1;
  SetLoad(problem.shards[0], {.from = 0.4, .to = 0.9, .spread = 0.02});  // breach at step 20
  EXPECT_EQ(PlanOf(problem).decision, PlanDecision::kWaiting)
      << "there is time, and it stays quiet";
  Problem now = problem;  // on top of the copy it would be over the limit soon
  SetLoad(now.shards[0], {.from = 0.69, .to = 0.82, .spread = 0.02});
  EXPECT_EQ(PlanOf(now).decision, PlanDecision::kExecuting) << "then the copy would not fit";
}

TEST(Planner, ModesDecideWhoActs) {
  Problem problem = BreachAhead();
  problem.policy.mode = model::ScalingMode::kRecommend;
  EXPECT_EQ(PlanOf(problem).decision, PlanDecision::kRecommended);
  problem.policy.mode = model::ScalingMode::kObserve;
  const model::Plan observed = PlanOf(problem);
  EXPECT_EQ(observed.decision, PlanDecision::kBlocked);
  EXPECT_EQ(observed.reason, PlanReason::kMode);
  EXPECT_EQ(observed.steps.size(), 1u) << "the plan is shown even where it is not carried out";
}

TEST(Planner, TheGuardActsOnMeasurementWithoutAForecast) {
  Problem problem = TwoShards();
  problem.shards[0].fan.steps.clear();
  problem.shards[0].scenarios = {};
  problem.shards[0].trust = {};
  problem.shards[0].measured = {0.5, 0.85, 0.9};
  const model::Plan plan = PlanOf(problem);
  ASSERT_EQ(plan.decision, PlanDecision::kExecuting) << plan.summary;
  EXPECT_TRUE(plan.guard);
  EXPECT_EQ(plan.reason, PlanReason::kMeasuredBreach);
}

TEST(Planner, OneBinOverTheLimitIsNotYetABreach) {
  Problem problem = TwoShards();
  problem.shards[0].measured = {0.5, 0.5, 0.9};
  EXPECT_EQ(PlanOf(problem).decision, PlanDecision::kNoChange);
}

TEST(Planner, MissingOrStaleDataNeverCausesAnAction) {
  Problem stale = BreachAhead();
  stale.metrics_fresh = false;
  stale.shards[0].measured = {0.95, 0.95};
  const model::Plan plan = PlanOf(stale);
  EXPECT_EQ(plan.decision, PlanDecision::kNoChange);
  EXPECT_EQ(plan.reason, PlanReason::kStaleMetrics);

  Problem distrusted = BreachAhead();
  distrusted.shards[0].trust.skill = 0.1;
  EXPECT_TRUE(PlanOf(distrusted).steps.empty())
      << "a forecast that is not trusted only leaves the guard";
}

TEST(Planner, AFreezeWindowPullsTheStartBeforeIt) {
  Problem far = BreachAhead();
  far.bin_seconds = 300;  // a split is over within a bin
  Shard& shard = far.shards[0];
  SetLoad(shard, {.from = 0.3, .to = 0.3});
  for (std::size_t h = 20; h < kHorizon; ++h) {  // quiet until a jump
    for (double& quantile : shard.fan.steps[h]) quantile *= 3;
    for (std::vector<double>& path : shard.scenarios.paths) path[h] *= 3;
  }
  ASSERT_EQ(PlanOf(far).decision, PlanDecision::kWaiting) << "there is time";
  Problem later = far;
  later.frozen.push_back({.name = "payroll", .from = far.now + 60, .to = far.now + 80});
  EXPECT_EQ(PlanOf(later).decision, PlanDecision::kWaiting) << "it is over before the window";
  Problem frozen = far;
  frozen.frozen.push_back({.name = "payroll", .from = far.now + 12, .to = far.now + 50});
  const model::Plan plan = PlanOf(frozen);
  EXPECT_EQ(plan.decision, PlanDecision::kExecuting) << plan.summary;
}

// behaviour-20
TEST(Planner, SaysWhatBlocksIt) {
  const auto blocked = [](Problem problem) {
    const model::Plan plan = PlanOf(problem);
    EXPECT_EQ(plan.decision, PlanDecision::kBlocked) << plan.summary;
    EXPECT_NE(plan.summary.find(ToString(plan.reason) == std::string("FreezeWindow")
                                    ? "payroll"
                                    : ToString(plan.reason)),
              std::string::npos)
        << plan.summary;
    return plan.reason;
  };
  Problem in_flight = BreachAhead();
  in_flight.migrations_in_flight = 1;
  EXPECT_EQ(blocked(in_flight), PlanReason::kMigrationInFlight);

  Problem cooling = BreachAhead();
  cooling.shards[0].last_action = cooling.now - 5;
  EXPECT_EQ(blocked(cooling), PlanReason::kCoolDown);

  Problem frozen = BreachAhead();
  frozen.frozen.push_back({.name = "payroll", .from = frozen.now + 3, .to = frozen.now + 50});
  EXPECT_EQ(blocked(frozen), PlanReason::kFreezeWindow);

  Problem full = BreachAhead();
  full.policy.max_shards = 2;
  SetLoad(full.shards[1], {.from = 0.75, .to = 0.75});
  EXPECT_EQ(blocked(full), PlanReason::kMaxShards);

  Problem hot = BreachAhead();
  hot.shards[0].units[0].hot_keys.push_back({.key = "42", .share = 0.6});
  EXPECT_EQ(blocked(hot), PlanReason::kNoSplitPoint);

  Problem budget = BreachAhead();
  budget.policy.max_moved_bytes_per_hour = 1'000'000;
  EXPECT_EQ(blocked(budget), PlanReason::kBudget);

  Problem slow = BreachAhead();
  slow.memory.duration.mean = 1.5;  // moves take 4.5 times as long as the priors say
  EXPECT_EQ(blocked(slow), PlanReason::kHorizonTooShort);
}

TEST(Planner, AnOptionalMoveMustPay) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0],
          {.from = 0.68, .to = 0.72, .spread = 0.02});  // over the target, never near the limit
  problem.memory.troubled_cycles = 1;
  const model::Plan plan = PlanOf(problem);
  EXPECT_EQ(plan.decision, PlanDecision::kNoChange) << plan.summary;
  EXPECT_EQ(plan.reason, PlanReason::kNotWorthIt);
}

// It stays below the target as far as its fan reaches, and passes the limit after that.
Problem BreachBehindTheFan(double from) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = from, .to = 0.69});
  problem.shards[0].later.assign(48, 0.6);
  problem.shards[0].later[10] = 0.95;
  problem.shards[1].later.assign(48, 0.3);
  problem.memory.troubled_cycles = 1;
  return problem;
}

TEST(Planner, AShardIsRelievedWhileItCanBearACopyOfWhatItWillHaveToGive) {
  Problem problem = BreachBehindTheFan(0.64);
  const model::Plan plan = PlanOf(problem);
  ASSERT_EQ(plan.decision, PlanDecision::kExecuting) << plan.summary;
  EXPECT_EQ(plan.reason, PlanReason::kPredictedBreach);
  EXPECT_EQ(plan.breach_at, problem.now + 10 * problem.later_bins + 1);
  EXPECT_NE(plan.summary.find("while s-aaaa still has room for the copy: p95 CPU would pass 80 % "
                              "at 01:28:25 and reach 95 %."),
            std::string::npos)
      << plan.summary;

  EXPECT_EQ(PlanOf(BreachBehindTheFan(0.4)).decision, PlanDecision::kWaiting)
      << "a copy that it can bear later as well waits";

  Problem bearable = BreachBehindTheFan(0.4);
  SetLoad(bearable.shards[0], {.from = 0.5, .to = 0.5});
  EXPECT_EQ(PlanOf(bearable).decision, PlanDecision::kNoChange)
      << "while it can bear a copy at the end of its fan there is no hurry at all";

  problem.shards[0].later[10] = 0.79;
  EXPECT_EQ(PlanOf(problem).decision, PlanDecision::kNoChange) << "the limit is not passed";
}

TEST(Planner, ABreachSmallerThanTheCopyThatWouldAvoidItIsLeftAlone) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.75, .to = 0.75, .spread = 0.08});  // p95 is 81 %
  problem.memory.troubled_cycles = 1;
  const model::Plan plan = PlanOf(problem);
  EXPECT_EQ(plan.decision, PlanDecision::kBlocked) << plan.summary;
  EXPECT_EQ(plan.reason, PlanReason::kNotWorthIt);
  EXPECT_TRUE(plan.steps.empty());
  EXPECT_NE(plan.summary.find("s-aaaa is left alone: p95 CPU would reach 81 %, limit 80 % (breach "
                              "probability"),
            std::string::npos)
      << plan.summary;

  Problem measured = problem;
  measured.shards[0].measured = {0.81, 0.82};
  EXPECT_EQ(PlanOf(measured).decision, PlanDecision::kExecuting) << "it is there, and may last";
  Problem greater = problem;
  SetLoad(greater.shards[0], {.from = 0.5, .to = 1.2, .spread = 0.08});
  EXPECT_EQ(PlanOf(greater).decision, PlanDecision::kExecuting);
}

TEST(Planner, WhatWillPeakItselfAfterItsFanTakesNothingIn) {
  Problem problem = BreachAhead();
  SetLoad(problem.shards[0], {.from = 0.4, .to = 0.9});
  SetLoad(problem.shards[1], {.from = 0.1, .to = 0.1});
  for (Shard& shard : problem.shards) shard.later.assign(48, 0.1);
  ASSERT_EQ(PlanOf(problem).steps.at(0).destination.value, "s-bbbb");
  problem.shards[1].later[11] = 0.78;
  EXPECT_NE(PlanOf(problem).steps.at(0).destination.value, "s-bbbb");
}

TEST(Planner, WhereThereIsAForecastTheGuardWaitsForTheLimitItself) {
  Problem problem = TwoShards();
  problem.shards[0].measured = {0.77, 0.78};
  EXPECT_EQ(PlanOf(problem).decision, PlanDecision::kNoChange)
      << "its forecast says that it stays where it is";
  problem.shards[0].trust = {};
  EXPECT_TRUE(PlanOf(problem).guard) << "nobody knows where the rise will end";
}

TEST(Planner, AnActionThatWasTakenIsNotTakenAgain) {
  Problem problem = BreachAhead();
  const model::Plan plan = PlanOf(problem);
  ASSERT_EQ(plan.steps.size(), 1u);
  // The same world with its effect: half of the first shard's load is on a third one.
  Shard third = problem.shards[0];
  third.id = {"s-cccc"};
  third.units = {EvenUnit("40", "80", 1)};
  problem.shards[0].units = {EvenUnit("", "40", 1)};
  SetLoad(problem.shards[0], {.from = 0.2, .to = 0.55});
  SetLoad(third, {.from = 0.2, .to = 0.55});
  problem.shards.push_back(third);
  EXPECT_EQ(PlanOf(problem).decision, PlanDecision::kNoChange);
}

TEST(Planner, IsAFunctionOfItsProblem) {
  EXPECT_EQ(PlanOf(BreachAhead()), PlanOf(BreachAhead()));
  Problem swapped = BreachAhead();
  std::swap(swapped.shards[0], swapped.shards[1]);
  EXPECT_EQ(PlanOf(swapped).steps, PlanOf(BreachAhead()).steps)
      << "the order of the input changes nothing";
}

}  // namespace
}  // namespace foreshard::planner

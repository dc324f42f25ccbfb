#include "planner/rehearsal.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "planner/planner.h"
#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

using testing::HasSubstr;

// The first shard will pass its limit in the second half of two hours.
Problem Breach() {
  Problem problem = TwoShards();
  problem.bin_seconds = 300;
  SetLoad(problem.shards[0], {.from = 0.4, .to = 1.1, .spread = 0.1});
  return problem;
}

model::Plan PlanOf(const Problem& problem) {
  Random random(1);
  return MakePlan(problem, Options{}, random);
}

Rehearsal Played(const Problem& problem, const model::Plan& plan) {
  Random random(2);
  return Rehearse(problem, plan, Options{}, random);
}

// A whole range of s-aaaa to s-bbbb, now.
model::Plan MoveToTheOther(const Problem& problem, double seconds = 60) {
  model::Plan plan;
  plan.made_at = problem.now;
  plan.decision = model::PlanDecision::kExecuting;
  plan.reason = model::PlanReason::kPredictedBreach;
  model::PlannedStep step;
  step.type = model::ActionType::kMove;
  step.shard = {"s-aaaa"};
  step.destination = {"s-bbbb"};
  step.range = problem.shards[0].units[0].range;
  step.start = problem.now + 1;
  step.p50_seconds = seconds;
  step.p80_seconds = 1.2 * seconds;
  step.text = "Move range -80 of s-aaaa to s-bbbb";
  plan.steps = {step};
  return plan;
}

TEST(Rehearsal, WhatThePlannerWantsPasses) {
  Problem problem = Breach();
  problem.memory.troubled_cycles = 1;
  const model::Plan plan = PlanOf(problem);
  ASSERT_EQ(plan.decision, model::PlanDecision::kExecuting) << plan.summary;
  const Rehearsal rehearsal = Played(problem, plan);
  EXPECT_TRUE(rehearsal.passed) << rehearsal.why;
  EXPECT_EQ(rehearsal.plays, 64);
  EXPECT_EQ(rehearsal.failure_plays, 64) << "one step, failing once in each scenario";
  EXPECT_GT(rehearsal.overload_minutes_without, 20);
  EXPECT_LT(rehearsal.overload_minutes_planned, 0.1 * rehearsal.overload_minutes_without);
  Random random(3);
  EXPECT_THAT(Rehearsed(problem, plan, Options{}, random).summary,
              HasSubstr("Rehearsed in 64 scenarios, and with each step failing once."));
}

TEST(Rehearsal, APlanThatMovesTheTroubleElsewhereIsShownAndNotCarriedOut) {
  Problem problem = Breach();
  SetLoad(problem.shards[1], {.from = 0.5, .to = 0.6, .spread = 0.1});
  const Rehearsal rehearsal = Played(problem, MoveToTheOther(problem));
  EXPECT_FALSE(rehearsal.passed);
  EXPECT_LT(rehearsal.legal, 10);
  Random random(3);
  const model::Plan shown = Rehearsed(problem, MoveToTheOther(problem), Options{}, random);
  EXPECT_EQ(shown.decision, model::PlanDecision::kBlocked);
  EXPECT_EQ(shown.reason, model::PlanReason::kRehearsalFailed);
  EXPECT_EQ(shown.steps.size(), 1u) << "it is shown";
  EXPECT_THAT(shown.summary, HasSubstr("Blocked: RehearsalFailed: in "));
  EXPECT_THAT(shown.summary,
              HasSubstr("plays s-bbbb would be more over its limit than if nothing"));
}

// A third of what moves is fast, and the planner does not know which: the median would pass.
TEST(Rehearsal, DurationsAreDrawnFromWhatWasLearned) {
  Problem problem = Breach();
  problem.shards.erase(problem.shards.begin() + 1);
  model::Plan plan = MoveToTheOther(problem, 3'000);
  plan.steps[0].destination = {};
  const Rehearsal sure = Played(problem, plan);
  plan.steps[0].p80_seconds = 12'000;
  const Rehearsal unsure = Played(problem, plan);
  EXPECT_GT(unsure.overload_minutes_planned, 2 * sure.overload_minutes_planned + 1);
}

TEST(Rehearsal, AStepThatCannotBeDoneIsNamed) {
  const Problem problem = Breach();
  model::Plan plan = MoveToTheOther(problem);
  plan.steps[0].range = {.from = "80", .to = ""};
  EXPECT_THAT(Played(problem, plan).why, HasSubstr("s-aaaa owns nothing that"));
  plan = MoveToTheOther(problem);
  plan.steps.push_back(plan.steps[0]);
  EXPECT_THAT(Played(problem, plan).why, HasSubstr("two steps take the same range of s-aaaa"));
  Problem full = problem;
  full.policy.max_shards = 2;
  plan = MoveToTheOther(full);
  plan.steps[0].destination = {};
  EXPECT_THAT(Played(full, plan).why, HasSubstr("it would make 3 shards, maxShards is 2"));
  Problem starting = problem;
  starting.shards[1].ready = false;
  EXPECT_THAT(Played(starting, MoveToTheOther(starting)).why, HasSubstr("s-bbbb is not ready"));
}

TEST(Rehearsal, WhatTheGuardMeasuredIsBelieved) {
  Problem problem = TwoShards();
  problem.bin_seconds = 300;
  problem.shards[0].measured = {0.95, 0.97};  // the forecast says 30 %
  problem.policy.max_concurrent_migrations = 2;
  const model::Plan plan = PlanOf(problem);
  ASSERT_TRUE(plan.guard) << plan.summary;
  ASSERT_EQ(plan.decision, model::PlanDecision::kExecuting);
  const Rehearsal rehearsal = Played(problem, plan);
  EXPECT_TRUE(rehearsal.passed) << rehearsal.why;
  EXPECT_GT(rehearsal.overload_minutes_without, 100);
  EXPECT_LT(rehearsal.overload_minutes_planned, 20);
}

TEST(Rehearsal, ACutoverWaitsForTheEndOfAFreezeWindow) {
  Problem problem = Breach();
  const model::Plan plan = MoveToTheOther(problem, 900);
  SetLoad(problem.shards[1], {.from = 0.05, .to = 0.05, .spread = 0.1});
  problem.shards[0].units = {EvenUnit("", "40", 0.5), EvenUnit("40", "80", 0.5)};
  model::Plan half = plan;
  half.steps[0].range = {.from = "40", .to = "80"};
  const Rehearsal free = Played(problem, half);
  problem.frozen = {{.name = "payroll", .from = problem.now + 2, .to = problem.now + 25}};
  const Rehearsal frozen = Played(problem, half);
  EXPECT_TRUE(free.passed) << free.why;
  EXPECT_GT(frozen.overload_minutes_planned, free.overload_minutes_planned + 10);
}

TEST(Rehearsal, TheSameSeedPlaysTheSame) {
  const Problem problem = Breach();
  const model::Plan plan = MoveToTheOther(problem);
  const Rehearsal a = Played(problem, plan);
  const Rehearsal b = Played(problem, plan);
  EXPECT_EQ(a.legal, b.legal);
  EXPECT_EQ(a.overload_minutes_planned, b.overload_minutes_planned);
}

// What needs no rehearsal is left as it is.
TEST(Rehearsal, OnlyWhatWouldBeDoneIsRehearsed) {
  Problem problem = Breach();
  model::Plan plan = MoveToTheOther(problem);
  plan.decision = model::PlanDecision::kWaiting;
  Random random(3);
  EXPECT_EQ(Rehearsed(problem, plan, Options{}, random), plan);
  EXPECT_EQ(Rehearsed(problem, model::Plan{}, Options{}, random), model::Plan{});
}

// Over many fleets: whatever passed leaves no shard worse off in a play of its own.
TEST(Rehearsal, MostOfWhatThePlannerOffersPasses) {
  int offered = 0;
  int passed = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    Problem problem = TwoShards();
    problem.bin_seconds = 300;
    problem.memory.troubled_cycles = 1;
    for (Shard& shard : problem.shards) {
      const double from = 0.2 + 0.5 * random.Unit();
      SetLoad(shard, {.from = from, .to = from + 0.6 * random.Unit(), .spread = 0.15});
      shard.measured = {from, from};
    }
    const model::Plan plan = PlanOf(problem);
    if (plan.decision != model::PlanDecision::kExecuting) continue;
    ++offered;
    const Rehearsal rehearsal = Played(problem, plan);
    passed += rehearsal.passed ? 1 : 0;
    if (!rehearsal.passed) fmt::print("seed {}: {}\n", seed, rehearsal.why);
  }
  EXPECT_GT(offered, 15);
  EXPECT_GE(passed, 0.9 * offered) << passed << " of " << offered;
}

}  // namespace
}  // namespace foreshard::planner

#include "planner/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

// Two quiet shards at 30 %, in bins of a minute; the forecast reaches 24 of them.
Problem Quiet() {
  Problem problem = TwoShards();
  problem.bin_seconds = 60;
  problem.policy.max_concurrent_migrations = 2;
  problem.policy.max_shards = 8;
  return problem;
}

UsualLoad AtThirtyPercent() {
  return {.step_bins = 6,
          .utilisation = {{{"s-aaaa"}, std::vector<double>(240, 0.3)},
                          {{"s-bbbb"}, std::vector<double>(240, 0.3)}}};
}

WhatIf Ask(const Problem& problem, const Growth& growth) {
  return AskWhatIf(problem, AtThirtyPercent(), growth, Options{});
}

const WhatIfShard& Of(const WhatIf& answer, const std::string& id) {
  for (const WhatIfShard& shard : answer.shards) {
    if (shard.id.value == id) return shard;
  }
  ADD_FAILURE() << "no shard " << id;
  return answer.shards.front();
}

TEST(WhatIf, NoGrowthChangesNothing) {
  const WhatIf answer = Ask(Quiet(), {.from = 1'005, .to = 1'065, .factor = 1});
  EXPECT_TRUE(answer.actions.empty());
  EXPECT_EQ(answer.shards_after, 2);
  EXPECT_EQ(answer.overload_minutes_without, 0);
  EXPECT_NEAR(Of(answer, "s-aaaa").usual, Of(answer, "s-aaaa").planned, 1e-9);
}

TEST(WhatIf, ThreeTimesTheTrafficIsMetBeforeItComes) {
  const Growth growth{.from = 1'020, .to = 1'080, .factor = 3};
  const WhatIf answer = Ask(Quiet(), growth);
  ASSERT_GE(answer.actions.size(), 2u);
  for (const WhatIfAction& action : answer.actions) {
    EXPECT_EQ(action.step.type, model::ActionType::kSplit);
    EXPECT_GT(action.start, 1'000);
    EXPECT_LE(action.end, growth.from) << action.summary;
    EXPECT_THAT(action.summary, testing::HasSubstr("p95 CPU would reach"));
  }
  EXPECT_NEAR(Of(answer, "s-aaaa").without, 0.92, 0.03);
  EXPECT_LE(Of(answer, "s-aaaa").planned, 0.7);
  EXPECT_GE(answer.shards_after, 4);
  EXPECT_GT(answer.overload_minutes_without, 100);
  EXPECT_EQ(answer.overload_minutes_planned, 0);
  EXPECT_TRUE(answer.forecast_reaches);
  EXPECT_EQ(answer.left, "");
}

TEST(WhatIf, FarAheadTheUsualLoadIsTaken) {
  const WhatIf near = Ask(Quiet(), {.from = 1'060, .to = 1'120, .factor = 3});
  const WhatIf far = Ask(Quiet(), {.from = 9'060, .to = 9'120, .factor = 3});
  EXPECT_FALSE(far.forecast_reaches);
  ASSERT_EQ(far.actions.size(), near.actions.size());
  for (std::size_t i = 0; i < far.actions.size(); ++i) {
    EXPECT_EQ(far.actions[i].start - near.actions[i].start, 8'000);
    EXPECT_EQ(far.actions[i].step.at, near.actions[i].step.at);
  }
  // A busier season: the same growth needs more.
  UsualLoad busy = AtThirtyPercent();
  for (auto& [shard, load] : busy.utilisation) load.assign(240, 0.55);
  const WhatIf more =
      AskWhatIf(Quiet(), busy, {.from = 9'060, .to = 9'120, .factor = 3}, Options{});
  EXPECT_GT(more.shards_after, far.shards_after);
}

// Grown, the shards are too busy for a copy long before they are too busy for their clients.
TEST(WhatIf, TheDayAfterTheForecastIsSeenAsTheOperatorSeesIt) {
  Problem problem = Quiet();
  problem.policy.target_cpu_percent = 75;
  UsualLoad usual = AtThirtyPercent();
  for (auto& [shard, load] : usual.utilisation)
    std::fill(load.begin() + 1'050 / 6, load.begin() + 1'074 / 6, 0.4);
  const Growth growth{.from = 1'006, .to = 1'120, .factor = 2.4};
  const WhatIf late = AskWhatIf(problem, usual, growth, Options{});
  ASSERT_FALSE(late.actions.empty());
  EXPECT_GE(late.actions.front().start, 1'020) << "the fan has to reach the peak";
  for (Shard& shard : problem.shards)
    shard.later.assign(40, 0.32);  // 10 of 6 minutes are looked at
  const WhatIf early = AskWhatIf(problem, usual, growth, Options{});
  ASSERT_FALSE(early.actions.empty());
  EXPECT_LE(early.actions.front().end, growth.from) << early.actions.front().summary;
  EXPECT_LT(early.overload_minutes_planned, late.overload_minutes_planned);
  // Asked from afar, it looks as early: long before the growth is within the fan of 24 bins.
  UsualLoad busy = AtThirtyPercent();
  for (auto& [shard, load] : busy.utilisation) load.assign(240, 0.72);
  const WhatIf ahead =
      AskWhatIf(problem, busy, {.from = 9'050, .to = 9'120, .factor = 1.3}, Options{});
  ASSERT_FALSE(ahead.actions.empty());
  EXPECT_LE(ahead.actions.front().start, 9'000) << ahead.actions.front().summary;
}

TEST(WhatIf, OnlyTheShardsThatGrowAreChanged) {
  const WhatIf answer =
      Ask(Quiet(), {.from = 1'020, .to = 1'080, .factor = 3, .shards = {{"s-bbbb"}}});
  ASSERT_FALSE(answer.actions.empty());
  for (const WhatIfAction& action : answer.actions) EXPECT_EQ(action.step.shard.value, "s-bbbb");
  EXPECT_NEAR(Of(answer, "s-aaaa").without, Of(answer, "s-aaaa").usual, 1e-9);
}

TEST(WhatIf, WhatCannotBeMetIsSaid) {
  Problem problem = Quiet();
  problem.policy.max_shards = 2;
  const WhatIf answer = Ask(problem, {.from = 1'020, .to = 1'080, .factor = 3});
  EXPECT_EQ(answer.shards_after, 2);
  EXPECT_GT(answer.overload_minutes_planned, 100);
  EXPECT_THAT(answer.left, testing::HasSubstr("nothing can be done"));
}

TEST(WhatIf, AFreezeWindowIsKept) {
  Problem problem = Quiet();
  problem.frozen = {{.name = "payroll", .from = 1'000, .to = 1'200}};
  const WhatIf answer = Ask(problem, {.from = 1'020, .to = 1'080, .factor = 3});
  EXPECT_TRUE(answer.actions.empty());
  EXPECT_THAT(answer.left, testing::HasSubstr("freeze window payroll"));
}

TEST(WhatIf, AForecastThatIsNotTrustedPlansNothingAhead) {
  Problem problem = Quiet();
  for (Shard& shard : problem.shards) shard.trust.skill = 0;
  const Growth growth{.from = 1'020, .to = 1'080, .factor = 3};
  for (const WhatIfAction& action : Ask(problem, growth).actions)
    EXPECT_GE(action.start, growth.from) << "only the guard acts, on what it measures";
}

TEST(WhatIf, TheSameQuestionHasTheSameAnswer) {
  const Growth growth{.from = 1'020, .to = 1'080, .factor = 2.7};
  const WhatIf first = Ask(Quiet(), growth);
  const WhatIf second = Ask(Quiet(), growth);
  ASSERT_EQ(first.actions.size(), second.actions.size());
  for (std::size_t i = 0; i < first.actions.size(); ++i)
    EXPECT_EQ(first.actions[i].step, second.actions[i].step);
}

}  // namespace
}  // namespace foreshard::planner

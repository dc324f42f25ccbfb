#include "operator/controllers/scaling_status.h"

#include <gtest/gtest.h>

#include <functional>

#include "operator/api/conditions.h"

namespace foreshard::op {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

model::Quantiles Level(double value) {
  model::Quantiles quantiles;
  quantiles.fill(value);
  return quantiles;
}

model::Trust Full() {
  return {.history = 1, .data = 1, .skill = 1, .coverage = 1, .drift = 1, .freshness = 1, .cap = 1};
}

planner::Shard ShardOf(const char* id, const std::vector<double>& ahead) {
  planner::Shard shard;
  shard.id = {id};
  shard.trust = Full();
  shard.measured = {0.9, 0.4149};
  for (const double value : ahead) shard.fan.steps.push_back(Level(value));
  return shard;
}

class ScalingStatusTest : public testing::Test {
 protected:
  ScalingStatusTest() {
    seen_.wall = kNow;
    seen_.metrics_read = true;
    seen_.set.generation = 7;
    problem_.now = 1'000;
    problem_.bin_seconds = 300;
    problem_.policy.target_cpu_percent = 70;
    problem_.policy.plan_quantile_percent = 95;
    problem_.shards = {ShardOf("s-a", {0.5, 0.875, 0.875, 0.6})};
  }

  model::ShardSetStatus Told() { return ScalingStatus(seen_, problem_, plan_); }
  model::Condition Condition(const char* type) {
    const model::ShardSetStatus status = Told();
    const model::Condition* condition = FindCondition(status.conditions, type);
    return condition != nullptr ? *condition : model::Condition{};
  }

  ScalingObservation seen_;
  planner::Problem problem_;
  model::Plan plan_;
};

TEST_F(ScalingStatusTest, AShardShowsItsLoadAndWhenItsPeakComes) {
  const model::ShardStatus shard = Told().shard_statuses.at(0);
  EXPECT_EQ(shard.id.value, "s-a");
  EXPECT_EQ(shard.cpu_percent, 41) << "the newest bin";
  EXPECT_EQ(shard.forecast_peak_percent, 88) << "0.875 rounded";
  EXPECT_EQ(shard.forecast_peak_time, FormatRfc3339(WallTime(std::chrono::seconds(1'002 * 300))))
      << "the first bin of the peak: that is when capacity must be there";
  EXPECT_EQ(shard.load_score_percent, 125) << "of the target: 87.5 / 70";
}

TEST_F(ScalingStatusTest, ThePeakIsThatOfThePlannedQuantile) {
  model::Quantiles rising;
  for (std::size_t i = 0; i < rising.size(); ++i) rising[i] = 0.1 * static_cast<double>(i);
  problem_.shards[0].fan.steps = {rising};
  problem_.policy.plan_quantile_percent = 50;
  EXPECT_EQ(Told().shard_statuses[0].forecast_peak_percent, 50);
  problem_.policy.plan_quantile_percent = 95;
  EXPECT_EQ(Told().shard_statuses[0].forecast_peak_percent, 80);
}

TEST_F(ScalingStatusTest, WithoutAForecastNothingIsInvented) {
  problem_.shards[0].fan.steps.clear();
  problem_.shards[0].measured.clear();
  problem_.shards[0].trust = {};
  const model::ShardStatus shard = Told().shard_statuses.at(0);
  EXPECT_FALSE(shard.cpu_percent);
  EXPECT_FALSE(shard.forecast_peak_percent);
  EXPECT_FALSE(shard.load_score_percent);
  EXPECT_EQ(shard.forecast_peak_time, "");
  EXPECT_EQ(Condition("ForecastTrusted").reason, "NoForecast");
}

// behaviour-19
TEST_F(ScalingStatusTest, MetricsAreFreshStaleOrUnreachableAndItSaysWhy) {
  EXPECT_EQ(Condition("MetricsFresh").status, "True");
  EXPECT_EQ(Condition("MetricsFresh").observed_generation, 7);
  problem_.metrics_fresh = false;
  EXPECT_EQ(Condition("MetricsFresh").status, "False");
  EXPECT_EQ(Condition("MetricsFresh").reason, "Stale");
  seen_.metrics_read = false;
  seen_.metrics_problem = "Prometheus at p cannot be read: refused";
  EXPECT_EQ(Condition("MetricsFresh").reason, "Unreachable");
  EXPECT_EQ(Condition("MetricsFresh").message, seen_.metrics_problem);
}

TEST_F(ScalingStatusTest, TheLeastTrustedShardIsNamedWithWhatHoldsItBack) {
  EXPECT_EQ(Condition("ForecastTrusted").status, "True");
  problem_.shards.push_back(ShardOf("s-b", {0.5}));
  problem_.shards[1].trust.coverage = 0.2;
  EXPECT_EQ(Condition("ForecastTrusted").status, "False");
  EXPECT_EQ(Condition("ForecastTrusted").reason, "LowTrust");
  EXPECT_EQ(Condition("ForecastTrusted").message, "shard s-b: trust is held back by coverage");
  problem_.shards.clear();
  EXPECT_EQ(Condition("ForecastTrusted").status, "False");
}

TEST_F(ScalingStatusTest, ThePlanIsShownWithItsStepsAndWhatBlocksIt) {
  plan_.decision = model::PlanDecision::kBlocked;
  plan_.reason = model::PlanReason::kFreezeWindow;
  plan_.summary = "Split s-a at 40, but payroll is frozen.";
  model::PlannedStep& step = plan_.steps.emplace_back();
  step.type = model::ActionType::kSplit;
  step.shard = {"s-a"};
  step.at = "40";
  step.start = 1'004;
  step.reason = model::PlanReason::kPredictedBreach;
  const model::ShardSetStatus status = Told();
  ASSERT_TRUE(status.plan);
  EXPECT_EQ(status.plan->decision, "Blocked");
  EXPECT_EQ(status.plan->time, FormatRfc3339(kNow));
  ASSERT_EQ(status.plan->steps.size(), 1U);
  EXPECT_EQ(status.plan->steps[0].type, "Split");
  EXPECT_EQ(status.plan->steps[0].start_time,
            FormatRfc3339(WallTime(std::chrono::seconds(1'004 * 300))));
  EXPECT_EQ(Condition("PlanBlocked").status, "True");
  EXPECT_EQ(Condition("PlanBlocked").reason, "FreezeWindow");
  EXPECT_EQ(Condition("PlanBlocked").message, plan_.summary);
  plan_.decision = model::PlanDecision::kNoChange;
  EXPECT_EQ(Condition("PlanBlocked").status, "False");
}

TEST_F(ScalingStatusTest, AConditionThatStaysKeepsTheTimeSinceWhenItIsSo) {
  seen_.set.status.conditions = {{.type = "MetricsFresh",
                                  .status = "True",
                                  .reason = "Fresh",
                                  .message = "",
                                  .observed_generation = 6,
                                  .last_transition_time = "2026-01-01T00:00:00Z"}};
  EXPECT_EQ(Condition("MetricsFresh").last_transition_time, "2026-01-01T00:00:00Z");
  problem_.metrics_fresh = false;
  EXPECT_EQ(Condition("MetricsFresh").last_transition_time, FormatRfc3339(kNow));
}

// What is no news is not written: a set that hums along costs no write a bin.
TEST_F(ScalingStatusTest, SmallMovesAndNewWordsOfTheSamePlanAreNoNews) {
  const model::ShardSetStatus before = Told();
  EXPECT_TRUE(IsNews({}, before)) << "the first plan";
  EXPECT_FALSE(IsNews(before, before));
  model::ShardSetStatus now = before;
  now.plan->summary = "other words";
  now.plan->time = "later";
  *now.shard_statuses[0].cpu_percent += 4;
  EXPECT_FALSE(IsNews(before, now));
}

TEST_F(ScalingStatusTest, DecisionsStepsConditionsAndFivePointsAreNews) {
  const model::ShardSetStatus before = Told();
  const auto is_news = [&before](const std::function<void(model::ShardSetStatus&)>& change) {
    model::ShardSetStatus now = before;
    change(now);
    return IsNews(before, now);
  };
  EXPECT_TRUE(is_news([](auto& now) { now.plan->decision = "Waiting"; }));
  EXPECT_TRUE(is_news([](auto& now) { now.plan->steps.emplace_back(); }));
  EXPECT_TRUE(is_news([](auto& now) { now.plan.reset(); }));
  EXPECT_TRUE(is_news([](auto& now) { now.conditions[0].reason = "Stale"; }));
  EXPECT_TRUE(is_news([](auto& now) { now.conditions[0].observed_generation = 8; }));
  EXPECT_TRUE(is_news([](auto& now) { *now.shard_statuses[0].cpu_percent -= 5; }));
  EXPECT_TRUE(is_news([](auto& now) { *now.shard_statuses[0].forecast_peak_percent += 5; }));
  EXPECT_TRUE(is_news([](auto& now) { now.shard_statuses[0].forecast_peak_percent.reset(); }));
  EXPECT_TRUE(is_news([](auto& now) { now.shard_statuses[0].id = {"s-new"}; }));
}

}  // namespace
}  // namespace foreshard::op

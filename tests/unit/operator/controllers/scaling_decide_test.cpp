#include "operator/controllers/scaling_decide.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/operator/scaling_world.h"

namespace foreshard::op {
namespace {

constexpr model::BinIndex kMidnight = 1'000 * kDayBins;

// Bins from `from` on until a migration is wanted; the bin in which it is.
std::optional<model::BinIndex> FirstMigration(ScalingMemory& memory, model::BinIndex from,
                                              model::BinIndex to, ScalingDecision& decision,
                                              model::ScalingMode mode) {
  for (model::BinIndex now = from; now <= to; ++now) {
    ScalingObservation seen = SeenAt(now);
    seen.set.spec.scaling.mode = mode;
    decision = DecideScaling(seen, memory);
    if (decision.migration) return now;
  }
  return std::nullopt;
}

model::BinIndex BreachBin() {
  for (model::BinIndex bin = kMidnight;; ++bin) {
    if ((kBackgroundCores + kCoresPerStatement * HotRate(bin)) / kCapacityCores > 0.8) return bin;
  }
}

TEST(ScalingDecide, SplitsTheHotShardBeforeItsPeak) {
  ScalingMemory memory;
  ScalingDecision decision;
  const auto at = FirstMigration(memory, kMidnight, kMidnight + kDayBins / 2, decision,
                                 model::ScalingMode::kAuto);
  ASSERT_TRUE(at) << decision.plan.summary;
  EXPECT_LE(*at + 17, BreachBin())
      << "a move of 85 s has to end before the load reaches the limit: " << decision.plan.summary;
  EXPECT_EQ(decision.plan.reason, model::PlanReason::kPredictedBreach) << decision.plan.summary;
  EXPECT_FALSE(decision.plan.guard);
  EXPECT_EQ(decision.migration->spec.type, model::MigrationType::kSplit);
  EXPECT_EQ(decision.migration->spec.source.value, "s-hot");
  EXPECT_TRUE(decision.migration->spec.approved);
  EXPECT_EQ(decision.migration->spec.soak, std::chrono::seconds(30));
  EXPECT_EQ(decision.status.plan->decision, "Executing");
  EXPECT_NE(decision.status.plan->summary.find("Rehearsed in 64 scenarios"), std::string::npos)
      << decision.status.plan->summary;
}

// A morning in which a copy would be too much, and then a peak that is too much by itself; in bins
// of a minute, of which the forecast's fan reaches six.
double MorningAndPeak(model::BinIndex bin) {
  const model::BinIndex place = bin % kDayBins;
  const double wobble = 5 * std::sin(static_cast<double>(bin) * 1.7);
  return (place < 30 || place > 60 ? 300 : place < 41 ? 1'045 : 1'400) + wobble;
}
// As busy as that morning, and no more.
double BusyAllDay(model::BinIndex bin) {
  return 1'045 + 5 * std::sin(1.7 * static_cast<double>(bin));
}

ScalingObservation MinutesUntil(model::BinIndex now, int days, double (*rate)(model::BinIndex)) {
  ScalingObservation seen = SeenAt(now, days);
  seen.bin = std::chrono::minutes(1);
  seen.wall = WallTime(std::chrono::seconds((now + 1) * 60 + 2));
  model::ScalingSpec& scaling = seen.set.spec.scaling;
  scaling.bin = std::chrono::minutes(1);
  scaling.seasons = {std::chrono::minutes(kDayBins)};
  scaling.horizon = std::chrono::minutes(6);
  scaling.target_cpu_percent = 75;
  seen.demand[{"s-hot"}] = DemandOf(seen.first, now, rate);
  seen.cores[{"s-hot"}] = CoresOf(seen.first, now, rate);
  seen.measured = seen.demand;
  return seen;
}

TEST(ScalingDecide, RelievesAShardBeforeItIsTooBusyForTheCopyThatItsPeakWillNeed) {
  ScalingMemory memory;
  ScalingDecision decision;
  model::BinIndex now = kMidnight + 15;
  while (now < kMidnight + 60 && !decision.migration)
    decision = DecideScaling(MinutesUntil(++now, 6, MorningAndPeak), memory);
  ASSERT_TRUE(decision.migration) << decision.plan.summary;
  EXPECT_EQ(decision.migration->spec.source.value, "s-hot");
  EXPECT_LE(now + 3, kMidnight + 30) << "a copy of two bins ends before the morning";
  EXPECT_GE(decision.plan.breach_at, kMidnight + 40);
  EXPECT_LE(decision.plan.breach_at, kMidnight + 42);
  EXPECT_GT(decision.plan.breach_at, now + 6) << "the fan ends before it";
  EXPECT_NE(decision.plan.summary.find("while s-hot still has room for the copy"),
            std::string::npos)
      << decision.plan.summary;

  ScalingMemory calm;
  for (now = kMidnight + 15; now < kMidnight + 60; ++now) {
    decision = DecideScaling(MinutesUntil(now, 6, BusyAllDay), calm);
    EXPECT_FALSE(decision.migration) << decision.plan.summary;
  }
}

TEST(ScalingDecide, ThePlannerIsToldThePlannedQuantileOfTheDay) {
  ScalingMemory memory;
  ScalingObservation seen = MinutesUntil(kMidnight + 20, 6, MorningAndPeak);
  seen.set.spec.scaling.plan_quantile_percent = 90;
  DecideScaling(seen, memory);
  const planner::Problem problem = MakeProblem(seen, memory);
  EXPECT_EQ(problem.later_bins, 2);
  const std::vector<model::Quantiles>& day = memory.loads->loads().at({"s-hot"}).later;
  ASSERT_EQ(problem.shards.at(1).id.value, "s-hot");
  const std::vector<double>& told = problem.shards[1].later;
  ASSERT_EQ(told.size(), 48u);
  for (std::size_t step = 0; step < told.size(); ++step)
    EXPECT_DOUBLE_EQ(told[step], model::Quantile(day[step], 0.9)) << "step " << step;
  EXPECT_LT(told[8], 0.8) << "bins 36 and 37";
  EXPECT_GT(told[12], 0.8) << "bins 44 and 45";

  ScalingMemory young;
  const ScalingObservation short_history = MinutesUntil(kMidnight + 20, 1, MorningAndPeak);
  DecideScaling(short_history, young);
  for (const planner::Shard& shard : MakeProblem(short_history, young).shards)
    EXPECT_TRUE(shard.later.empty());
}

// behaviour-19
TEST(ScalingDecide, RecommendModeProposesAndWaits) {
  ScalingMemory memory;
  ScalingDecision decision;
  const auto at = FirstMigration(memory, kMidnight, kMidnight + kDayBins / 2, decision,
                                 model::ScalingMode::kRecommend);
  ASSERT_TRUE(at);
  EXPECT_FALSE(decision.migration->spec.approved);
  ScalingObservation seen = SeenAt(*at + 1);
  seen.set.spec.scaling.mode = model::ScalingMode::kRecommend;
  decision.migration->uid = "m1";
  seen.migrations.push_back(*decision.migration);
  EXPECT_FALSE(DecideScaling(seen, memory).migration) << "one proposal at a time";
}

// behaviour-19
TEST(ScalingDecide, ObserveModeShowsThePlanAndMakesNothing) {
  ScalingMemory memory;
  ScalingDecision decision;
  EXPECT_FALSE(FirstMigration(memory, kMidnight, kMidnight + kDayBins / 2, decision,
                              model::ScalingMode::kObserve));
  EXPECT_TRUE(decision.status.plan);
}

// behaviour-20
TEST(ScalingDecide, NothingBeginsInAFreezeWindow) {
  ScalingMemory memory;
  ScalingObservation seen = SeenAt(BreachBin());
  seen.set.spec.scaling.mode = model::ScalingMode::kAuto;
  ScalingMemory free;
  ASSERT_TRUE(DecideScaling(seen, free).migration) << "without a window it acts at once";
  seen.set.spec.scaling.freeze_windows = {
      {.name = "payroll", .schedule = "0 0 * * *", .duration = std::chrono::hours(24)}};
  const ScalingDecision decision = DecideScaling(seen, memory);
  EXPECT_FALSE(decision.migration);
  EXPECT_EQ(decision.plan.reason, model::PlanReason::kFreezeWindow) << decision.plan.summary;
  EXPECT_NE(decision.plan.summary.find("payroll"), std::string::npos);
}

// behaviour-20
TEST(ScalingDecide, AMigrationInFlightIsNotDoubled) {
  ScalingMemory memory;
  ScalingDecision decision;
  const auto at = FirstMigration(memory, kMidnight, kMidnight + kDayBins / 2, decision,
                                 model::ScalingMode::kAuto);
  ASSERT_TRUE(at);
  ScalingObservation seen = SeenAt(*at + 1);
  decision.migration->uid = "m1";
  decision.migration->status.phase = "Copying";
  seen.migrations.push_back(*decision.migration);
  const ScalingDecision next = DecideScaling(seen, memory);
  EXPECT_FALSE(next.migration);
  EXPECT_EQ(next.plan.reason, model::PlanReason::kMigrationInFlight) << next.plan.summary;
}

TEST(ScalingDecide, AfterTheSplitItIsContent) {
  ScalingMemory memory;
  ScalingDecision decision;
  const auto at = FirstMigration(memory, kMidnight, kMidnight + kDayBins / 2, decision,
                                 model::ScalingMode::kAuto);
  ASSERT_TRUE(at);
  const model::BinIndex cut = *at + 14;
  model::ShardMigration done = *decision.migration;
  done.uid = "m1";
  done.status.destination = {"s-new"};
  done.status.start_time = FormatRfc3339(WallTime(std::chrono::seconds(*at * 5)));
  for (const char* type : {"CutOver", "Completed"}) {
    done.status.conditions.push_back(
        {.type = type,
         .status = "True",
         .reason = "",
         .message = "",
         .observed_generation = 1,
         .last_transition_time = FormatRfc3339(WallTime(std::chrono::seconds(cut * 5)))});
  }
  done.status.phase = "Completed";
  done.status.completion_time = FormatRfc3339(WallTime(std::chrono::seconds(cut * 5 + 40)));
  for (model::BinIndex now = cut + 13; now < cut + kDayBins / 2; ++now) {
    ScalingObservation seen = SeenAt(now);
    seen.migrations = {done};
    seen.table->ranges = {
        {{"", "40"}, {"s-hot"}}, {{"40", "80"}, {"s-new"}}, {{"80", ""}, {"s-cold"}}};
    model::ShardStatus fresh = seen.set.status.shard_statuses[1];
    fresh.id = {"s-new"};
    seen.set.status.shard_statuses.push_back(fresh);
    ShardDemand& hot = seen.demand.at({"s-hot"});
    ShardDemand& added = seen.demand[{"s-new"}];
    added.points.resize(hot.points.size());
    added.known.resize(hot.points.size());
    std::vector<double>& hot_cores = seen.cores.at({"s-hot"});
    std::vector<double> added_cores(hot_cores.size(), NAN);
    for (model::BinIndex bin = cut + 1; bin <= now; ++bin) {
      const auto i = static_cast<std::size_t>(bin - seen.first);
      for (double& rate : hot.points[i].rate) rate /= 2;
      added.points[i] = hot.points[i];
      added.known[i] = true;
      hot_cores[i] = kBackgroundCores + kCoresPerStatement * HotRate(bin) / 2;
      added_cores[i] = hot_cores[i];
    }
    seen.cores[{"s-new"}] = added_cores;
    const ScalingDecision next = DecideScaling(seen, memory);
    ASSERT_FALSE(next.migration) << "bin " << now - kMidnight << ": " << next.plan.summary;
  }
}

// behaviour-19
TEST(ScalingDecide, MissingMetricsNeverCauseAnAction) {
  ScalingMemory memory;
  ScalingObservation seen = SeenAt(BreachBin());
  seen.metrics_read = false;
  seen.metrics_problem = "connection refused";
  seen.demand.clear();
  seen.cores.clear();
  const ScalingDecision decision = DecideScaling(seen, memory);
  EXPECT_FALSE(decision.migration);
  EXPECT_EQ(decision.plan.reason, model::PlanReason::kStaleMetrics);
}

// behaviour-19
TEST(ScalingDecide, OffMeansNoPlanAtAll) {
  ScalingMemory memory;
  ScalingObservation seen = SeenAt(kMidnight);
  seen.set.spec.scaling.mode = model::ScalingMode::kOff;
  EXPECT_FALSE(DecideScaling(seen, memory).has_plan);
}

// A migration that was cut over so long after its start.
model::ShardMigration Finished(const std::string& uid, std::chrono::seconds took) {
  const WallTime start(std::chrono::hours(24 * 365 * 56));
  model::ShardMigration migration;
  migration.uid = uid;
  migration.name = "split-" + uid;
  migration.spec.shard_set_name = "demo";
  migration.spec.source = {"s-gone"};
  migration.status.phase = "Completed";
  migration.status.start_time = FormatRfc3339(start);
  migration.status.completion_time = FormatRfc3339(start + took + std::chrono::minutes(10));
  migration.status.progress.copied_bytes = 30'000'000;
  for (const char* type : {"CutOver", "Completed"}) {
    migration.status.conditions.push_back({.type = type,
                                           .status = "True",
                                           .reason = "",
                                           .message = "",
                                           .observed_generation = 1,
                                           .last_transition_time = FormatRfc3339(start + took)});
  }
  return migration;
}

// behaviour-20
TEST(ScalingDecide, WhatTookLongerThanTheForecastReachesIsNotBegunOnAForecast) {
  const auto act_before_the_breach = [](std::vector<std::chrono::seconds> took) {
    ScalingMemory memory;
    std::map<model::PlanReason, int> reasons;
    bool acted = false;
    for (model::BinIndex now = kMidnight; now + 1 < BreachBin() && !acted; ++now) {
      ScalingObservation seen = SeenAt(now);
      for (std::size_t i = 0; i < took.size(); ++i)
        seen.migrations.push_back(Finished(fmt::format("m{}", i), took[i]));
      const ScalingDecision decision = DecideScaling(seen, memory);
      acted = decision.migration.has_value();
      ++reasons[decision.plan.reason];
    }
    return std::pair{acted, reasons[model::PlanReason::kHorizonTooShort]};
  };
  using std::chrono::seconds;
  // The forecast reaches two minutes.
  EXPECT_EQ(act_before_the_breach(std::vector<seconds>(12, seconds(70))), (std::pair{true, 0}));
  std::vector<seconds> erratic;
  for (int i = 0; i < 6; ++i) erratic.insert(erratic.end(), {seconds(40), seconds(180)});
  const auto [acted, refused] = act_before_the_breach(erratic);
  EXPECT_FALSE(acted) << "half of them took less than two minutes, but not nine of ten";
  EXPECT_GT(refused, 0);
}

TEST(ScalingDecide, LearnsHowLongAMigrationReallyTook) {
  ScalingMemory memory;
  ScalingObservation seen = SeenAt(kMidnight);
  model::ShardMigration slow;
  slow.uid = "m1";
  slow.name = "split";
  slow.spec.shard_set_name = "demo";
  slow.spec.source = {"s-hot"};
  slow.status.phase = "Completed";
  slow.status.start_time = "2026-05-01T09:00:00Z";
  slow.status.completion_time = "2026-05-01T09:20:00Z";
  for (const char* type : {"CutOver", "Completed"}) {
    slow.status.conditions.push_back({.type = type,
                                      .status = "True",
                                      .reason = "",
                                      .message = "",
                                      .observed_generation = 1,
                                      .last_transition_time = "2026-05-01T09:10:00Z"});
  }
  seen.migrations = {slow};
  DecideScaling(seen, memory);
  EXPECT_EQ(memory.planner.finished, 1);
  const auto predicted = [](const planner::Memory& known) {
    return planner::EstimateMoveTime(known, planner::MovePriors{}, 60e6, true).p50_seconds;
  };
  EXPECT_GT(predicted(memory.planner), 2 * predicted({})) << "ten minutes are more than predicted";
  DecideScaling(seen, memory);
  EXPECT_EQ(memory.planner.finished, 1) << "once";
}

}  // namespace
}  // namespace foreshard::op

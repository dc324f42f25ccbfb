#include "operator/forecasts/load_book.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/operator/scaling_world.h"

namespace foreshard::op {
namespace {

constexpr model::BinIndex kMidnight = 1'000 * kDayBins;

LoadBookOptions Options() {
  return {.bin = std::chrono::seconds(5),
          .seasons = {std::chrono::minutes(8)},
          .horizon = std::chrono::minutes(2),
          .capacity_cores = kCapacityCores};
}

double TrueUtilisation(model::BinIndex bin) {
  return (kBackgroundCores + kCoresPerStatement * HotRate(bin)) / kCapacityCores;
}

TEST(LoadBook, ForeseesAPeakThatThePastHad) {
  LoadBook book(Options());
  const ScalingObservation seen = SeenAt(kMidnight + 20);
  ASSERT_TRUE(book.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  const ShardLoad& hot = book.loads().at({"s-hot"});
  ASSERT_TRUE(hot.estimator_usable);
  ASSERT_EQ(hot.fan.steps.size(), 24u);
  for (const std::size_t step : {1u, 6u, 12u, 24u}) {
    const double truth = TrueUtilisation(seen.now + static_cast<model::BinIndex>(step));
    EXPECT_NEAR(hot.fan.steps[step - 1][model::kMedian], truth, 0.1 * truth) << "step " << step;
  }
  EXPECT_GT(hot.trust.Value(), model::kTrustToAddCapacity) << fmt::format(
      "history {} data {} skill {} coverage {} drift {} freshness {}", hot.trust.history,
      hot.trust.data, hot.trust.skill, hot.trust.coverage, hot.trust.drift, hot.trust.freshness);
}

TEST(LoadBook, KnowsTheDayInLongStepsAsUtilisation) {
  LoadBook book(Options());
  ASSERT_EQ(book.LaterBins(), 2);
  const ScalingObservation seen = SeenAt(kMidnight + 20);  // the last whole step ended a bin ago
  ASSERT_TRUE(book.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  const ShardLoad& hot = book.loads().at({"s-hot"});
  ASSERT_EQ(hot.later.size(), 48u);
  for (const model::BinIndex step : {0, 6, 14, 24, 47}) {
    const model::BinIndex bin = kMidnight + 20 + 2 * step;
    const double truth = (TrueUtilisation(bin) + TrueUtilisation(bin + 1)) / 2;
    EXPECT_NEAR(hot.later[static_cast<std::size_t>(step)][model::kMedian], truth, 0.1 * truth)
        << "step " << step;
  }
  const ScalingObservation young = SeenAt(kMidnight + 20, 1);
  LoadBook other(Options());
  ASSERT_TRUE(other.Advance(young.demand, young.demand, young.cores, young.first, young.now));
  EXPECT_TRUE(other.loads().at({"s-hot"}).later.empty());
}

TEST(LoadBook, GoesForwardBinByBinAsIfItHadBeenFittedLater) {
  LoadBook stepwise(Options());
  for (model::BinIndex now = kMidnight; now <= kMidnight + 12; ++now) {
    const ScalingObservation seen = SeenAt(now);
    ASSERT_TRUE(stepwise.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  }
  const ShardLoad& load = stepwise.loads().at({"s-hot"});
  EXPECT_EQ(load.fan.origin, kMidnight + 12);
  EXPECT_NEAR(load.fan.steps[11][model::kMedian], TrueUtilisation(kMidnight + 24),
              0.1 * TrueUtilisation(kMidnight + 24));
}

TEST(LoadBook, ABackfilledPastIsNoticed) {
  LoadBook book(Options());
  const ScalingObservation today = SeenAt(kMidnight + 20, 1);
  ASSERT_TRUE(book.Advance(today.demand, today.demand, today.cores, today.first, today.now));
  EXPECT_EQ(book.loads().at({"s-hot"}).trust.history, 0) << "one season is no history";
  const ScalingObservation week = SeenAt(kMidnight + 21, 6);
  ASSERT_TRUE(book.Advance(week.demand, week.demand, week.cores, week.first, week.now));
  EXPECT_GT(book.loads().at({"s-hot"}).trust.history, 0);
}

TEST(LoadBook, AnAnnouncedEventRaisesTheForecastOfItsBinsAndOfNoOthers) {
  const ScalingObservation seen = SeenAt(kMidnight + 20);
  LoadBook plain(Options());
  ASSERT_TRUE(plain.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  LoadBook told(Options());
  ASSERT_TRUE(told.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  forecast::Calendar calendar;
  calendar.events.push_back(
      {.name = "Campaign",
       .expected_multiplier = 3,
       .occurrences = {{.start = seen.now + 10, .before = 0, .plateau = 4, .after = 0}}});
  // Announced after the first fit: the next bin knows it.
  const ScalingObservation next = SeenAt(kMidnight + 21);
  ASSERT_TRUE(plain.Advance(next.demand, next.demand, next.cores, next.first, next.now));
  ASSERT_TRUE(told.Advance(next.demand, next.demand, next.cores, next.first, next.now,
                           {{{"s-hot"}, calendar}}));
  const auto statements = [](const LoadBook& book, const char* shard, std::size_t step) {
    return book.loads().at({shard}).statements_ahead.at(step - 1)[model::kMedian];
  };
  EXPECT_NEAR(statements(told, "s-hot", 10) / statements(plain, "s-hot", 10), 3, 0.6);
  EXPECT_NEAR(statements(told, "s-hot", 3) / statements(plain, "s-hot", 3), 1, 0.1);
  EXPECT_NEAR(statements(told, "s-hot", 20) / statements(plain, "s-hot", 20), 1, 0.1);
  EXPECT_NEAR(statements(told, "s-cold", 10) / statements(plain, "s-cold", 10), 1, 0.1);
}

TEST(LoadBook, WithoutCpuSamplesThereIsNoForecastOfUtilisation) {
  LoadBook book(Options());
  const ScalingObservation seen = SeenAt(kMidnight);
  ASSERT_TRUE(book.Advance(seen.demand, seen.demand, {}, seen.first, seen.now));
  EXPECT_TRUE(book.loads().at({"s-hot"}).fan.steps.empty());
  EXPECT_TRUE(book.loads().at({"s-hot"}).measured.empty());
  EXPECT_FALSE(book.loads().at({"s-hot"}).estimator_usable);
}

TEST(LoadBook, ImportedHistoryTeachesNoCost) {
  LoadBook book(Options());
  const ScalingObservation seen = SeenAt(kMidnight + 20);
  // The shards were idle while the history says they were busy; they really worked for the last 20
  // bins.
  auto measured = seen.demand;
  auto cores = seen.cores;
  for (auto& [shard, demand] : measured) {
    for (std::size_t i = 0; i + 20 < demand.known.size(); ++i) {
      demand.known[i] = false;
      cores.at(shard)[i] = kBackgroundCores;
    }
  }
  ASSERT_TRUE(book.Advance(seen.demand, measured, cores, seen.first, seen.now));
  EXPECT_TRUE(book.loads().at({"s-hot"}).estimator_usable);
  EXPECT_NEAR(book.loads().at({"s-hot"}).fan.steps[5][model::kMedian],
              TrueUtilisation(seen.now + 6), 0.1 * TrueUtilisation(seen.now + 6));
}

TEST(LoadBook, SaysWhyItKnowsNoCosts) {
  LoadBook book(Options());
  const ScalingObservation seen = SeenAt(kMidnight);
  ASSERT_TRUE(book.Advance(seen.demand, seen.demand, {}, seen.first, seen.now));
  EXPECT_TRUE(book.estimator().excluded);
  EXPECT_FALSE(book.estimator().reason.empty());
}

// Four weeks of three hundred shards are more than anyone needs to read.
TEST(LoadBook, ManyShardsTeachTheSameAsOne) {
  LoadBook book(Options());
  const ScalingObservation seen = SeenAt(kMidnight + 20);
  std::map<model::ShardId, ShardDemand> demand;
  std::map<model::ShardId, std::vector<double>> cores;
  for (int i = 0; i < 30; ++i) {
    demand[{fmt::format("s-{}", i)}] = seen.demand.at({"s-hot"});
    cores[{fmt::format("s-{}", i)}] = seen.cores.at({"s-hot"});
  }
  ASSERT_TRUE(book.Advance({}, demand, cores, seen.first, seen.now));
  EXPECT_FALSE(book.estimator().excluded) << book.estimator().reason;
  LoadBook of_one(Options());
  const model::ShardId one = {"s-0"};
  ASSERT_TRUE(of_one.Advance({}, {{one, demand[one]}}, {{one, cores[one]}}, seen.first, seen.now));
  const double cost = of_one.estimator().cpu.weight[0];
  EXPECT_GT(cost, 0);
  EXPECT_NEAR(book.estimator().cpu.weight[0], cost, 0.05 * cost);
}

TEST(LoadBook, AShardThatIsGoneIsForgotten) {
  LoadBook book(Options());
  ScalingObservation seen = SeenAt(kMidnight);
  ASSERT_TRUE(book.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  seen.demand.erase({"s-cold"});
  ASSERT_TRUE(book.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  EXPECT_EQ(book.loads().size(), 1u);
}

}  // namespace
}  // namespace foreshard::op

#include <gtest/gtest.h>

#include <limits>

#include "operator/forecasts/load_book.h"
#include "tests/unit/operator/scaling_world.h"

// What a load book keeps over restarts, and what others learn for it.

namespace foreshard::op {
namespace {

constexpr model::BinIndex kMidnight = 1'000 * kDayBins;
const model::ShardId kHot{"s-hot"};

LoadBookOptions Options(bool learns_beside = false) {
  return {.bin = std::chrono::seconds(5),
          .seasons = {std::chrono::minutes(8)},
          .horizon = std::chrono::minutes(2),
          .capacity_cores = kCapacityCores,
          .learns_beside = learns_beside};
}

void Go(LoadBook& book, model::BinIndex from, model::BinIndex to, double factor = 1) {
  for (model::BinIndex now = from; now <= to; ++now) {
    ScalingObservation seen = SeenAt(now);
    for (auto& [shard, demand] : seen.demand) {
      for (model::DemandPoint& point : demand.points) {
        for (double& rate : point.rate) rate *= factor;
      }
    }
    ASSERT_TRUE(book.Advance(seen.demand, seen.demand, seen.cores, seen.first, seen.now));
  }
}

SavedForecasts AllOf(const LoadBook& book) {
  SavedForecasts saved;
  for (const auto& [shard, load] : book.loads()) saved.shards[shard] = *book.Save(shard);
  saved.network = book.network();
  return saved;
}

TEST(LoadBookMemory, ARestartChangesNoBit) {
  LoadBook before(Options());
  Go(before, kMidnight, kMidnight + 30);
  const SavedForecasts saved = AllOf(before);
  Go(before, kMidnight + 31, kMidnight + 40);

  LoadBook after(Options());
  after.Restore(saved);
  Go(after, kMidnight + 40, kMidnight + 40);  // ten bins passed while nobody looked
  LoadBook anew(Options());
  Go(anew, kMidnight + 40, kMidnight + 40);

  EXPECT_EQ(after.loads().at(kHot).fan.origin, kMidnight + 40);
  EXPECT_EQ(after.loads().at(kHot).fan, before.loads().at(kHot).fan);
  EXPECT_EQ(after.loads().at(kHot).scenarios, before.loads().at(kHot).scenarios);
  EXPECT_FALSE(anew.loads().at(kHot).fan == before.loads().at(kHot).fan)
      << "else this test could not tell a state from a new fit";
}

TEST(LoadBookMemory, WhatDoesNotFitIsLearnedAnew) {
  LoadBook before(Options());
  Go(before, kMidnight, kMidnight + 30);
  LoadBook anew(Options());
  Go(anew, kMidnight + 40, kMidnight + 40);
  const model::Fan wanted = anew.loads().at(kHot).fan;

  const auto fan_after = [&](const std::function<void(SavedForecast&)>& change) {
    SavedForecasts saved = AllOf(before);
    for (auto& [shard, one] : saved.shards) change(one);
    LoadBook after(Options());
    after.Restore(std::move(saved));
    Go(after, kMidnight + 40, kMidnight + 40);
    return after.loads().at(kHot).fan;
  };
  EXPECT_FALSE(fan_after([](SavedForecast&) {}) == wanted) << "it fits";
  EXPECT_EQ(fan_after([](SavedForecast& one) { one.state[40] ^= 1; }), wanted) << "damaged";
  EXPECT_EQ(fan_after([](SavedForecast& one) { one.state.clear(); }), wanted) << "empty";
  EXPECT_EQ(fan_after([](SavedForecast& one) { one.grid = "bin 300 s"; }), wanted)
      << "of another grid";
  EXPECT_EQ(fan_after([](SavedForecast& one) { one.level *= 1.5; }), wanted) << "another history";
  EXPECT_EQ(fan_after([](SavedForecast& one) { one.last += 1; }), wanted) << "not where it ends";
  EXPECT_EQ(fan_after([](SavedForecast& one) { one.last = kMidnight + 400; }), wanted)
      << "of the future";
}

TEST(LoadBookMemory, AnOldStateIsNotReopened) {
  LoadBook before(Options());
  Go(before, kMidnight, kMidnight + 1);
  LoadBook after(Options());
  after.Restore(AllOf(before));
  const model::BinIndex later = kMidnight + 3 * kDayBins;
  Go(after, later, later);
  LoadBook anew(Options());
  Go(anew, later, later);
  EXPECT_EQ(after.loads().at(kHot).fan, anew.loads().at(kHot).fan);
}

TEST(LoadBookMemory, WhatIsDueIsAskedForOnceAndOnlyWhenItIs) {
  LoadBook at_once(Options());
  Go(at_once, kMidnight, kMidnight + kDayBins);
  EXPECT_FALSE(at_once.Due()) << "it has fitted within the pass";
  EXPECT_GT(at_once.Count().refits, 0);

  LoadBook book(Options(true));
  Go(book, kMidnight, kMidnight + kDayBins - 1);
  EXPECT_FALSE(book.Due()) << "a day is not over";
  const std::int64_t fitted = book.Count().refits;
  Go(book, kMidnight + kDayBins, kMidnight + kDayBins + 1);
  EXPECT_EQ(book.Count().refits, fitted) << "no pass waits for a fit";
  const std::optional<RetrainJob> job = book.Due();
  ASSERT_TRUE(job);
  EXPECT_EQ(job->due.size(), 2u);
  EXPECT_TRUE(job->histories.empty()) << "there is no second season, so no network";
  EXPECT_FALSE(book.Due()) << "somebody works on it";
}

TEST(LoadBookMemory, WhatWasLearnedBesideIsBroughtForward) {
  LoadBook book(Options(true));
  Go(book, kMidnight, kMidnight + kDayBins);
  std::optional<RetrainJob> job = book.Due();
  ASSERT_TRUE(job);
  const std::int64_t fitted = book.Count().refits;
  Go(book, kMidnight + kDayBins + 1, kMidnight + kDayBins + 5);  // passes go on meanwhile
  book.Adopt(Retrain(*std::move(job), forecast::OneByOne, forecast::NeverStop));
  EXPECT_EQ(book.Count().refits, fitted + 2);
  Go(book, kMidnight + kDayBins + 6, kMidnight + kDayBins + 6);
  const model::Fan& fan = book.loads().at(kHot).fan;
  EXPECT_EQ(fan.origin, kMidnight + kDayBins + 6);
  EXPECT_FALSE(book.Due()) << "the next is a day later";
}

TEST(LoadBookMemory, WhatWasLearnedForAnotherPastIsDropped) {
  LoadBook book(Options(true));
  Go(book, kMidnight, kMidnight + kDayBins);
  std::optional<RetrainJob> job = book.Due();
  ASSERT_TRUE(job);
  Go(book, kMidnight + kDayBins + 1, kMidnight + kDayBins + 1, 3);  // a backfill: all is different
  const model::Fan wanted = book.loads().at(kHot).fan;
  const forecast::Counts counts = book.Count();
  book.Adopt(Retrain(*std::move(job), forecast::OneByOne, forecast::NeverStop));
  EXPECT_EQ(book.Count(), counts);
  EXPECT_EQ(book.loads().at(kHot).fan, wanted);
}

// A day of 24 bins of an hour, a week of 7 days: small enough to train a network in a test.
LoadBookOptions Hourly() {
  return {.bin = std::chrono::hours(1),
          .seasons = {std::chrono::hours(24), std::chrono::hours(168)},
          .horizon = std::chrono::hours(4),
          .capacity_cores = 1,
          .learns_beside = true};
}

Status GoHourly(LoadBook& book, int weeks, model::BinIndex now) {
  ShardDemand demand;
  const model::BinIndex first = now - weeks * 168 + 1;
  for (model::BinIndex at = first; at <= now; ++at) {
    model::DemandPoint point;
    point[model::DemandKind::kReads] =
        100 + 40 * std::sin(static_cast<double>(at) * 2 * std::numbers::pi / 24) +
        (at / 24 % 7 < 5 ? 30 : 0) + static_cast<double>(at * 7919 % 11);
    demand.points.push_back(point);
    demand.known.push_back(true);
  }
  const std::map<model::ShardId, ShardDemand> all = {{{"s-a"}, demand}};
  return book.Advance(all, all, {}, first, now);
}

TEST(LoadBookMemory, TheNetworkIsTrainedOnceTwoSecondSeasonsAreKnownAndThenEachOne) {
  const model::BinIndex now = 168 * 3'000;
  LoadBook young(Hourly());
  ASSERT_TRUE(GoHourly(young, 1, now));
  EXPECT_FALSE(young.Due());

  LoadBook book(Hourly());
  ASSERT_TRUE(GoHourly(book, 3, now));
  std::optional<RetrainJob> job = book.Due();
  ASSERT_TRUE(job);
  ASSERT_EQ(job->histories.size(), 1u);
  Retrained learned = Retrain(*std::move(job), forecast::OneByOne, forecast::NeverStop);
  ASSERT_TRUE(learned.shared) << learned.problem;
  book.Adopt(std::move(learned));
  ASSERT_TRUE(book.network().weights);
  EXPECT_EQ(book.network().trained_at, now);
  EXPECT_FALSE(book.Due());

  // The shard asks it from its next daily fit on.
  const auto weight_of_network = [&book] {
    for (const forecast::ModelReport& model : book.Report({"s-a"}).back().models) {
      if (model.name == "lstm") return model.weight;
    }
    return -1.0;
  };
  EXPECT_EQ(weight_of_network(), 0);
  ASSERT_TRUE(GoHourly(book, 3, now + 25));
  std::optional<RetrainJob> daily = book.Due();
  ASSERT_TRUE(daily);
  EXPECT_TRUE(daily->histories.empty()) << "the network is a day old";
  EXPECT_EQ(daily->shared, book.network().weights);
  book.Adopt(Retrain(*std::move(daily), forecast::OneByOne, forecast::NeverStop));
  EXPECT_GT(weight_of_network(), 0);

  // A restart takes it along; a week later it is trained again.
  LoadBook after(Hourly());
  after.Restore(AllOf(book));
  ASSERT_TRUE(GoHourly(after, 3, now + 26));
  EXPECT_EQ(after.network().weights, book.network().weights);
  ASSERT_TRUE(GoHourly(after, 3, now + 168));
  const std::optional<RetrainJob> weekly = after.Due();
  ASSERT_TRUE(weekly);
  EXPECT_EQ(weekly->histories.size(), 1u);
}

TEST(LoadBookMemory, WithoutANetworkTheEnsembleGoesOnAndItIsTriedADayLater) {
  const model::BinIndex now = 168 * 3'000;
  LoadBook book(Hourly());
  ASSERT_TRUE(GoHourly(book, 3, now));
  ASSERT_TRUE(book.Due());
  book.Adopt({.fitted = {}, .shared = nullptr, .problem = "training exploded"});
  EXPECT_FALSE(book.network().weights);
  ASSERT_TRUE(GoHourly(book, 3, now + 23));
  const std::optional<RetrainJob> early = book.Due();
  EXPECT_TRUE(!early || early->histories.empty());
  if (early) book.Adopt({});
  ASSERT_TRUE(GoHourly(book, 3, now + 24));
  const std::optional<RetrainJob> again = book.Due();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->histories.size(), 1u);
}

}  // namespace
}  // namespace foreshard::op

#include "planner/outlook.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

TEST(Outlook, JointScenariosAreSummedPathByPath) {
  Problem problem = TwoShards();
  // When one is high the other is low: the sum hardly varies, which adding quantiles could not see.
  for (std::size_t r = 0; r < 64; ++r) {
    for (std::size_t h = 0; h < kHorizon; ++h) {
      problem.shards[0].scenarios.paths[r][h] = static_cast<double>(r) / 64;
      problem.shards[1].scenarios.paths[r][h] = 1 - static_cast<double>(r) / 64;
    }
  }
  const Options options;
  const Outlook outlook(problem, options);
  const Matrix moved = outlook.Clients(1);
  const Reading sum = outlook.Read(outlook.Of(0), {.added = &moved, .factor = 1});
  EXPECT_NEAR(sum.peak, 1.0, 1e-5);
}

TEST(Outlook, WhatLeavesAndWhatStaysAddUp) {
  Problem problem = TwoShards();
  problem.shards[0].background = 0.05;
  problem.shards[0].units = {EvenUnit("", "40", 0.4), EvenUnit("40", "80", 0.6)};
  SetLoad(problem.shards[0], {.from = 0.3, .to = 0.9});
  const Options options;
  const Outlook outlook(problem, options);
  const Matrix& own = outlook.Of(0);
  for (std::size_t i = 0; i < own.size(); ++i) {
    EXPECT_NEAR(outlook.OfUnit(0, 0)[i] + outlook.OfUnit(0, 1)[i] + 0.05F, own[i], 1e-5);
  }
}

TEST(Outlook, AUnitWithPathsOfItsOwnKeepsThem) {
  Problem problem = TwoShards();
  problem.shards[0].units[0].paths.assign(64, std::vector<double>(kHorizon, 0.123));
  const Options options;
  const Outlook outlook(problem, options);
  EXPECT_FLOAT_EQ(outlook.OfUnit(0, 0)[7], 0.123F);
}

TEST(Outlook, ChangesCountFromTheCutoverAndTheDipBeforeIt) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.9, .to = 0.9, .spread = 0});
  const Options options;
  const Outlook outlook(problem, options);
  const Matrix& leaving = outlook.OfUnit(0, 0);
  const Change half{.added = &leaving, .factor = -0.5F, .cutover = 6, .dip = 0.1F};
  const Reading reading = outlook.Read(outlook.Of(0), half);
  EXPECT_NEAR(reading.peak, 0.45, 1e-5);
  EXPECT_NEAR(reading.dip_peak, 1.0, 1e-5);
  const double hours = 6 * problem.bin_seconds / 3'600;
  EXPECT_NEAR(reading.cost, hours * (40 * 0.2 + 2 * 0.3 + 16), 1e-5)
      << "over the limit by 20 points and over the target by 30, for six bins";
  Matrix applied = outlook.Of(0);
  outlook.Apply(applied, half);
  EXPECT_NEAR(outlook.Read(applied, {}).cost, reading.cost, 1e-5);
}

TEST(Outlook, BeyondTheFansItKnowsThePlannedQuantileOfTheDay) {
  Problem problem = TwoShards();  // fans of 24 bins of 5 s, as long as 4 later steps of 6 bins
  for (Shard& shard : problem.shards) shard.later.assign(32, 0.3);  // 8 are looked at
  problem.shards[0].units = {EvenUnit("", "40", 0.5), EvenUnit("40", "80", 0.5)};
  problem.shards[0].units[0].paths.assign(64, std::vector<double>(kHorizon, 0.1));
  problem.shards[0].later[6] = 0.9;
  Options options;
  const Outlook outlook(problem, options);
  ASSERT_EQ(outlook.steps(), kHorizon);
  ASSERT_EQ(outlook.rows(), kHorizon + 4);
  const std::size_t paths = outlook.paths();
  EXPECT_FLOAT_EQ(outlook.Of(0)[(kHorizon + 1) * paths], 0.3F);
  EXPECT_FLOAT_EQ(outlook.Of(0)[(kHorizon + 2) * paths + paths - 1], 0.9F);
  EXPECT_NEAR(outlook.OfUnit(0, 0)[(kHorizon + 2) * paths], 0.9 / 3, 0.01)
      << "the share of its shard that it has at the end of the fan";
  const double hours = 6 * problem.bin_seconds / 3'600 * options.ahead_share;
  EXPECT_NEAR(outlook.Read(outlook.Of(0), {}).cost, hours * (40 * 0.1 + 2 * 0.2 + 16), 1e-5);
  EXPECT_EQ(outlook.Read(outlook.Of(0), {}).overload_minutes, 0) << "they are those of the fans";
  const Matrix& leaving = outlook.OfUnit(0, 0);
  const Change late{.added = &leaving, .factor = -1, .cutover = kHorizon + 12, .dip = 0.1F};
  Matrix applied = outlook.Of(0);
  outlook.Apply(applied, late);
  EXPECT_NEAR(applied[(kHorizon + 1) * paths], 0.4, 1e-5) << "it still copies";
  EXPECT_NEAR(applied[(kHorizon + 2) * paths], 0.6, 0.01) << "it has left";
  EXPECT_NEAR(outlook.Read(outlook.Of(0), late).planned, 0.6 * 70 / 80, 0.01);

  options.ahead_day_share = 0;
  EXPECT_EQ(Outlook(problem, options).rows(), kHorizon);
}

TEST(Outlook, WithoutAForecastItStaysAtWhatWasMeasured) {
  Problem problem = TwoShards();
  problem.shards[0].fan.steps.clear();
  problem.shards[0].scenarios = {};
  problem.shards[0].measured = {0.5, 0.9};
  const Options options;
  const Outlook outlook(problem, options);
  EXPECT_FLOAT_EQ(outlook.Of(0).front(), 0.9F);
  EXPECT_FLOAT_EQ(outlook.Of(0).back(), 0.9F);
}

TEST(Outlook, QuantilesAreThoseOfTheModel) {
  std::vector<double> sample;
  std::vector<float> single;
  Random random(3);
  for (int i = 0; i < 64; ++i) {
    sample.push_back(random.Unit());
    single.push_back(static_cast<float>(sample.back()));
  }
  const model::Quantiles expected = model::QuantilesOf(sample);
  for (std::size_t i = 0; i < model::kFanLevels; ++i)
    EXPECT_NEAR(QuantileOf(single.data(), single.size(), model::kLevels[i]), expected[i], 1e-6);
}

}  // namespace
}  // namespace foreshard::planner

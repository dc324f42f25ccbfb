#include <gtest/gtest.h>

#include <numeric>

#include "tests/unit/forecast/synthetic.h"

namespace foreshard::forecast {
namespace {

constexpr int kBins = 8 * kTestDay;

Lineage Whole(std::size_t history, double part) {
  return {
      .day_bins = kTestDay,
      .shares = {
          {.history = history, .from = kTestFirst, .to = kTestFirst + kBins, .by_hour = {part}}}};
}

TEST(Compose, AChildOfASplitHasItsPartOfTheParentsPast) {
  const std::vector<History> parent = {Noisy(kBins, 0.1, 1)};
  const Result<History> left = Compose(Whole(0, 0.3), parent);
  const Result<History> right = Compose(Whole(0, 0.7), parent);
  ASSERT_TRUE(left.ok() && right.ok());
  for (std::size_t i = 0; i < kBins; ++i)
    EXPECT_NEAR(left->mean[i] + right->mean[i], parent[0].mean[i], 1e-9);

  const model::Fan whole = Forecast(MustFit(parent[0]), {});
  const model::Fan a = Forecast(MustFit(*left), {});
  const model::Fan b = Forecast(MustFit(*right), {});
  for (std::size_t h = 0; h < whole.steps.size(); ++h) {
    const double sum = a.steps[h][model::kMedian] + b.steps[h][model::kMedian];
    EXPECT_NEAR(sum / whole.steps[h][model::kMedian], 1, 0.02);
  }
}

TEST(Compose, MergeAfterSplitGivesBackTheParentsFan) {
  const std::vector<History> parent = {Noisy(kBins, 0.1, 2)};
  // Shares by hour of day that sum to one in every bin; quarters are exact in binary.
  std::vector<double> by_hour(24);
  for (std::size_t hour = 0; hour < 24; ++hour) by_hour[hour] = hour < 12 ? 0.25 : 0.75;
  std::vector<double> rest(24);
  for (std::size_t hour = 0; hour < 24; ++hour) rest[hour] = 1 - by_hour[hour];
  Lineage left = Whole(0, 1);
  left.shares[0].by_hour = by_hour;
  Lineage right = Whole(0, 1);
  right.shares[0].by_hour = rest;
  const std::vector<History> children = {*Compose(left, parent), *Compose(right, parent)};
  Lineage both = Whole(0, 1);
  both.shares.push_back(
      {.history = 1, .from = kTestFirst, .to = kTestFirst + kBins, .by_hour = {1}});
  const Result<History> merged = Compose(both, children);
  ASSERT_TRUE(merged.ok());
  const model::Fan wanted = Forecast(MustFit(parent[0]), {});
  const model::Fan fan = Forecast(MustFit(*merged), {});
  for (std::size_t h = 0; h < fan.steps.size(); ++h) {
    for (std::size_t i = 0; i < model::kFanLevels; ++i)
      EXPECT_NEAR(fan.steps[h][i], wanted.steps[h][i], 1e-6);
  }
}

TEST(Compose, AMoveChangesNothing) {
  const History before = Noisy(kBins, 0.1, 3);
  History old_owner = before;
  History new_owner = before;
  const model::BinIndex moved_at = kTestFirst + 5 * kTestDay;
  for (std::size_t i = 0; i < kBins; ++i) {
    const bool moved = kTestFirst + static_cast<model::BinIndex>(i) >= moved_at;
    (moved ? old_owner : new_owner).mean[i] = 0;
  }
  const std::vector<History> owners = {old_owner, new_owner};
  const Lineage lineage = {
      .day_bins = kTestDay,
      .shares = {{.history = 0, .from = kTestFirst, .to = moved_at, .by_hour = {1}},
                 {.history = 1, .from = moved_at, .to = kTestFirst + kBins, .by_hour = {1}}}};
  const Result<History> composed = Compose(lineage, owners);
  ASSERT_TRUE(composed.ok());
  EXPECT_EQ(composed->mean, before.mean);
  EXPECT_EQ(composed->state, before.state);
}

TEST(Compose, APartOfTheUnknownIsUnknown) {
  std::vector<History> histories = {Make(kBins, Daily), Make(kBins, Daily)};
  histories[1].state[10] = model::BinState::kMissing;
  Lineage lineage = Whole(0, 1);
  lineage.shares.push_back(
      {.history = 1, .from = kTestFirst, .to = kTestFirst + 20, .by_hour = {0.5}});
  const Result<History> composed = Compose(lineage, histories);
  ASSERT_TRUE(composed.ok());
  EXPECT_EQ(composed->state[9], model::BinState::kGood);
  EXPECT_EQ(composed->state[10], model::BinState::kMissing);
  EXPECT_DOUBLE_EQ(composed->mean[9], 1.5 * Daily(9));
  EXPECT_DOUBLE_EQ(composed->mean[30], Daily(30));
}

TEST(Compose, NonsenseIsRefused) {
  const std::vector<History> histories = {Make(kBins, Daily)};
  EXPECT_FALSE(Compose(Whole(1, 1), histories).ok()) << "no such history";
  EXPECT_FALSE(Compose(Whole(0, 1.5), histories).ok());
  EXPECT_FALSE(Compose(Whole(0, -0.1), histories).ok());
}

TEST(Inherit, AChildKeepsItsParentsExperienceUnderACap) {
  const History parent_history = Noisy(kBins, 0.05, 4);
  const Fitted parent = MustFit(parent_history);
  const std::vector<History> histories = {parent_history};
  const Fitted child =
      Inherit(MustFit(*Compose(Whole(0, 0.4), histories)), std::vector<Parent>{{&parent, 0.4}});
  EXPECT_EQ(Score(child).cap, 0.8);
  EXPECT_GT(Score(child).Value(), model::kTrustToActFully);
  Fitted older = child;
  for (int i = 0; i < kTestDay; ++i) older = MustUpdate(std::move(older), 0.4 * Daily(kBins + i));
  EXPECT_EQ(Score(older).cap, 1) << "a season later it stands on its own";
}

}  // namespace
}  // namespace foreshard::forecast

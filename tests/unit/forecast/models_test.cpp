#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "forecast/models/autoregression.h"
#include "forecast/models/naive.h"
#include "forecast/models/ridge.h"
#include "forecast/models/spar.h"
#include "forecast/models/sparse_ar.h"
#include "forecast/models/trend.h"

namespace foreshard::forecast {
namespace {

struct Sample {
  std::vector<double> y;
  std::vector<std::uint8_t> usable;
  int day = 8;
  int week = 56;

  explicit Sample(std::vector<double> values) : y(std::move(values)), usable(y.size(), 1) {}
  Past View() const {
    return {y, usable, 1000 * 56 + static_cast<model::BinIndex>(y.size()) - 1, day, week};
  }
};

TEST(Naive, ReachesBackByWholeSeasons) {
  std::vector<double> y;
  for (int i = 0; i < 60; ++i) y.push_back(i);
  const Sample sample(y);
  EXPECT_EQ(LastValue(sample.View()), 59);
  EXPECT_EQ(DayBack(sample.View(), 1), 52);
  EXPECT_EQ(DayBack(sample.View(), 8), 59);
  EXPECT_EQ(DayBack(sample.View(), 9), 52) << "the smallest multiple of a day that is known";
  EXPECT_EQ(WeekBack(sample.View(), 1), 4);
  const Sample young({1, 2, 3});
  EXPECT_EQ(DayBack(young.View(), 1), 3) << "before a day is known it is the last value";
  EXPECT_EQ(WeekBack(sample.View().Before(10), 1), DayBack(sample.View().Before(10), 1));
}

TEST(Naive, RatiosFollowTheLevelWithinAFactorOfTwo) {
  std::vector<double> y(16, 10.0);
  y[15] = 15;  // today's newest bin is half as high again as yesterday's
  EXPECT_DOUBLE_EQ(DayRatio(Sample(y).View(), 1), 15);
  y[15] = 1000;
  EXPECT_DOUBLE_EQ(DayRatio(Sample(y).View(), 1), 20);
  y[15] = 0;
  EXPECT_DOUBLE_EQ(DayRatio(Sample(y).View(), 1), 5);
  EXPECT_DOUBLE_EQ(LevelRatio(0, 0), 1);
  std::vector<double> grown(16, 10.0);
  for (int i = 8; i < 16; ++i) grown[static_cast<std::size_t>(i)] = 12;
  EXPECT_DOUBLE_EQ(DayGrowth(Sample(grown).View(), 3), 12 * 1.2);
}

TEST(Trend, ARampIsContinuedAndDamped) {
  std::vector<double> y;
  for (int i = 0; i < 30; ++i) y.push_back(100 + 2 * i);
  Sample sample(y);
  sample.day = 288;
  const std::array<int, 3> steps = {1, 2, 100};
  std::array<double, 3> out{};
  DampedTrend(sample.View(), steps, out);
  EXPECT_NEAR(out[0], 158 + 2 * 0.9, 1e-9);
  EXPECT_NEAR(out[1], 158 + 2 * (0.9 + 0.81), 1e-9);
  EXPECT_NEAR(out[2], 158 + 2 * 9, 1e-3) << "the slope sums to phi / (1 - phi)";
}

// A history made by SPAR itself gives back its coefficients.
TEST(Spar, RecoversItsCoefficients) {
  Random random(5);
  const int day = 24;
  const SparShape shape{.days = 2, .recent = 1};
  std::vector<double> y;
  for (int i = 0; i < 3 * day; ++i) y.push_back(1000 + 40 * random.Unit());
  for (int t = 3 * day; t < 200 * day; ++t) {
    const auto at = [&y](int i) { return y[static_cast<std::size_t>(i)]; };
    const double off = at(t - 1) - (at(t - 1 - day) + at(t - 1 - 2 * day)) / 2;
    y.push_back(0.6 * at(t - day) + 0.4 * at(t - 2 * day) + 0.5 * off + 5 * random.Normal());
  }
  Sample sample(y);
  sample.day = day;
  const Spar spar = Spar::Fit(sample.View(), 1, shape);
  ASSERT_EQ(spar.coefficients().size(), 3);
  EXPECT_NEAR(spar.coefficients()(0), 0.6, 0.02);
  EXPECT_NEAR(spar.coefficients()(1), 0.4, 0.02);
  EXPECT_NEAR(spar.coefficients()(2), 0.5, 0.02);
}

TEST(Spar, HasThePublishedShape) {
  EXPECT_EQ(ShapeOfSpar(14 * 288, 288).days, 7);
  EXPECT_EQ(ShapeOfSpar(8 * 288, 288).days, 3);
  EXPECT_EQ(ShapeOfSpar(8 * 288, 288).recent, 6);
  EXPECT_EQ(ShapeOfSpar(60 * 48, 48).recent, 2);
  EXPECT_EQ(ShapeOfSpar(60 * 24, 24).recent, 3);
}

TEST(Autoregression, RecoversItsCoefficients) {
  Random random(6);
  std::vector<double> y = {100, 100, 100};
  for (int t = 3; t < 4000; ++t) {
    const auto at = [&y](int i) { return y[static_cast<std::size_t>(i)]; };
    y.push_back(20 + 0.5 * at(t - 1) + 0.3 * at(t - 2) + random.Normal());
  }
  Sample sample(y);
  sample.day = 24;
  const Autoregression model = Autoregression::Fit(sample.View(), 1);
  EXPECT_NEAR(model.coefficients()(0), 0.5, 0.05);
  EXPECT_NEAR(model.coefficients()(1), 0.3, 0.05);
  EXPECT_NEAR(model.coefficients()(2), 0, 0.05);
}

TEST(Ridge, LearnsAPattern) {
  Random random(7);
  std::vector<double> y;
  const auto truth = [](int i) { return 100 + 30 * std::sin(i * 0.2617993877991494); };
  for (int i = 0; i < 20 * 24; ++i) y.push_back(truth(i) + random.Normal());
  Sample sample(y);
  sample.day = 24;
  sample.week = 0;
  for (const int step : {1, 6, 24}) {
    const Ridge ridge = Ridge::Fit(sample.View(), step, false);
    EXPECT_NEAR(ridge.Forecast(sample.View()), truth(20 * 24 - 1 + step), 3) << step;
  }
}

TEST(SparseAr, IteratesItsOwnRecursion) {
  Random random(8);
  std::vector<double> y(50, 0.0);
  for (double& value : y) value = std::exp(3 + 0.3 * random.Normal());
  for (int t = 50; t < 3000; ++t) {
    const auto z = [&y](int i) { return std::log(y[static_cast<std::size_t>(i)]); };
    y.push_back(std::exp(0.6 + 0.5 * z(t - 1) + 0.3 * z(t - 24) + 0.3 * random.Normal()));
  }
  Sample sample(y);
  sample.day = 24;
  const SparseAr model = SparseAr::Fit(
      sample.View(), {.name = "test", .lags = {1, 24}, .space = Space::kLog, .dummies = false});
  ASSERT_TRUE(model.fitted());
  EXPECT_NEAR(model.coefficients()(1), 0.5, 0.05);
  EXPECT_NEAR(model.coefficients()(2), 0.3, 0.05);
  std::array<double, 3> out{};
  std::array<double, 3> scratch{};
  model.Forecast(sample.View(), out, scratch);
  double z = std::log(y.back());
  for (std::size_t h = 0; h < 3; ++h) {
    z = 0.6 + 0.5 * z + 0.3 * std::log(y[y.size() - 24 + h]);
    EXPECT_NEAR(std::log(out[h]), z, 0.1) << h;
  }
}

}  // namespace
}  // namespace foreshard::forecast

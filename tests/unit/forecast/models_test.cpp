#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "forecast/models/additive.h"
#include "forecast/models/arma.h"
#include "forecast/models/autoregression.h"
#include "forecast/models/card_pair.h"
#include "forecast/models/damped_ets.h"
#include "forecast/models/dshw.h"
#include "forecast/models/global_ridge.h"
#include "forecast/models/hour_of_week.h"
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

double Wave(int i) { return 100 + 30 * std::sin(i * 0.2617993877991494); }

// A day's wave, on two days of the week a fifth lower.
Sample TwoSeasons(int days, double noise, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> y;
  for (int i = 0; i < days * 24; ++i) {
    y.push_back((i / 24 % 7 >= 5 ? 0.8 : 1.0) * Wave(i) + noise * random.Normal());
  }
  Sample sample(y);
  sample.day = 24;
  sample.week = 168;
  return sample;
}

TEST(Dshw, FollowsDayAndWeekFromAnyPhase) {
  const Sample sample = TwoSeasons(7 * 8 + 4, 0.5, 1);  // ends before the fifth, a working day
  DshwChoice choice;
  std::array<double, 48> out{};
  Dshw(sample.View(), sample.y, choice, out);
  EXPECT_GE(choice.alpha, 0);
  for (int h = 0; h < 48; ++h) {
    const int t = (7 * 8 + 4) * 24 + h;
    EXPECT_NEAR(out[static_cast<std::size_t>(h)], (t / 24 % 7 >= 5 ? 0.8 : 1.0) * Wave(t), 8) << h;
  }
  const DshwChoice cold = choice;
  Dshw(sample.View(), sample.y, choice, out);
  EXPECT_EQ(choice, cold) << "a warm search from the best place stays there";
}

TEST(DampedEts, RecoversALevelAndItsSeason) {
  const Sample sample = TwoSeasons(5, 0.3, 2);
  const EtsParameters parameters = FitDampedEts(sample.View(), sample.y, nullptr);
  std::array<double, 24> out{};
  DampedEts(sample.View(), sample.y, parameters, out);
  for (int h = 0; h < 24; ++h) EXPECT_NEAR(out[static_cast<std::size_t>(h)], Wave(120 + h), 4) << h;
}

TEST(DampedEts, AStepOfItIsWhatTheEquationsSay) {
  // Two days of two bins: level 10, season +-2; then one bin that is 3 too high.
  Sample sample({12, 8, 12, 8, 15});
  sample.day = 2;
  const EtsParameters p{.alpha = 0.5, .beta = 0.1, .gamma = 0.2, .phi = 0.9};
  std::array<double, 2> out{};
  DampedEts(sample.View(), sample.y, p, out);
  // e = 3: level 11.5, trend 0.3, the first season 2.6.
  EXPECT_NEAR(out[0], 11.5 + 0.9 * 0.3 - 2, 1e-9);
  EXPECT_NEAR(out[1], 11.5 + (0.9 + 0.81) * 0.3 + 2.6, 1e-9);
}

TEST(HourOfWeek, IsTheMedianOfWeeksMovedToTheLevel) {
  Sample sample = TwoSeasons(7 * 6, 0, 3);
  std::array<double, 48> out{};
  HourOfWeek(sample.View(), out);
  for (int h = 0; h < 48; ++h)
    EXPECT_NEAR(out[static_cast<std::size_t>(h)], Wave(7 * 6 * 24 + h), 1e-9);
  sample.y[sample.y.size() - 168] = 1e6;  // one strange week is one vote of five
  HourOfWeek(sample.View(), out);
  EXPECT_NEAR(out[0], Wave(0), 1e-9);
  for (std::size_t i = sample.y.size() - 24; i < sample.y.size(); ++i) sample.y[i] += 10;
  HourOfWeek(sample.View(), out);
  EXPECT_NEAR(out[0] - Wave(0), 10, 1e-9) << "today is ten above its weeks";
  EXPECT_NEAR(out[1] - Wave(1), 10 * 0.985, 1e-9);
}

TEST(CardPair, ReturnsThePairWhenThePairIsRight) {
  const Sample sample = TwoSeasons(7 * 6, 0.5, 4);
  std::array<double, 48> right{};
  for (int h = 0; h < 48; ++h) right[static_cast<std::size_t>(h)] = Wave(7 * 6 * 24 + h);
  std::array<double, 48> out{};
  CardPair(sample.View(), right, right, Space::kLog1p, out);
  for (std::size_t h = 0; h < 48; ++h) EXPECT_NEAR(out[h] / right[h], 1, 0.03) << h;
}

TEST(GlobalRidge, LearnsWhatAllSeriesShare) {
  std::vector<Sample> samples;
  for (int s = 0; s < 12; ++s) {
    Sample sample = TwoSeasons(7 * 8, 0.5, 10 + static_cast<std::uint64_t>(s));
    for (double& value : sample.y) value *= s + 1;  // scale is taken out
    samples.push_back(sample);
  }
  std::vector<Past> pasts;
  for (const Sample& sample : samples) pasts.push_back(sample.View());
  for (const bool log : {false, true}) {
    const GlobalRidge ridge = GlobalRidge::Fit(pasts, {.log = log, .stride = 1});
    ASSERT_TRUE(ridge.fitted());
    std::array<double, 48> out{};
    ridge.Forecast(pasts[4], out);
    for (int h = 0; h < 48; ++h) {
      EXPECT_NEAR(out[static_cast<std::size_t>(h)] / (5 * Wave(7 * 8 * 24 + h)), 1, 0.1) << h;
    }
  }
  const GlobalRidge none = GlobalRidge::Fit({}, {});
  std::array<double, 2> out{};
  none.Forecast(pasts[0], out);
  EXPECT_EQ(out[0], WeekBack(pasts[0], 1));
}

std::vector<double> Simulate(double a1, double a2, double b1, int n, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> x = {0, 0};
  double before = 0;
  for (int t = 2; t < n; ++t) {
    const double e = random.Normal();
    x.push_back(a1 * x[x.size() - 1] + a2 * x[x.size() - 2] + e + b1 * before);
    before = e;
  }
  return x;
}

TEST(Arma, RecoversAnAutoregression) {
  const Arma arma = FitArma(Simulate(0.6, 0.25, 0, 4000, 5), 2, 0);
  ASSERT_TRUE(arma.converged);
  ASSERT_EQ(arma.ar.size(), 2u);
  EXPECT_NEAR(arma.ar[0], 0.6, 0.06);
  EXPECT_NEAR(arma.ar[1], 0.25, 0.06);
  EXPECT_NEAR(arma.variance, 1, 0.1);
}

TEST(Arma, RecoversAMovingAverage) {
  const Arma arma = FitArma(Simulate(0.7, 0, 0.4, 4000, 6), 1, 1);
  ASSERT_TRUE(arma.converged);
  ASSERT_EQ(arma.ar.size(), 1u);
  ASSERT_EQ(arma.ma.size(), 1u);
  EXPECT_NEAR(arma.ar[0], 0.7, 0.06);
  EXPECT_NEAR(arma.ma[0], 0.4, 0.06);
}

TEST(Arma, ForecastsByHand) {
  const Arma arma{.ar = {0.5}, .ma = {0.4}, .variance = 1, .converged = true};
  std::array<double, 2> out{};
  arma.Forecast(std::vector<double>{2, 3}, out);
  // e_0 = 0, e_1 = 3 - 0.5 * 2 = 2
  EXPECT_NEAR(out[0], 0.5 * 3 + 0.4 * 2, 1e-12);
  EXPECT_NEAR(out[1], 0.5 * out[0], 1e-12);
}

TEST(Arma, StaysStationary) {
  for (const double a : {-3.0, -0.5, 0.0, 2.0}) {
    for (const double b : {-3.0, 0.3, 4.0}) {
      const std::vector<double> c = StationaryFromFree(std::vector<double>{a, b});
      EXPECT_LT(std::abs(c[1]), 1);
      EXPECT_LT(c[0] + c[1], 1);
      EXPECT_LT(c[1] - c[0], 1);
    }
  }
  Random random(7);
  std::vector<double> walk = {0};
  for (int i = 0; i < 500; ++i) walk.push_back(walk.back() + random.Normal());
  std::vector<double> out(200);
  FitArma(walk, 2, 2).Forecast(walk, out);
  for (const double value : out) EXPECT_LT(std::abs(value), 1000);
  FitArma(std::vector<double>(10, 1.0), 2, 2).Forecast(std::vector<double>(10, 1.0), out);
  EXPECT_EQ(out[0], 0) << "too short: the base stays as it is";
}

TEST(Additive, FindsTheTrendTheBendAndTheSeason) {
  Random random(8);
  std::vector<double> z;
  const auto truth = [](int i) {
    const double trend = i < 400 ? 0.0 : (i - 400) * 0.004;
    return trend + std::sin(i * 0.2617993877991494);
  };
  for (int i = 0; i < 28 * 24; ++i) z.push_back(truth(i) + 0.05 * random.Normal());
  Sample sample(z);
  sample.day = 24;
  sample.week = 168;
  std::array<double, 24> out{};
  Additive(sample.View(), z, false, out);
  for (int h = 0; h < 24; ++h)
    EXPECT_NEAR(out[static_cast<std::size_t>(h)], truth(28 * 24 + h), 0.2) << h;
}

}  // namespace
}  // namespace foreshard::forecast

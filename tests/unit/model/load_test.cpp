#include "model/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace foreshard::model {
namespace {

// Uniform on [0, 100]: every quantile is 100 x its level.
Quantiles Uniform() {
  Quantiles q{};
  for (std::size_t i = 0; i < kFanLevels; ++i) q[i] = 100 * kLevels[i];
  return q;
}

Fan TwoSteps() {
  Fan fan;
  Quantiles higher = Uniform();
  for (double& value : higher) value += 50;
  fan.steps = {Uniform(), higher};
  fan.scale = {1, 1};
  Quantiles worst = higher;
  for (double& value : worst) value += 10;
  fan.windows = {{.bins = 1, .factor = {}, .maximum = Uniform()},
                 {.bins = 2, .factor = {}, .maximum = worst}};
  return fan;
}

TEST(Distribution, QuantilesBetweenLevelsAreLinearAndTheTailIsExponential) {
  const Quantiles q = Uniform();
  EXPECT_DOUBLE_EQ(Quantile(q, 0.6), 60);
  EXPECT_DOUBLE_EQ(Quantile(q, 0.99), 99);
  // Through 97.5 % at 97.5 and 99 % at 99: halving the rest adds tail * ln 2.
  const double tail = 1.5 / std::log(2.5);
  EXPECT_NEAR(Quantile(q, 0.995), 99 + tail * std::log(2), 1e-9);
  EXPECT_GE(Quantile(q, 1e-6), 0) << "a demand is never negative";
}

TEST(Distribution, ExceedanceFallsInTheThresholdAndInvertsTheQuantile) {
  const Quantiles q = Uniform();
  double before = 1;
  for (double threshold = -5; threshold < 130; threshold += 0.25) {
    const double here = Exceedance(q, threshold);
    EXPECT_LE(here, before) << threshold;
    EXPECT_GE(here, 0);
    before = here;
  }
  for (const double level : {0.008, 0.03, 0.5, 0.8, 0.96, 0.999}) {
    EXPECT_NEAR(Exceedance(q, Quantile(q, level)), 1 - level, 1e-9) << level;
  }
}

TEST(Distribution, ExpectedExcessIsTheIntegralOfTheExceedance) {
  const Quantiles q = Uniform();
  for (const double threshold : {5.0, 30.0, 90.0, 98.0, 105.0}) {
    double integral = 0;
    const double step = 0.001;
    for (double y = threshold; y < 160; y += step) integral += step * Exceedance(q, y + step / 2);
    EXPECT_NEAR(ExpectedExcess(q, threshold), integral, 1e-3 + 1e-3 * integral) << threshold;
  }
}

TEST(Distribution, ACertainValueHasNoExcessAboveIt) {
  Quantiles q;
  q.fill(42);
  EXPECT_EQ(Exceedance(q, 41.9), 1);
  EXPECT_EQ(Exceedance(q, 42), 0);
  EXPECT_NEAR(ExpectedExcess(q, 40), 2, 1e-12);
  EXPECT_EQ(ExpectedExcess(q, 42), 0);
  EXPECT_EQ(Quantile(q, 0.999), 42);
}

TEST(Fan, AWindowIsNeverSaferThanItsWorstStep) {
  const Fan fan = TwoSteps();
  for (double threshold = 0; threshold < 170; threshold += 5) {
    for (std::size_t bins = 1; bins <= 2; ++bins) {
      double worst = 0;
      for (std::size_t step = 1; step <= bins; ++step)
        worst = std::max(worst, Exceedance(fan, step, threshold));
      EXPECT_GE(ExceedanceInWindow(fan, bins, threshold), worst - 1e-12)
          << threshold << " " << bins;
    }
  }
  EXPECT_GT(WindowQuantile(fan, 2, 0.95), Quantile(fan, 2, 0.95));
}

TEST(Scenarios, ThePeaksTimeIsADistribution) {
  Scenarios scenarios;
  scenarios.paths = {{1, 5, 2}, {1, 2, 5}, {1, 2, 9}, {4, 2, 1}};
  EXPECT_EQ(PeakTime(scenarios), (std::vector<double>{0.25, 0.25, 0.5}));
  EXPECT_TRUE(PeakTime({}).empty());
}

TEST(QuantilesOfSample, OrderOfTheSampleIsIrrelevant) {
  Random random(3);
  std::vector<double> sample;
  for (int i = 0; i < 999; ++i) sample.push_back(random.Unit());
  const Quantiles q = QuantilesOf(sample);
  std::reverse(sample.begin(), sample.end());
  EXPECT_EQ(QuantilesOf(sample), q);
  EXPECT_TRUE(std::is_sorted(q.begin(), q.end()));
  EXPECT_NEAR(q[kMedian], 0.5, 0.05);
}

TEST(Trust, IsTheProductOfItsPartsUnderACap) {
  Trust trust{.history = 1, .data = 0.9, .skill = 1, .coverage = 0.5, .freshness = 1};
  EXPECT_DOUBLE_EQ(trust.Value(), 0.45);
  EXPECT_EQ(trust.Weakest(), "coverage");
  trust.coverage = trust.data = 1;
  trust.cap = 0.8;
  EXPECT_DOUBLE_EQ(trust.Value(), 0.8);
  trust.freshness = 0;
  EXPECT_EQ(trust.Value(), 0);
}

}  // namespace
}  // namespace foreshard::model

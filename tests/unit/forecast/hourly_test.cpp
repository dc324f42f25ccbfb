#include <gtest/gtest.h>

#include <cmath>

#include "forecast/hourly/combination.h"
#include "forecast/hourly/intervals.h"
#include "forecast/hourly/models.h"
#include "forecast/shared.h"
#include "tests/unit/forecast/synthetic.h"

namespace foreshard::forecast {
namespace {

Options HourlyOptions() {
  Options options;
  options.pool = Pool::kHourly;
  options.bin = std::chrono::hours(1);
  options.day_bins = 24;
  options.week_bins = 168;
  options.horizon_bins = 48;
  return options;
}

// A day's wave, quieter on two days of the week, with lognormal noise; ends at the end of a day.
History Week(int days, double noise, std::uint64_t seed) {
  Random random(seed);
  History history;
  history.bin = std::chrono::hours(1);
  history.first = 24 * 20'000;
  for (int i = 0; i < days * 24; ++i) {
    const double quiet = i / 24 % 7 >= 5 ? 0.6 : 1.0;
    const double wave = 100 + 50 * std::sin(i * 0.2617993877991494);
    history.mean.push_back(quiet * wave * std::exp(noise * random.Normal()));
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  return history;
}

Fitted MustFitHourly(const History& history, const Shared* shared = nullptr,
                     const Options& options = HourlyOptions()) {
  Random random(1);
  Result<Fitted> fitted = Fit(history, {}, options, shared, random);
  CHECK(fitted.ok(), "fit");
  return *std::move(fitted);
}

TEST(HourlyPool, FollowsTheWeek) {
  const model::Fan fan = Forecast(MustFitHourly(Week(28, 0.02, 1)), {});
  const History longer = Week(30, 0, 1);
  ASSERT_EQ(fan.steps.size(), 48u);
  for (std::size_t h = 0; h < 48; ++h) {
    EXPECT_NEAR(fan.steps[h][model::kMedian] / longer.mean[28 * 24 + h], 1, 0.06) << h;
    EXPECT_TRUE(std::is_sorted(fan.steps[h].begin(), fan.steps[h].end()));
  }
}

TEST(HourlyPool, ConstantInConstantOut) {
  History history = Week(20, 0, 1);
  std::fill(history.mean.begin(), history.mean.end(), 7.25);
  for (const model::Quantiles& step : Forecast(MustFitHourly(history), {}).steps) {
    for (const double q : step) EXPECT_DOUBLE_EQ(q, 7.25);
  }
}

TEST(HourlyPool, ScaledInScaledOut) {
  const History history = Week(21, 0.1, 2);
  History scaled = history;
  for (double& value : scaled.mean)
    value *= 4096;  // exact in binary, so that iterations agree to the last bit
  const model::Fan fan = Forecast(MustFitHourly(history), {});
  const model::Fan other = Forecast(MustFitHourly(scaled), {});
  for (std::size_t h = 0; h < 48; ++h) {
    for (std::size_t i = 0; i < model::kFanLevels; ++i) {
      EXPECT_NEAR(other.steps[h][i] / (4096 * fan.steps[h][i]), 1, 1e-6) << h << " " << i;
    }
  }
}

TEST(HourlyPool, NothingFromTheFutureIsUsed) {
  const History history = Week(28, 0.1, 3);
  const model::Fan wanted = Forecast(MustFitHourly(Head(history, 21 * 24)), {});
  History other = history;
  for (std::size_t i = 21 * 24; i < other.mean.size(); ++i) other.mean[i] *= 10;
  EXPECT_EQ(Forecast(MustFitHourly(Head(other, 21 * 24)), {}), wanted);
  // And bin by bin: what was forecast before the change is the same.
  Random random(1);
  Fitted a = MustFitHourly(Head(history, 21 * 24));
  Fitted b = a;
  for (std::size_t i = 21 * 24; i < 21 * 24 + 30; ++i) {
    EXPECT_EQ(Forecast(a, {}), Forecast(b, {})) << i;
    a = MustUpdate(std::move(a), history.mean[i]);
    b = MustUpdate(std::move(b), history.mean[i]);
    a = *Refit(std::move(a), nullptr, random);
    b = *Refit(std::move(b), nullptr, random);
  }
}

TEST(HourlyPool, GoingForwardIsTheSameAsFittingAnew) {
  const History history = Week(28, 0.05, 4);
  Random random(1);
  Fitted forward = MustFitHourly(Head(history, 26 * 24));
  for (std::size_t i = 26 * 24; i < history.mean.size(); ++i) {
    EXPECT_FALSE(RefitDue(forward));
    forward = MustUpdate(std::move(forward), history.mean[i]);
    EXPECT_TRUE(RefitDue(forward));
    forward = *Refit(std::move(forward), nullptr, random);
  }
  const model::Fan a = Forecast(forward, {});
  const model::Fan b = Forecast(MustFitHourly(history), {});
  // Warm starts may choose another place of the grid; the forecast must not move by more than its
  // noise.
  for (std::size_t h = 0; h < 48; ++h) {
    EXPECT_NEAR(a.steps[h][model::kMedian] / b.steps[h][model::kMedian], 1, 0.02) << h;
  }
}

TEST(HourlyPool, ASavedStateForecastsTheSameBits) {
  const History history = Week(25, 0.1, 5);
  const std::vector<History> all = {history, Week(25, 0.2, 6)};
  Options options = HourlyOptions();
  Result<Shared> shared = Shared::Train(all, options, 24 * 11);
  ASSERT_TRUE(shared.ok());
  Random random(1);
  std::vector<Fitted> fitted = {MustFitHourly(all[0], &*shared), MustFitHourly(all[1], &*shared)};
  shared->Pool(fitted);
  const Fitted pooled = *Refit(fitted[0], &*shared, random);
  const Result<Fitted> again = Parse(Serialize(pooled), history, {}, options, &*shared);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(Forecast(*again, {}), Forecast(pooled, {}));
  EXPECT_EQ(Draw(*again, {}), Draw(pooled, {}));
}

TEST(HourlyPool, OddSeriesGiveFiniteAnswers) {
  for (const int bins : {0, 1, 5, 23, 25, 49, 80, 170, 400}) {
    const Fitted fitted = MustFitHourly(Head(Week(20, 0.3, 7), static_cast<std::size_t>(bins)));
    for (const model::Quantiles& step : Forecast(fitted, {}).steps) {
      for (const double q : step) EXPECT_TRUE(std::isfinite(q) && q >= 0) << bins;
    }
    EXPECT_TRUE(std::isfinite(Score(fitted).Value()));
  }
}

TEST(HourlyPool, TrustsAWeekItKnows) {
  EXPECT_GT(Score(MustFitHourly(Week(28, 0.03, 8))).Value(), model::kTrustToActFully)
      << Score(MustFitHourly(Week(28, 0.03, 8))).Weakest();
  EXPECT_EQ(Score(MustFitHourly(Head(Week(28, 0.03, 8), 40))).Value(), 0);
}

TEST(HourlyWeights, RecentOriginsAndBucketsCount) {
  // Model 0 is right in the first bucket, model 1 in the second.
  std::vector<PastForecast> origins(2);
  for (PastForecast& made : origins) {
    made.actual = Eigen::ArrayXd::Constant(16, 10);
    made.forecasts = Eigen::ArrayXXd::Constant(16, kHourlyModels, 20);
    made.forecasts.col(0).head(8) = 12;
    made.forecasts.col(1).tail(8) = 12;
  }
  HourlyCombination rule;
  rule.wanted = {};
  rule.wanted[0] = rule.wanted[1] = true;
  const Eigen::ArrayXXd weights = HourlyWeights(origins, -1, 16, rule);
  EXPECT_GT(weights(0, 0), 0.8);
  EXPECT_GT(weights(15, 1), 0.8);
  EXPECT_NEAR(weights.row(3).sum(), 1, 1e-12);
  // E = (bucket + whole) / 2: 2 and 10 in the bucket, 6 and 6 in the whole.
  EXPECT_NEAR(weights(0, 0) / weights(0, 1), std::pow(8.0 / 4.0, 4), 1e-9);
}

TEST(HourlyIntervals, TheBlendAndTheWideningAreAsWritten) {
  Eigen::ArrayXXd errors(8, 10);
  Random random(5);
  for (double& error : errors.reshaped()) error = random.Normal();
  const HourlyIntervals intervals(errors, 0, {});
  const double mean = errors.abs().mean();
  EXPECT_NEAR(intervals.scale(1), mean, 1e-12) << "one bucket is the whole";
  const std::vector<double> scaled(intervals.scaled().data(), intervals.scaled().data() + 80);
  const model::Quantiles own = model::QuantilesOf(scaled);
  const PooledErrors pooled(8, model::Quantiles{-9, -8, -7, -6, -2, 0, 2, 6, 7, 8, 9});
  const model::Quantiles at = intervals.At(3, 100, pooled, true);
  EXPECT_NEAR(at[6], 100 + (0.7 * own[6] + 0.3 * 2) * mean, 1e-9);
  EXPECT_NEAR(at[9], 100 + 1.12 * (0.7 * own[9] + 0.3 * 8) * mean, 1e-9);
  EXPECT_EQ(at[model::kMedian], 100);
}

}  // namespace
}  // namespace foreshard::forecast

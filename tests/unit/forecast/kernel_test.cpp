#include "forecast/models/kernel.h"

#include <gtest/gtest.h>

#include <cmath>

#include "forecast/forecaster.h"

namespace foreshard::forecast {
namespace {

constexpr int kDay = 24;

// Quiet days; on some a warning at noon, and the day after it a spike in the morning.
History WithSpikes(int days, const std::vector<int>& warned) {
  Random random(2);
  History history;
  history.bin = std::chrono::hours(1);
  history.first = 20'000 * kDay;
  for (int i = 0; i < days * kDay; ++i) {
    const int day = i / kDay;
    const int hour = i % kDay;
    double load = 100 + 20 * std::sin(i * 0.2617993877991494);
    const auto is = [&warned](int d) {
      return std::find(warned.begin(), warned.end(), d) != warned.end();
    };
    if (is(day) && hour >= 11 && hour < 14) load += 150;
    if (is(day - 1) && hour >= 8 && hour < 10) load += 900;
    history.mean.push_back(load * std::exp(0.02 * random.Normal()));
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  return history;
}

TEST(Kernel, ASpikeSeenOnceBeforeIsForeseen) {
  const History load = WithSpikes(20, {7, 19});
  const std::vector<std::uint8_t> usable(load.mean.size(), 1);
  std::array<double, kDay> out{};
  KernelRegression({load.mean, usable, load.last(), kDay, 0}, out);
  EXPECT_GT(out[8], 300) << "three times the usual";
  EXPECT_GT(out[9], 300);
  EXPECT_LT(out[3], 200);
  const History calm = WithSpikes(20, {7});
  KernelRegression({calm.mean, usable, calm.last(), kDay, 0}, out);
  EXPECT_LT(out[8], 200) << "no warning, no spike";
}

TEST(Kernel, TooLittleToCompareSaysNothing) {
  const History load = WithSpikes(3, {});
  const std::vector<std::uint8_t> usable(load.mean.size(), 1);
  std::array<double, kDay> out;
  out.fill(7);
  KernelRegression({load.mean, usable, load.last(), kDay, 0}, out);
  for (const double value : out) EXPECT_EQ(value, 0);
}

Options Hours() {
  Options options;
  options.pool = Pool::kHourly;
  options.bin = std::chrono::hours(1);
  options.day_bins = kDay;
  options.week_bins = 0;
  options.horizon_bins = kDay;
  return options;
}

TEST(Kernel, ClaimsThatCameTrueLiftTheUpperQuantilesOnly) {
  Random random(1);
  const Result<Fitted> warned =
      Fit(WithSpikes(30, {7, 15, 21, 25, 29}), {}, Hours(), nullptr, random);
  const Result<Fitted> calm = Fit(WithSpikes(30, {7, 15, 21, 25}), {}, Hours(), nullptr, random);
  ASSERT_TRUE(warned.ok() && calm.ok());
  const model::Fan lifted = Forecast(*warned, {});
  const model::Fan plain = Forecast(*calm, {});
  EXPECT_GT(lifted.steps[8][8], 1.3 * plain.steps[8][8]);
  for (const model::Quantiles& step : lifted.steps) {
    for (std::size_t q = 1; q < model::kFanLevels; ++q) EXPECT_LE(step[q - 1], step[q]);
  }
}

}  // namespace
}  // namespace foreshard::forecast

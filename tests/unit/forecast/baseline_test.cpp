#include "forecast/baseline.h"

#include <gtest/gtest.h>

#include <cmath>

#include "forecast/models/spar.h"

namespace foreshard::forecast {
namespace {

std::vector<double> Wave(int bins) {
  std::vector<double> y;
  for (int i = 0; i < bins; ++i) y.push_back(100 + 50 * std::sin(i * 0.2617993877991494) + i % 5);
  return y;
}

TEST(Baseline, SaysWhatWasPublished) {
  const std::vector<double> y = Wave(20 * 24);
  const std::vector<model::BinState> good(y.size(), model::BinState::kGood);
  Baseline baseline({.day_bins = 24, .week_bins = 168, .step = 3, .train_bins = 15 * 24});
  const auto forecasts = baseline.Forecast(y, good);
  EXPECT_EQ(forecasts[0].name, "last");
  EXPECT_EQ(forecasts[0].value, y.back());
  EXPECT_EQ(forecasts[1].value, y[y.size() - 1 + 3 - 24]);
  EXPECT_EQ(forecasts[2].value, y[y.size() - 1 + 3 - 168]);
  const std::vector<std::uint8_t> usable(y.size(), 1);
  const Past past{y, usable, static_cast<model::BinIndex>(y.size()) - 1, 24, 168};
  const Spar spar = Spar::Fit(past, 3, {.days = 7, .recent = 3});
  EXPECT_EQ(forecasts[3].name, "spar");
  EXPECT_DOUBLE_EQ(forecasts[3].value, spar.Forecast(past));
}

TEST(Baseline, RefitsWeeklyAndNotBefore) {
  std::vector<double> y = Wave(40 * 24);
  for (std::size_t i = 20 * 24; i < y.size(); ++i) y[i] *= 1 + 0.01 * static_cast<double>(i % 7);
  const std::vector<model::BinState> good(y.size(), model::BinState::kGood);
  const BaselineOptions options{.day_bins = 24, .week_bins = 168, .step = 3, .train_bins = 15 * 24};
  Baseline old_fit(options);
  Baseline new_fit(options);
  const std::span<const double> all(y);
  (void)old_fit.Forecast(all.first(20 * 24), good);
  const auto after_six = [&](Baseline& baseline, std::size_t days) {
    return baseline.Forecast(all.first(days * 24), good)[3].value;
  };
  EXPECT_NE(after_six(old_fit, 26), after_six(new_fit, 26))
      << "six days later the old coefficients still hold";
  EXPECT_NE(after_six(old_fit, 27), after_six(new_fit, 26));
}

TEST(Baseline, AMissingBinIsBridged) {
  const std::vector<double> y = {5, 7, 0};
  const std::vector<model::BinState> states = {model::BinState::kGood, model::BinState::kGood,
                                               model::BinState::kMissing};
  Baseline baseline({.day_bins = 24, .week_bins = 168, .step = 1, .train_bins = 24});
  EXPECT_EQ(baseline.Forecast(y, states)[0].value, 7);
}

}  // namespace
}  // namespace foreshard::forecast

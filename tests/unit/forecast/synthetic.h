#pragma once

#include <cmath>
#include <functional>
#include <numbers>

#include "base/random.h"
#include "forecast/forecaster.h"

// Series with known truth, for the tests of this folder.

namespace foreshard::forecast {

inline constexpr int kTestDay = 96;

inline Options SmallOptions() {
  Options options;
  options.bin = std::chrono::seconds(900);
  options.day_bins = kTestDay;
  options.week_bins = 7 * kTestDay;
  options.horizon_bins = 24;
  return options;
}

// The first bin of a day, so that seasonal positions are easy to think of.
inline constexpr model::BinIndex kTestFirst = 20'000 * kTestDay;

inline History Make(int bins, const std::function<double(int)>& value) {
  History history;
  history.bin = std::chrono::seconds(900);
  history.first = kTestFirst;
  for (int i = 0; i < bins; ++i) {
    history.mean.push_back(value(i));
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  return history;
}

inline double Daily(int i) { return 100 + 50 * std::sin(2 * std::numbers::pi * i / kTestDay); }

// A day's wave with lognormal noise of that deviation.
inline History Noisy(int bins, double deviation, std::uint64_t seed) {
  Random random(seed);
  return Make(bins, [&](int i) { return Daily(i) * std::exp(deviation * random.Normal()); });
}

inline Fitted MustFit(const History& history, const Options& options = SmallOptions(),
                      const Calendar& calendar = {}) {
  Random random(1);
  Result<Fitted> fitted = Fit(history, calendar, options, nullptr, random);
  CHECK(fitted.ok(), "fit", fitted.ok() ? "" : fitted.error().message);
  return *std::move(fitted);
}

inline Fitted MustUpdate(Fitted fitted, double mean,
                         model::BinState state = model::BinState::kGood) {
  const model::BinIndex at = fitted.last() + 1;
  Result<Fitted> next =
      Update(std::move(fitted), {.at = at, .mean = mean, .peak = mean, .state = state});
  CHECK(next.ok(), "update", next.ok() ? "" : next.error().message);
  return *std::move(next);
}

inline History Head(const History& history, std::size_t bins) {
  History head = history;
  head.mean.resize(bins);
  head.peak.resize(bins);
  head.state.resize(bins);
  return head;
}

}  // namespace foreshard::forecast

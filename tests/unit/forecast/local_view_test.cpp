#include "forecast/local_view.h"

#include <gtest/gtest.h>

#include <cmath>

namespace foreshard::forecast {
namespace {

constexpr int kDay = 24;
constexpr model::BinIndex kFirst = 20'000 * kDay;
constexpr int kChangeAt = 14 * kDay;  // bins after the first

// A working day's load, in UTC or by clocks that go `forward` bins forward at the change.
History Load(int bins, int forward) {
  Random random(3);
  History history;
  history.bin = std::chrono::hours(1);
  history.first = kFirst;
  for (int i = 0; i < bins; ++i) {
    const int clock = (i + (i >= kChangeAt ? forward : 0)) % kDay;
    const double busy = clock >= 9 && clock < 17 ? 100 : 20;
    history.mean.push_back(busy * std::exp(0.02 * random.Normal()));
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  return history;
}

Calendar Clocks(int forward) {
  return {.offsets = {{.since = 0, .offset = std::chrono::hours(1)},
                      {.since = kFirst + kChangeAt, .offset = std::chrono::hours(1 + forward)}},
          .events = {}};
}

// Mean absolute error two bins ahead over the day after the change.
double ErrorAfterTheChange(const History& load, const Calendar& calendar, Pool pool) {
  Options options;
  options.pool = pool;
  options.bin = std::chrono::hours(1);
  options.day_bins = kDay;
  options.week_bins = 0;
  options.horizon_bins = 2;
  double error = 0;
  Random random(1);
  for (int n = kChangeAt + 1; n <= kChangeAt + kDay; ++n) {
    History known = load;
    known.mean.resize(static_cast<std::size_t>(n));
    known.peak.resize(static_cast<std::size_t>(n));
    known.state.resize(static_cast<std::size_t>(n));
    const Result<Fitted> fitted = Fit(known, calendar, options, nullptr, random);
    CHECK(fitted.ok(), "fit");
    error += std::abs(load.mean[static_cast<std::size_t>(n + 1)] -
                      Forecast(*fitted, {}).steps[1][model::kMedian]) /
             kDay;
  }
  return error;
}

class ClockChange : public testing::TestWithParam<std::tuple<int, Pool>> {};

TEST_P(ClockChange, PeopleAreFollowedAndMachinesAreNotLost) {
  const auto [forward, pool] = GetParam();
  const History people = Load(kChangeAt + 3 * kDay, forward);
  const double unaware = ErrorAfterTheChange(people, {}, pool);
  const double aware = ErrorAfterTheChange(people, Clocks(forward), pool);
  EXPECT_LT(aware, 0.7 * unaware);
  const History machines = Load(kChangeAt + 3 * kDay, 0);
  const double before = ErrorAfterTheChange(machines, {}, pool);
  const double after = ErrorAfterTheChange(machines, Clocks(forward), pool);
  EXPECT_LT(after - before, unaware - aware) << "costs machines less than it saves people";
}

INSTANTIATE_TEST_SUITE_P(Both, ClockChange,
                         testing::Combine(testing::Values(1, -1),
                                          testing::Values(Pool::kFine, Pool::kHourly)));

TEST(LocalView, OnlyTheDaysAfterAChangeHaveTwoPasts) {
  const History load = Load(kChangeAt + 20 * kDay, 1);
  const std::vector<std::uint8_t> usable(load.mean.size(), 1);
  const auto view = [&](int bins) {
    const auto n = static_cast<std::size_t>(bins);
    const Past past{std::span(load.mean).first(n), std::span(usable).first(n), kFirst + bins - 1,
                    kDay, 0};
    return LocalView(past, Clocks(1), std::chrono::hours(1));
  };
  EXPECT_FALSE(view(kChangeAt).differs()) << "not yet";
  EXPECT_TRUE(view(kChangeAt + 1).differs());
  EXPECT_TRUE(view(kChangeAt + 8 * kDay).differs());
  EXPECT_FALSE(view(kChangeAt + 8 * kDay + 1).differs()) << "over";
  const LocalView day_after = view(kChangeAt + kDay);
  EXPECT_GT(day_after.share(), 0.9) << "these are people";
  EXPECT_EQ(day_after.past()[100], load.mean[101]);
  EXPECT_EQ(day_after.past()[kChangeAt + 5], load.mean[kChangeAt + 5]);
}

}  // namespace
}  // namespace foreshard::forecast

#include "forecast/shared.h"

#include <gtest/gtest.h>

#include <cmath>

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

TEST(Shared, DamagedWeightsAreRefused) {
  const std::vector<History> all = {Week(40, 0.1, 9), Week(40, 0.1, 10), Week(40, 0.1, 11),
                                    Week(40, 0.2, 12)};
  Options options = HourlyOptions();
  options.week_bins = 0;  // a small map: two seasons of a week of day_bins each
  options.day_bins = 6;
  options.horizon_bins = 6;
  const Result<Shared> shared = Shared::Train(all, options, 0);
  ASSERT_TRUE(shared.ok());
  const std::string bytes = shared->Serialize();
  const Result<Shared> again = Shared::Parse(bytes);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->Serialize(), bytes);
  Random random(3);
  for (int i = 0; i < 100; ++i) {
    std::string damaged = bytes;
    damaged[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
    EXPECT_FALSE(Shared::Parse(damaged).ok());
  }
  EXPECT_FALSE(Shared::Parse("").ok());
  EXPECT_FALSE(Shared::Parse(bytes.substr(0, bytes.size() / 2)).ok());
}

}  // namespace
}  // namespace foreshard::forecast

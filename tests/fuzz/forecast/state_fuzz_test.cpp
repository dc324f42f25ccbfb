#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "forecast/bytes.h"
#include "forecast/models/global_lstm.h"
#include "forecast/shared.h"
#include "tests/unit/forecast/synthetic.h"

// Saved states and weights whose checksum is right and whose bytes are not: what a person with an
// editor, or another program, may leave in their place. They are refused, or they forecast numbers.

namespace foreshard::forecast {
namespace {

constexpr std::size_t kStateHead = 4 + 4 + 1 + 8;  // magic, version, pool, checksum
constexpr std::size_t kSharedHead = 4 + 4 + 8;

void Put(std::string& bytes, std::size_t at, const auto& value) {
  if (at + sizeof value <= bytes.size()) std::memcpy(bytes.data() + at, &value, sizeof value);
}

// One to three kinds of damage behind the head, and the checksum made right again.
std::string Damaged(std::string bytes, std::size_t head, Random& random) {
  for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
    const std::size_t at = head + static_cast<std::size_t>(random.Below(bytes.size() - head));
    switch (random.Below(6)) {
      case 0:
        bytes[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        Put(bytes, at, std::numeric_limits<double>::quiet_NaN());
        break;
      case 2:
        Put(bytes, at, std::numeric_limits<double>::infinity());
        break;
      case 3:
        Put(bytes, at, static_cast<std::uint32_t>(random.Next()));
        break;
      case 4:
        Put(bytes, at, std::int32_t{-1});
        break;
      default:
        bytes.resize(at);
    }
    if (bytes.size() <= head) break;
  }
  Put(bytes, head - 8, Checksum(std::string_view(bytes).substr(std::min(head, bytes.size()))));
  return bytes;
}

void ExpectNumbers(const Fitted& fitted, int seed) {
  const model::Fan fan = Forecast(fitted, {});
  for (const model::Quantiles& step : fan.steps) {
    for (const double quantile : step) ASSERT_TRUE(std::isfinite(quantile)) << "seed " << seed;
  }
  Draw(fitted, {});
  Score(fitted);
  Explain(fitted);
}

// How many of `rounds` damaged states were accepted.
int Attack(const History& history, const Options& options, int rounds) {
  Calendar calendar;
  calendar.events.push_back(
      {.name = "Sale",
       .expected_multiplier = 2,
       .occurrences = {{.start = history.first + kTestDay, .before = 2, .plateau = 8, .after = 2},
                       {.start = history.last() + 4, .before = 2, .plateau = 8, .after = 2}}});
  Random fitting(1);
  const Result<Fitted> fitted = Fit(history, calendar, options, nullptr, fitting);
  CHECK(fitted.ok(), "fit");
  const std::string bytes = Serialize(*fitted);
  int accepted = 0;
  for (int seed = 0; seed < rounds; ++seed) {
    Random random(static_cast<std::uint64_t>(seed) + 1);
    const Result<Fitted> read =
        Parse(Damaged(bytes, kStateHead, random), history, calendar, options, nullptr);
    if (!read.ok()) {
      EXPECT_FALSE(read.error().message.empty());
      continue;
    }
    ++accepted;
    ExpectNumbers(*read, seed);
    // It goes on for a while, or says that it cannot.
    Result<Fitted> next = *read;
    for (int i = 0; i < 3 && next.ok(); ++i) {
      const model::BinIndex at = next->last() + 1;
      next = Update(*std::move(next), {.at = at, .mean = 100, .peak = 100});
    }
  }
  return accepted;
}

// Some damage is only another number, and some is none: both must happen, or this tests nothing.
constexpr int kRounds = 2'000;
constexpr int kSlowRounds = 200;

TEST(StateFuzz, AFineStateIsRefusedOrForecastsNumbers) {
  const int accepted = Attack(Noisy(9 * kTestDay, 0.1, 3), SmallOptions(), kRounds);
  EXPECT_GT(accepted, 0) << "the damage never got behind the checksum";
  EXPECT_LT(accepted, kRounds) << "nothing was ever refused";
}

TEST(StateFuzz, AWeeklyStateIsRefusedOrForecastsNumbers) {
  const int accepted = Attack(Noisy(16 * kTestDay, 0.1, 4), SmallOptions(), kSlowRounds);
  EXPECT_GT(accepted, 0) << "the damage never got behind the checksum";
  EXPECT_LT(accepted, kSlowRounds) << "nothing was ever refused";
}

TEST(StateFuzz, AnHourlyStateIsRefusedOrForecastsNumbers) {
  Options options;
  options.pool = Pool::kHourly;
  options.bin = std::chrono::hours(1);
  options.day_bins = kTestDay;
  options.week_bins = 0;
  options.horizon_bins = 24;
  const int accepted = Attack(Noisy(6 * kTestDay, 0.1, 5), options, kSlowRounds);
  EXPECT_GT(accepted, 0) << "the damage never got behind the checksum";
  EXPECT_LT(accepted, kSlowRounds) << "nothing was ever refused";
}

TEST(StateFuzz, WeightsAreRefusedOrUsable) {
  Options options = SmallOptions();
  options.day_bins = 12;
  options.week_bins = 0;
  options.horizon_bins = 4;
  options.without_models = {"lstm"};  // its weights have checksums of their own, below
  const std::vector<History> all = {Noisy(40 * 12, 0.1, 6), Noisy(40 * 12, 0.1, 7)};
  const Result<Shared> shared = Shared::Train(all, options, 24);
  ASSERT_TRUE(shared.ok());
  const std::string bytes = shared->Serialize();
  for (int seed = 0; seed < 2'000; ++seed) {
    Random random(static_cast<std::uint64_t>(seed) + 1);
    const Result<Shared> read = Shared::Parse(Damaged(bytes, kSharedHead, random));
    if (!read.ok()) continue;
    Random fitting(1);
    const Result<Fitted> fitted =
        Fit(Head(all[0], 5), {}, options, &*read, fitting);  // young: it asks the profiles
    ASSERT_TRUE(fitted.ok());
    ExpectNumbers(*fitted, seed);
  }
}

TEST(StateFuzz, AnyBytesAreRefused) {
  const History history = Noisy(3 * kTestDay, 0.1, 8);
  Random random(9);
  for (int i = 0; i < 2'000; ++i) {
    std::string bytes;
    for (std::uint64_t n = random.Below(80); n > 0; --n)
      bytes += static_cast<char>(random.Below(256));
    EXPECT_FALSE(Parse(bytes, history, {}, SmallOptions(), nullptr).ok());
    EXPECT_FALSE(Shared::Parse(bytes).ok());
    EXPECT_FALSE(GlobalLstm::Parse(bytes).ok());
  }
}

}  // namespace
}  // namespace foreshard::forecast

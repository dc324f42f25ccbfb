#include "forecast/series.h"

#include <gtest/gtest.h>

#include "tests/unit/forecast/synthetic.h"

namespace foreshard::forecast {
namespace {

Series Must(const History& history) {
  Result<Series> series = Series::FromHistory(history, SmallOptions());
  CHECK(series.ok(), "series");
  return *std::move(series);
}

TEST(Series, AShortGapBecomesALineOnceItsEndIsKnown) {
  History history = Make(2 * kTestDay, [](int i) { return 100.0 + i; });
  history.state[50] = model::BinState::kMissing;
  const Series series = Must(history);
  EXPECT_DOUBLE_EQ(series.View()[50], 150);
  EXPECT_TRUE(series.View().usable_at(50));
}

TEST(Series, ALongGapIsFilledFromTheDayBeforeAndNeverATarget) {
  History history =
      Make(3 * kTestDay, [](int i) { return (i < 2 * kTestDay ? 1.0 : 1.2) * Daily(i); });
  for (std::size_t i = 2 * kTestDay + 20; i < 2 * kTestDay + 40; ++i) {
    history.mean[i] = 0;
    history.state[i] = model::BinState::kCensored;
  }
  const Series series = Must(history);
  for (int i = 2 * kTestDay + 20; i < 2 * kTestDay + 40; ++i) {
    EXPECT_FALSE(series.View().usable_at(i));
    EXPECT_NEAR(series.View()[i], 1.2 * Daily(i), 3)
        << "yesterday at today's level, not the zero that was seen";
  }
}

TEST(Series, AZeroIsDataAndAGapIsNot) {
  History history = Make(kTestDay, [](int i) { return i % 2 == 0 ? 10.0 : 0.0; });
  const Series series = Must(history);
  EXPECT_EQ(series.View()[51], 0);
  EXPECT_TRUE(series.View().usable_at(51));
  EXPECT_EQ(series.least(), 0);
}

TEST(Series, ZerosBeforeTheFirstLifeAreDropped) {
  const Series series = Must(Make(100, [](int i) { return i < 60 ? 0.0 : 5.0; }));
  EXPECT_EQ(series.View().size(), 40);
  const Series asleep =
      Must(Make(5 * kTestDay, [](int i) { return i < kTestDay || i > 4 * kTestDay ? 5.0 : 0.0; }));
  EXPECT_EQ(asleep.View().size(), 5 * kTestDay) << "a series that only slept keeps its past";
}

TEST(Series, TheOldestDayGoesWhenItIsFull) {
  Options options = SmallOptions();
  options.kept_days = 3;
  Result<Series> series = Series::FromHistory(Make(10 * kTestDay, Daily), options);
  ASSERT_TRUE(series.ok());
  EXPECT_LE(series->View().size(), 3 * kTestDay);
  EXPECT_GT(series->View().size(), 2 * kTestDay - 1);
  EXPECT_EQ(series->View().y.back(), Daily(10 * kTestDay - 1));
}

TEST(Series, TheShareOfGoodBinsIsCounted) {
  History history = Make(2 * kTestDay, Daily);
  for (std::size_t i = 0; i < kTestDay / 2; ++i)
    history.state[2 * kTestDay - 1 - i] = model::BinState::kMissing;
  EXPECT_DOUBLE_EQ(Must(history).GoodShare(kTestDay), 0.5);
}

}  // namespace
}  // namespace foreshard::forecast

#include "operator/forecasts/day_forecast.h"

#include <gtest/gtest.h>

#include "tests/unit/operator/scaling_world.h"

namespace foreshard::op {
namespace {

constexpr model::BinIndex kMidnight = 1'000 * kDayBins;
constexpr int kStep = 2;  // bins: a day of 96 in 48 steps

forecast::Options Options() {
  forecast::Options options;
  options.bin = std::chrono::seconds(5);
  options.day_bins = kDayBins;
  options.week_bins = 0;
  options.horizon_bins = 6;
  return options;
}

model::DemandSeries SeriesUntil(model::BinIndex last, int bins) {
  model::DemandSeries series;
  series.bin = std::chrono::seconds(5);
  series.first = last - bins + 1;
  for (model::BinIndex bin = series.first; bin <= last; ++bin) {
    series.mean.push_back(HotRate(bin));
    series.peak.push_back(HotRate(bin));
    series.state.push_back(model::BinState::kGood);
  }
  return series;
}

double TrueStep(model::BinIndex step) {
  return (HotRate(step * kStep) + HotRate(step * kStep + 1)) / kStep;
}

TEST(DayForecast, ADayIsCutIntoStepsThatFillItAndTheWeek) {
  EXPECT_EQ(DayStepBins(288, 2'016), 6) << "half-hours of five-minute bins";
  EXPECT_EQ(DayStepBins(1'440, 10'080), 30);
  EXPECT_EQ(DayStepBins(96, 0), 2);
  EXPECT_EQ(DayStepBins(100, 0), 4) << "at most 48, and 3 does not divide it";
  EXPECT_EQ(DayStepBins(24, 168), 1);
  EXPECT_EQ(DayStepBins(96, 147), 3) << "the week as well";
  EXPECT_EQ(DayStepBins(7, 0), 0);
  EXPECT_EQ(DayStepBins(97, 0), 0) << "only its own length divides it";
}

TEST(DayForecast, AStepIsTheMeanOfWhatIsKnownOfIt) {
  model::DemandSeries series;
  series.first = 7;  // half of a step, then 8-9, 10-11, 12-13, then half of one
  series.mean = {9, 1, 3, 5, 0, 0, 0, 9};
  series.peak = series.mean;
  series.state.assign(8, model::BinState::kGood);
  series.state[4] = series.state[5] = series.state[6] = model::BinState::kMissing;
  const model::DemandSeries steps = InSteps(series, 2);
  EXPECT_EQ(steps.first, 4);
  EXPECT_EQ(steps.bin, series.bin * 2);
  EXPECT_EQ(steps.mean, (std::vector<double>{2, 0, 0}));
  EXPECT_EQ(steps.state, (std::vector{model::BinState::kGood, model::BinState::kMissing,
                                      model::BinState::kMissing}))
      << "of half a step nobody knows the mean";
}

TEST(DayForecast, TheFirstStepHoldsTheNextBin) {
  for (const model::BinIndex newest : {kMidnight + 19, kMidnight + 20}) {
    DayForecast day;
    DayForecast::Budget budget;
    day.Follow(SeriesUntil(newest, 6 * kDayBins), {}, Options(), true, budget);
    ASSERT_EQ(day.steps().size(), 48u);
    const model::BinIndex first = (newest + 1) / kStep;
    for (const model::BinIndex step : {0, 5, 14, 30, 47}) {
      const double truth = TrueStep(first + step);
      EXPECT_NEAR(day.steps()[static_cast<std::size_t>(step)][model::kMedian], truth, 0.1 * truth)
          << "step " << step << " after bin " << newest;
    }
  }
}

TEST(DayForecast, StepByStepItKnowsWhatAFitWouldKnow) {
  DayForecast stepwise;
  DayForecast::Budget budget;
  for (model::BinIndex newest = kMidnight; newest <= kMidnight + 30; ++newest)
    stepwise.Follow(SeriesUntil(newest, 6 * kDayBins), {}, Options(), false, budget);
  ASSERT_EQ(stepwise.steps().size(), 48u);
  const model::BinIndex first = (kMidnight + 31) / kStep;
  for (const model::BinIndex step : {0, 8, 20})
    EXPECT_NEAR(stepwise.steps()[static_cast<std::size_t>(step)][model::kMedian],
                TrueStep(first + step), 0.1 * TrueStep(first + step));
}

TEST(DayForecast, LessThanTwoDaysSayNothing) {
  DayForecast day;
  DayForecast::Budget budget;
  day.Follow(SeriesUntil(kMidnight, 2 * kDayBins - kStep), {}, Options(), true, budget);
  EXPECT_TRUE(day.steps().empty());
  day.Follow(SeriesUntil(kMidnight, 2 * kDayBins + kStep), {}, Options(), true, budget);
  EXPECT_EQ(day.steps().size(), 48u);
  day.Follow({}, {}, Options(), true, budget);
  EXPECT_TRUE(day.steps().empty()) << "what is gone is not remembered";
}

TEST(DayForecast, AnAnnouncedEventIsInItsStepsAndInNoOthers) {
  forecast::Calendar calendar;
  calendar.events.push_back(
      {.name = "Campaign",
       .expected_multiplier = 3,
       .occurrences = {{.start = kMidnight + 61, .before = 0, .plateau = 4, .after = 0}}});
  calendar.offsets.push_back({.since = kMidnight, .offset = std::chrono::seconds(0)});
  EXPECT_EQ(InSteps(calendar, kStep).offsets.front().since, kMidnight / kStep);
  DayForecast plain;
  DayForecast told;
  DayForecast::Budget budget;
  const model::DemandSeries series = SeriesUntil(kMidnight + 19, 6 * kDayBins);
  plain.Follow(series, {}, Options(), true, budget);
  told.Follow(series, calendar, Options(), true, budget);
  const auto ratio = [&](std::size_t step) {
    return told.steps().at(step)[model::kMedian] / plain.steps().at(step)[model::kMedian];
  };
  EXPECT_NEAR(ratio(20), 3, 0.6);  // bins 60 and 61, from bin 20 on
  EXPECT_NEAR(ratio(21), 3, 0.6);
  EXPECT_NEAR(ratio(18), 1, 0.1);
  EXPECT_NEAR(ratio(24), 1, 0.1);
}

TEST(DayForecast, ShardsOfOneAgeDoNotAllLearnInOnePass) {
  DayForecast day;
  DayForecast::Budget budget{.refits = 1'000};
  day.Follow(SeriesUntil(kMidnight, 3 * kDayBins), {}, Options(), true, budget);
  DayForecast waits = day;
  DayForecast::Budget none{.refits = 0};
  for (model::BinIndex newest = kMidnight + 1; newest <= kMidnight + 2 * kDayBins; ++newest) {
    day.Follow(SeriesUntil(newest, 3 * kDayBins), {}, Options(), false, budget);
    waits.Follow(SeriesUntil(newest, 3 * kDayBins), {}, Options(), false, none);
  }
  const int learned = 1'000 - budget.refits;
  EXPECT_GE(learned, 1) << "once a day it learns anew";
  EXPECT_LE(learned, 3);
  EXPECT_EQ(none.refits, 0);
  DayForecast::Budget one{.refits = 1};
  waits.Follow(SeriesUntil(kMidnight + 2 * kDayBins + kStep, 3 * kDayBins), {}, Options(), false,
               one);
  EXPECT_EQ(one.refits, 0) << "what waited is done when it may";
}

}  // namespace
}  // namespace foreshard::op

#include "forecast/events.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/forecast/synthetic.h"

namespace foreshard::forecast {
namespace {

constexpr int kStart = 40;   // bin of the day
constexpr int kLength = 12;  // bins of plateau

// The wave, and `multiplier` times it while an event of those days is on.
History WithEvents(int days, const std::vector<int>& event_days, double multiplier,
                   std::uint64_t seed) {
  History history = Noisy(days * kTestDay, 0.02, seed);
  for (const int day : event_days) {
    for (int i = 0; i < kLength; ++i) {
      const auto at = static_cast<std::size_t>(day * kTestDay + kStart + i);
      if (at < history.mean.size()) history.mean[at] *= multiplier;
    }
  }
  return history;
}

Calendar Announced(const std::vector<int>& days, double expected) {
  Event event{.name = "launch", .expected_multiplier = expected, .occurrences = {}};
  for (const int day : days) {
    event.occurrences.push_back({.start = kTestFirst + day * kTestDay + kStart,
                                 .before = 0,
                                 .plateau = kLength,
                                 .after = 0});
  }
  return {.offsets = {}, .events = {event}};
}

// Forecast from just before the event of the last day, five bins into it, over what there would be
// without.
double Multiplier(const History& history, const Calendar& calendar, int day) {
  const std::size_t origin = static_cast<std::size_t>(day * kTestDay + kStart - 1);
  const model::Fan fan = Forecast(MustFit(Head(history, origin + 1), SmallOptions(), calendar), {});
  return fan.steps[5][model::kMedian] / Daily(static_cast<int>(origin) + 6);
}

TEST(Events, TheShapeRisesHoldsAndFalls) {
  const Occurrence occurrence{.start = 100, .before = 4, .plateau = 3, .after = 2};
  EXPECT_EQ(EventBook::Shape(occurrence, 95), 0);
  EXPECT_DOUBLE_EQ(EventBook::Shape(occurrence, 96), 0.2);
  EXPECT_DOUBLE_EQ(EventBook::Shape(occurrence, 99), 0.8);
  EXPECT_EQ(EventBook::Shape(occurrence, 100), 1);
  EXPECT_EQ(EventBook::Shape(occurrence, 102), 1);
  EXPECT_NEAR(EventBook::Shape(occurrence, 103), 2.0 / 3, 1e-12);
  EXPECT_EQ(EventBook::Shape(occurrence, 105), 0);
}

TEST(Events, TwoOccurrencesTeachTheMultiplier) {
  const std::vector<int> days = {3, 6, 9};
  EXPECT_NEAR(Multiplier(WithEvents(11, days, 3, 1), Announced(days, 0), 9), 3, 0.3);
}

TEST(Events, BeforeAnyWasSeenThePriorSpeaks) {
  EXPECT_NEAR(Multiplier(WithEvents(11, {9}, 3, 2), Announced({9}, 2.5), 9), 2.5, 0.2);
  EXPECT_NEAR(Multiplier(WithEvents(11, {9}, 3, 2), Announced({9}, 0), 9), 1, 0.1);
}

TEST(Events, AnUnknownEventOnlyWidensUpwards) {
  const History history = Head(WithEvents(11, {9}, 3, 3), 9 * kTestDay + kStart);
  const model::Fan plain = Forecast(MustFit(history), {});
  const model::Fan wide = Forecast(MustFit(history, SmallOptions(), Announced({9}, 0)), {});
  EXPECT_GT(wide.steps[5][8], 1.5 * plain.steps[5][8]);
  EXPECT_NEAR(wide.steps[5][2], plain.steps[5][2], 0.05 * plain.steps[5][2]);
}

TEST(Events, AWrongPriorIsOverruledAfterThree) {
  const std::vector<int> days = {3, 5, 7, 9};
  EXPECT_NEAR(Multiplier(WithEvents(11, days, 1.5, 4), Announced(days, 5), 9), 1.5, 0.25);
}

TEST(Events, NothingOutsideTheWindowsChanges) {
  const std::vector<int> days = {3, 6};
  // A day after the last occurrence, with and without its effect in the past.
  const model::Fan with =
      Forecast(MustFit(WithEvents(9, days, 3, 5), SmallOptions(), Announced(days, 0)), {});
  const model::Fan without = Forecast(MustFit(WithEvents(9, {}, 1, 5)), {});
  for (std::size_t h = 0; h < with.steps.size(); ++h) {
    EXPECT_NEAR(with.steps[h][model::kMedian] / without.steps[h][model::kMedian], 1, 0.01) << h;
  }
}

TEST(Events, TheEffectSurvivesARestart) {
  const std::vector<int> days = {3, 6, 9};
  const History history = Head(WithEvents(11, days, 3, 6), 9 * kTestDay + 10);
  const Calendar calendar = Announced(days, 0);
  const Fitted fitted = MustFit(history, SmallOptions(), calendar);
  const Result<Fitted> again = Parse(Serialize(fitted), history, calendar, SmallOptions(), nullptr);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(Forecast(*again, {}), Forecast(fitted, {}));
}

}  // namespace
}  // namespace foreshard::forecast

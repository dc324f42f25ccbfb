#include "operator/calendar/occurrences.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

model::LoadEvent Event(const std::string& start, const std::string& recurrence = "",
                       const std::string& zone = "UTC") {
  model::LoadEvent event;
  event.start = start;
  event.recurrence = recurrence;
  event.time_zone = zone;
  return event;
}

std::vector<std::string> Starts(const model::LoadEvent& event, const std::string& from,
                                const std::string& to) {
  const auto starts = StartsWithin(event, *ParseRfc3339(from), *ParseRfc3339(to));
  if (!starts) return {starts.error().message};
  std::vector<std::string> texts;
  for (const WallTime start : *starts) texts.push_back(FormatRfc3339(start));
  return texts;
}

using Texts = std::vector<std::string>;

TEST(Occurrences, OnceIsOnceAndOnlyWhereItIs) {
  const model::LoadEvent event = Event("2026-11-27T06:00:00Z");
  EXPECT_EQ(Starts(event, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            Texts{"2026-11-27T06:00:00Z"});
  EXPECT_EQ(Starts(event, "2026-11-27T06:00:00Z", "2026-11-27T06:00:01Z"),
            Texts{"2026-11-27T06:00:00Z"});
  EXPECT_EQ(Starts(event, "2026-11-01T00:00:00Z", "2026-11-27T06:00:00Z"), Texts{});
  EXPECT_EQ(Starts(event, "2026-11-27T06:00:01Z", "2026-12-01T00:00:00Z"), Texts{});
}

TEST(Occurrences, NineInTheMorningStaysNineWhenTheClocksChange) {
  // Berlin leaves summer time on 25 October 2026: nine is 07:00 UTC before and 08:00 UTC after.
  const model::LoadEvent event =
      Event("2026-01-05T08:00:00Z", "FREQ=WEEKLY;BYDAY=MO", "Europe/Berlin");
  EXPECT_EQ(Starts(event, "2026-10-19T00:00:00Z", "2026-11-03T00:00:00Z"),
            (Texts{"2026-10-19T07:00:00Z", "2026-10-26T08:00:00Z", "2026-11-02T08:00:00Z"}));
}

TEST(Occurrences, DaysOfTheMonthFromEitherEnd) {
  EXPECT_EQ(Starts(Event("2026-01-31T10:00:00Z", "FREQ=MONTHLY;BYMONTHDAY=-1"),
                   "2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z"),
            (Texts{"2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z", "2026-04-30T10:00:00Z"}));
  EXPECT_EQ(Starts(Event("2026-01-02T10:00:00Z", "FREQ=MONTHLY;BYDAY=1FR"), "2026-02-01T00:00:00Z",
                   "2026-04-01T00:00:00Z"),
            (Texts{"2026-02-06T10:00:00Z", "2026-03-06T10:00:00Z"}));
}

TEST(Occurrences, CountsFromTheFirstAndEndsAtUntil) {
  EXPECT_EQ(Starts(Event("2026-01-01T00:00:00Z", "FREQ=DAILY;INTERVAL=2;COUNT=3"),
                   "2026-01-02T00:00:00Z", "2026-02-01T00:00:00Z"),
            (Texts{"2026-01-03T00:00:00Z", "2026-01-05T00:00:00Z"}));
  EXPECT_EQ(Starts(Event("2026-01-01T09:00:00Z", "FREQ=DAILY;UNTIL=20260103T090000Z"),
                   "2026-01-02T00:00:00Z", "2026-02-01T00:00:00Z"),
            (Texts{"2026-01-02T09:00:00Z", "2026-01-03T09:00:00Z"}));
}

// UNTIL is in UTC while the rule is in local time: 09:00 in Berlin is 08:00 UTC in winter.
TEST(Occurrences, UntilMeansUtcInEveryZone) {
  EXPECT_EQ(
      Starts(Event("2026-01-01T08:00:00Z", "FREQ=DAILY;UNTIL=20260103T080000Z", "Europe/Berlin"),
             "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
      (Texts{"2026-01-01T08:00:00Z", "2026-01-02T08:00:00Z", "2026-01-03T08:00:00Z"}));
}

TEST(Occurrences, UntilADayIncludesTheDay) {
  EXPECT_EQ(Starts(Event("2026-01-01T22:30:00Z", "FREQ=DAILY;UNTIL=20260103", "Europe/Berlin"),
                   "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"),
            (Texts{"2026-01-01T22:30:00Z", "2026-01-02T22:30:00Z", "2026-01-03T22:30:00Z"}));
}

TEST(Occurrences, FarFromTheBeginningIsNoWork) {
  EXPECT_EQ(Starts(Event("1990-01-01T00:30:00Z", "FREQ=HOURLY"), "2026-01-01T00:00:00Z",
                   "2026-01-01T02:00:00Z"),
            (Texts{"2026-01-01T00:30:00Z", "2026-01-01T01:30:00Z"}));
}

TEST(Occurrences, RefusalsNameTheField) {
  const auto refused = [](const model::LoadEvent& event) {
    return Starts(event, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z").at(0);
  };
  EXPECT_EQ(refused(Event("tomorrow")),
            "start: 'tomorrow' is no time; 2026-11-27T06:00:00Z is one");
  EXPECT_EQ(refused(Event("2026-01-01T00:00:00Z", "", "Mars/Olympus")),
            "timeZone: 'Mars/Olympus' is not in the time zone database; a name as Europe/Berlin is "
            "expected");
  EXPECT_EQ(refused(Event("2026-01-01T00:00:00Z", "FREQ=SOMETIMES")),
            "recurrence: 'FREQ=SOMETIMES' is no rule of RFC 5545; FREQ=WEEKLY;BYDAY=MO is one");
  EXPECT_EQ(
      refused(Event("1990-01-01T00:00:00Z", "FREQ=HOURLY;COUNT=900000")),
      "recurrence: 'FREQ=HOURLY;COUNT=900000' happened over 100000 times since start; a later "
      "start is expected");
}

model::FreezeWindow Window(const std::string& schedule, const std::string& zone = "UTC") {
  return {.name = "payroll",
          .schedule = schedule,
          .duration = std::chrono::hours(4),
          .time_zone = zone};
}

Texts Starts(const model::FreezeWindow& window, const std::string& from, const std::string& to) {
  const auto starts = StartsWithin(window, *ParseRfc3339(from), *ParseRfc3339(to));
  if (!starts) return {starts.error().message};
  Texts texts;
  for (const WallTime start : *starts) texts.push_back(FormatRfc3339(start));
  return texts;
}

TEST(Occurrences, AWindowBeginsInItsLocalTime) {
  EXPECT_EQ(
      Starts(Window("0 8 28 * *", "Europe/Berlin"), "2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z"),
      (Texts{"2026-10-28T07:00:00Z", "2026-11-28T07:00:00Z"}));
  EXPECT_EQ(Starts(Window("0 8 * * MON-FRI", "America/New_York"), "2026-11-20T00:00:00Z",
                   "2026-11-24T00:00:00Z"),
            (Texts{"2026-11-20T13:00:00Z", "2026-11-23T13:00:00Z"}));
  EXPECT_EQ(Starts(Window("0 0 13 * FRI"), "2026-11-10T00:00:00Z", "2026-11-21T00:00:00Z"),
            (Texts{"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"}));
}

TEST(Occurrences, AWindowMayBeginLateOnTheDayOfTheQuestion) {
  EXPECT_EQ(
      Starts(Window("30 22 * * *", "Asia/Tokyo"), "2026-11-20T13:00:00Z", "2026-11-20T14:00:00Z"),
      Texts{"2026-11-20T13:30:00Z"});
}

TEST(Occurrences, IsFrozenFromTheBeginningOfAWindowUntilItsEnd) {
  const auto frozen = [](const std::string& time) {
    return IsFrozen({Window("0 8 28 * *")}, *ParseRfc3339(time));
  };
  EXPECT_FALSE(frozen("2026-11-28T07:59:59Z"));
  EXPECT_TRUE(frozen("2026-11-28T08:00:00Z"));
  EXPECT_TRUE(frozen("2026-11-28T11:59:59Z"));
  EXPECT_FALSE(frozen("2026-11-28T12:00:00Z"));
  EXPECT_TRUE(IsFrozen({Window("whenever")}, *ParseRfc3339("2026-11-28T07:59:59Z")));
  EXPECT_FALSE(IsFrozen({}, *ParseRfc3339("2026-11-28T08:00:00Z")));
}

TEST(Occurrences, AWindowThatCannotBeIsRefused) {
  const auto refused = [](const model::FreezeWindow& window) {
    const Status good = CheckWindow(window);
    return good ? "accepted" : good.error().message;
  };
  EXPECT_EQ(refused(Window("0 8 28 * *", "Europe/Berlin")), "accepted");
  EXPECT_EQ(refused(Window("0 0 29 2 *")), "accepted");
  EXPECT_EQ(refused(Window("0 0 30 2 *")),
            "schedule: '0 0 30 2 *' never happens; a day that exists is expected");
  EXPECT_EQ(refused(Window("0 8 28 *")).substr(0, 10), "schedule: ");
  EXPECT_EQ(refused(Window("0 8 28 * *", "Mars/Olympus")).substr(0, 10), "timeZone: ");
}

// Both the webhook and the loop ask this before anything else.
TEST(Occurrences, AnEventThatNeverHappensIsRefusedByField) {
  const auto refused = [](model::LoadEvent event, int hours = 1) {
    event.duration = std::chrono::hours(hours);
    const Status good = CheckEvent(event);
    return good ? "accepted" : good.error().message;
  };
  const std::string start = "2026-01-31T10:00:00Z";
  for (const char* rule : {"", "FREQ=DAILY", "FREQ=YEARLY", "FREQ=MONTHLY;BYMONTHDAY=31",
                           "FREQ=DAILY;UNTIL=20260131", "FREQ=MONTHLY;BYDAY=5FR;COUNT=2"})
    EXPECT_EQ(refused(Event(start, rule)), "accepted") << rule;
  EXPECT_EQ(refused(Event(start, "FREQ=DAILY;UNTIL=20260130")),
            "recurrence: 'FREQ=DAILY;UNTIL=20260130' never happens from 2026-01-31T10:00:00Z on; a "
            "day that exists, and before UNTIL, is expected");
  EXPECT_NE(refused(Event("2026-02-01T10:00:00Z", "FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=30"))
                .find("never happens"),
            std::string::npos);
  EXPECT_EQ(refused(Event(start), 0), "duration: 0s; more than nothing is expected");
  EXPECT_EQ(refused(Event("tomorrow")),
            "start: 'tomorrow' is no time; 2026-11-27T06:00:00Z is one");
  EXPECT_EQ(refused(Event(start, "", "Mars/Olympus")).substr(0, 10), "timeZone: ");
  EXPECT_EQ(refused(Event(start, "every day")).substr(0, 12), "recurrence: ");
  EXPECT_EQ(refused(Event(start, "FREQ=DAILY;BYDAY=" + std::string(100'000, ','))).size(),
            refused(Event(start, "FREQ=DAILY;BYDAY=" + std::string(200'000, ','))).size())
      << "a text of any length is told shortly";
}

std::vector<std::string> Offsets(const std::string& zone, const std::string& from,
                                 const std::string& to) {
  const auto offsets = OffsetsWithin(zone, *ParseRfc3339(from), *ParseRfc3339(to));
  if (!offsets) return {offsets.error().message.substr(0, 9)};
  std::vector<std::string> texts;
  for (const ZoneOffset& one : *offsets)
    texts.push_back(FormatRfc3339(one.since) + " " + std::to_string(one.offset.count()));
  return texts;
}

TEST(Occurrences, ClocksOfAZoneAreKnownThroughBothOfItsChanges) {
  EXPECT_EQ(Offsets("Europe/Berlin", "2026-03-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            (Texts{"2026-03-01T00:00:00Z 3600", "2026-03-29T01:00:00Z 7200",
                   "2026-10-25T01:00:00Z 3600"}));
  EXPECT_EQ(Offsets("America/New_York", "2026-10-20T12:34:00Z", "2026-11-10T00:00:00Z"),
            (Texts{"2026-10-20T12:34:00Z -14400", "2026-11-01T06:00:00Z -18000"}));
  EXPECT_EQ(Offsets("UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            Texts{"2026-01-01T00:00:00Z 0"});
  EXPECT_EQ(Offsets("Berlin", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), Texts{"timeZone:"});
}

}  // namespace
}  // namespace foreshard::op

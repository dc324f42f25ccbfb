#include "operator/forecasts/event_calendar.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

model::RoutingTable Table() {
  return {.shard_set_name = "orders",
          .epoch = {1},
          .key_space = {model::Strategy::kRange, model::KeyType::kBigint},
          .ranges = {{{"", "100"}, {"s-a"}}, {{"100", ""}, {"s-b"}}},
          .pins = {},
          .shards = {{{"s-a"}, "a", "a"}, {{"s-b"}, "b", "b"}},
          .moving = {}};
}

model::LoadEvent Sale(const std::string& name, const std::string& start) {
  model::LoadEvent event;
  event.name = name;
  event.event_class = "Sale";
  event.start = start;
  event.duration = 12min;
  event.before = 5min;
  return event;
}

// The whole of 1970-01-02 in bins of five minutes.
constexpr EventWindow kDay{.bin = 300s, .first = 288, .last = 575};

TEST(EventCalendar, AnEventOfTheWholeSetTouchesEveryShard) {
  model::LoadEvent sale = Sale("sale", "1970-01-02T10:00:00Z");
  sale.expected_multiplier_percent = 300;
  const EventCalendar calendar = MakeEventCalendar({sale}, Table(), kDay);
  ASSERT_EQ(calendar.by_shard.size(), 2U);
  const forecast::Event& event = calendar.by_shard.at({"s-b"}).events.at(0);
  EXPECT_EQ(event.name, "Sale");
  EXPECT_DOUBLE_EQ(event.expected_multiplier, 3);
  EXPECT_EQ(event.occurrences, (std::vector<forecast::Occurrence>{
                                   {.start = 288 + 120, .before = 1, .plateau = 3, .after = 0}}));
  EXPECT_TRUE(calendar.problems.empty());
}

TEST(EventCalendar, EventsOfOneClassAreOneAndTheLatestExpectationHolds) {
  model::LoadEvent old = Sale("z-spring", "1970-01-02T04:00:00Z");
  old.expected_multiplier_percent = 200;
  model::LoadEvent next = Sale("autumn", "1970-01-02T20:00:00Z");
  next.expected_multiplier_percent = 400;
  const auto calendar = MakeEventCalendar({next, old}, Table(), kDay).by_shard.at({"s-a"});
  ASSERT_EQ(calendar.events.size(), 1U);
  EXPECT_DOUBLE_EQ(calendar.events[0].expected_multiplier, 4);
  ASSERT_EQ(calendar.events[0].occurrences.size(), 2U);
  EXPECT_EQ(calendar.events[0].occurrences[0].start, 288 + 48);
  EXPECT_EQ(calendar.events[0].occurrences[1].start, 288 + 240);
}

TEST(EventCalendar, AKeyTouchesItsOwnerWithAnEffectToBeLearned) {
  model::LoadEvent sale = Sale("sale", "1970-01-02T10:00:00Z");
  sale.expected_multiplier_percent = 300;
  sale.keys = {"0100"};
  const EventCalendar calendar = MakeEventCalendar({sale}, Table(), kDay);
  ASSERT_EQ(calendar.by_shard.size(), 1U);
  EXPECT_DOUBLE_EQ(calendar.by_shard.at({"s-b"}).events.at(0).expected_multiplier, 0);
}

TEST(EventCalendar, AnEventThatReachesIntoTheWindowCounts) {
  model::LoadEvent late = Sale("late", "1970-01-01T23:50:00Z");    // until 00:02
  model::LoadEvent early = Sale("early", "1970-01-03T00:04:00Z");  // ramps in from 23:59
  model::LoadEvent outside = Sale("outside", "1970-01-01T23:40:00Z");
  const auto calendar = MakeEventCalendar({late, early, outside}, Table(), kDay);
  EXPECT_EQ(calendar.by_shard.at({"s-a"}).events.at(0).occurrences.size(), 2U);
}

TEST(EventCalendar, OneWrongEventIsNamedAndTheOthersCount) {
  model::LoadEvent wrong = Sale("wrong", "1970-01-02T10:00:00Z");
  wrong.time_zone = "Mars/Olympus";
  model::LoadEvent key = Sale("key", "1970-01-02T10:00:00Z");
  key.keys = {"many"};
  const EventCalendar calendar =
      MakeEventCalendar({wrong, key, Sale("good", "1970-01-02T10:00:00Z")}, Table(), kDay);
  ASSERT_EQ(calendar.problems.size(), 2U);
  EXPECT_TRUE(calendar.problems.at("wrong").starts_with("timeZone: 'Mars/Olympus'"));
  EXPECT_TRUE(calendar.problems.at("key").starts_with("scope.keys: 'many'"));
  EXPECT_EQ(calendar.by_shard.at({"s-a"}).events.at(0).occurrences.size(), 1U);
}

TEST(EventCalendar, TheZoneOfPeopleIsTheOneNamedMost) {
  EXPECT_EQ(ZoneOfPeople({}, {}), "");
  model::LoadEvent utc = Sale("a", "1970-01-02T10:00:00Z");
  EXPECT_EQ(ZoneOfPeople({utc, utc}, {}), "");
  model::LoadEvent berlin = utc;
  berlin.time_zone = "Europe/Berlin";
  model::FreezeWindow night;
  night.time_zone = "America/New_York";
  EXPECT_EQ(ZoneOfPeople({utc, utc, berlin}, {}), "Europe/Berlin");
  EXPECT_EQ(ZoneOfPeople({berlin}, {night, night}), "America/New_York");
}

TEST(EventCalendar, EveryShardHearsOfAClockChangeAndOfNothingElse) {
  // Berlin goes from 3600 to 7200 on 29 March 2026 at 01:00 UTC.
  const model::BinIndex change = ParseRfc3339("2026-03-29T01:00:00Z")->time_since_epoch() / 300s;
  const EventWindow around{.bin = 300s, .first = change - 5 * 288, .last = change + 288};
  EventCalendar calendar;
  AddClockChanges("Europe/Berlin", Table(), around, calendar);
  ASSERT_EQ(calendar.by_shard.size(), 2U);
  const std::vector<forecast::OffsetChange> wanted = {{.since = 0, .offset = 3600s},
                                                      {.since = change, .offset = 7200s}};
  EXPECT_EQ(calendar.by_shard.at({"s-a"}).offsets, wanted);
  EXPECT_EQ(calendar.by_shard.at({"s-b"}).offsets, wanted);
  // A day later the calendar is the same: no new fit.
  EventCalendar tomorrow;
  AddClockChanges("Europe/Berlin", Table(),
                  {.bin = 300s, .first = around.first + 288, .last = around.last + 288}, tomorrow);
  EXPECT_EQ(tomorrow.by_shard, calendar.by_shard);

  EventCalendar quiet;
  AddClockChanges("Europe/Berlin", Table(), {.bin = 300s, .first = change + 1, .last = change + 9},
                  quiet);
  AddClockChanges("", Table(), around, quiet);
  AddClockChanges("Atlantis", Table(), around, quiet);
  EXPECT_TRUE(quiet.by_shard.empty());
}

}  // namespace
}  // namespace foreshard::op

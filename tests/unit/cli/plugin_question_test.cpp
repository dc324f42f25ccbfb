#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "cli/plugin/question.h"

namespace foreshard::plugin {
namespace {

using testing::HasSubstr;

// A Wednesday.
const WallTime kNow = *ParseRfc3339("2026-11-25T10:30:00Z");

std::string Asked(const std::string& text) {
  const auto question = ParseQuestion(text, kNow, std::chrono::hours(2));
  if (!question) return question.error().message;
  std::string shards;
  for (const model::ShardId& shard : question->shards) shards += " " + shard.value;
  return fmt::format("{:.4g} {} {}{}", question->factor,
                     FormatRfc3339(question->from).substr(5, 11),
                     FormatRfc3339(question->to).substr(5, 11), shards);
}

TEST(PluginQuestion, AmountsAreFactors) {
  const std::string now = " 11-25T10:30 11-25T12:30";
  EXPECT_EQ(Asked("traffic x3"), "3" + now);
  EXPECT_EQ(Asked("x1.5"), "1.5" + now);
  EXPECT_EQ(Asked("load 3x now"), "3" + now);
  EXPECT_EQ(Asked("+50%"), "1.5" + now);
  EXPECT_EQ(Asked("demand +50 %"), "1.5" + now);
  EXPECT_EQ(Asked("-20%"), "0.8" + now);
  EXPECT_EQ(Asked("50% more"), "1.5" + now);
  EXPECT_EQ(Asked("20% less"), "0.8" + now);
  EXPECT_EQ(Asked("traffic triples"), "3" + now);
  EXPECT_EQ(Asked("traffic halves"), "0.5" + now);
  EXPECT_EQ(Asked("x0"), "0" + now);
}

TEST(PluginQuestion, DaysAndHoursAreUtc) {
  EXPECT_EQ(Asked("traffic x3 on Friday"), "3 11-27T00:00 11-28T00:00");
  EXPECT_EQ(Asked("x3 fri from 09:00 to 12:00"), "3 11-27T09:00 11-27T12:00");
  EXPECT_EQ(Asked("x3 from 9:00 to 12:00 UTC on Friday"), "3 11-27T09:00 11-27T12:00");
  EXPECT_EQ(Asked("x3 on 2026-12-01 09:00-12:30"), "3 12-01T09:00 12-01T12:30");
  EXPECT_EQ(Asked("x3 tomorrow at 09:00"), "3 11-26T09:00 11-26T10:00");
  EXPECT_EQ(Asked("x3 tomorrow at 09:00 for 90m"), "3 11-26T09:00 11-26T10:30");
  EXPECT_EQ(Asked("x3 tomorrow from 22:00 until 02:00"), "3 11-26T22:00 11-27T02:00");
  EXPECT_EQ(Asked("x3 today"), "3 11-25T10:30 11-26T00:00") << "what is left of it";
  EXPECT_EQ(Asked("x3 wednesday from 11:00 to 12:00"), "3 11-25T11:00 11-25T12:00");
  EXPECT_EQ(Asked("x3 wednesday from 08:00 to 09:00"), "3 12-02T08:00 12-02T09:00")
      << "this Wednesday's morning is over";
  EXPECT_EQ(Asked("x3 from 08:00 to 09:00"), "3 11-26T08:00 11-26T09:00");
}

TEST(PluginQuestion, ShardsMayBeNamed) {
  EXPECT_EQ(Asked("x3 on shard s-4kq7"), "3 11-25T10:30 11-25T12:30 s-4kq7");
  EXPECT_EQ(Asked("x3 on shards s-4kq7, s-9x2d on Friday"),
            "3 11-27T00:00 11-28T00:00 s-4kq7 s-9x2d");
}

TEST(PluginQuestion, AnEventIsNamed) {
  EXPECT_EQ(ParseQuestion("event black-friday", kNow, std::chrono::hours(2))->event,
            "black-friday");
  EXPECT_THAT(Asked("event"), HasSubstr("followed by one name"));
  EXPECT_THAT(Asked("event black friday"), HasSubstr("followed by one name"));
}

TEST(PluginQuestion, WhatIsNotUnderstoodIsSaidWithWhatIs) {
  EXPECT_THAT(Asked(""), HasSubstr("ends where x3, 3x, +50%"));
  EXPECT_THAT(Asked("traffic"), HasSubstr("ends where x3"));
  EXPECT_THAT(Asked("traffic a lot"), HasSubstr("'a' is not understood; give x3"));
  EXPECT_THAT(Asked("300%"), HasSubstr("'300%' is not understood; give x3")) << "x3 or x4?";
  EXPECT_THAT(Asked("x3 soon"), HasSubstr("'soon' is not understood; give a day (now, today"));
  EXPECT_THAT(Asked("x3 on 2026-02-30"), HasSubstr("'2026-02-30' is not understood"));
  EXPECT_THAT(Asked("x3 from 25:00 to 26:00"), HasSubstr("give a time of day from 00:00"));
  EXPECT_THAT(Asked("x3 from 09:00"), HasSubstr("'to' and a time of day"));
  EXPECT_THAT(Asked("x3 at 09:00 for ever"),
              HasSubstr("'ever' is not understood; give a duration"));
  EXPECT_THAT(Asked("x3 on shard orders"), HasSubstr("id of a shard"));
  EXPECT_THAT(Asked("x3 today tomorrow"), HasSubstr("'tomorrow' is a second day"));
  EXPECT_THAT(Asked("x3 2026-11-20"), HasSubstr("over at 2026-11-21T00:00:00Z; now is"));
  EXPECT_THAT(Asked("x3 2027-11-20"), HasSubstr("at most 35 days ahead"));
  EXPECT_THAT(Asked("x1000"), HasSubstr("give 0 to 100 times"));
  EXPECT_THAT(Asked("-150%"), HasSubstr("give 0 to 100 times"));
}

// Any words: an answer or a reason, and what was understood is a span ahead of us.
TEST(PluginQuestion, AnyWordsHaveAnAnswerOrAReason) {
  const std::vector<std::string> words = {
      "traffic", "x3",   "3x", "+50%",  "%",     "50%",         "more", "on",  "friday",
      "today",   "from", "to", "09:00", "24:00", "23:59-00:01", "at",   "for", "2h",
      "shard",   "s-1",  "-",  ":",     "x",     "now",         "x1e9"};
  int good = 0;
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    Random random(seed);
    std::string text = random.Chance(0.7) ? "x2 " : "";
    for (std::uint64_t n = random.Below(7); n > 0; --n)
      text += words[random.Below(words.size())] + " ";
    const auto question = ParseQuestion(text, kNow, std::chrono::hours(2));
    if (!question) {
      EXPECT_EQ(question.error().reason, "BadQuestion") << text;
      continue;
    }
    ++good;
    EXPECT_LT(question->from, question->to) << text;
    EXPECT_GE(question->from, kNow) << text;
    EXPECT_TRUE(question->factor >= 0 && question->factor <= 100) << text;
  }
  EXPECT_GT(good, 300);
}

}  // namespace
}  // namespace foreshard::plugin

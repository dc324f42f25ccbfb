#include "operator/status/fan_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/unit/operator/status/status_world.h"

namespace foreshard::op {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

std::size_t Count(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(FanPicture, ShowsThePastTheFanAndBothLimits) {
  const std::string svg = FanPicture(tests::Morning(46, 91.7), {.shard = "s-4kq7"});
  EXPECT_EQ(Count(svg, "class=\"measured\""), 2U);  // a gap of one bin parts the line
  for (const char* part : {"fan90", "fan50", "median", "limit", "target", "now"})
    EXPECT_EQ(Count(svg, std::string("class=\"") + part + "\""), 1U) << part;
  EXPECT_THAT(svg, HasSubstr("<title>Load and forecast of s-4kq7</title>"));
  EXPECT_THAT(svg, HasSubstr("is highest at 09:10 UTC: 104 %, median 91 %"));
  EXPECT_THAT(svg, HasSubstr("now 08:10"));
  EXPECT_THAT(svg, HasSubstr(">100 %<"));
}

TEST(FanPicture, EveryPointLiesInside) {
  ShardPicture wild = tests::Morning(46, 91.7);
  wild.measured.back() = 100'000;
  wild.fan.back().p05 = -50;
  wild.fan.back().p95 = 1e9;
  const std::string svg = FanPicture(wild, {.shard = "s"});
  static const std::regex kPoint("(-?[0-9.]+),(-?[0-9.]+) ");
  std::size_t points = 0;
  for (std::sregex_iterator at(svg.begin(), svg.end(), kPoint), end; at != end; ++at, ++points) {
    EXPECT_GE(std::stod((*at)[1]), 38) << at->str();
    EXPECT_LE(std::stod((*at)[1]), 392) << at->str();
    EXPECT_GE(std::stod((*at)[2]), 12) << at->str();
    EXPECT_LE(std::stod((*at)[2]), 148) << at->str();
  }
  EXPECT_GT(points, 100U);
}

TEST(FanPicture, NothingKnownIsNoPicture) {
  EXPECT_EQ(FanPicture({}, {.shard = "s"}), "");
  ShardPicture unknown;
  unknown.measured = {kUnknown, kUnknown};
  EXPECT_EQ(FanPicture(unknown, {.shard = "s"}), "");
  EXPECT_EQ(FanTable(unknown, 8), "");
}

TEST(FanPicture, WithoutAForecastOnlyThePastIsDrawn) {
  ShardPicture past = tests::Morning(46, 91.7);
  past.fan.clear();
  const std::string svg = FanPicture(past, {.shard = "s"});
  EXPECT_THAT(svg, HasSubstr("class=\"measured\""));
  EXPECT_THAT(svg, Not(HasSubstr("polygon")));
  ShardPicture one;
  one.measured = {40};
  EXPECT_THAT(FanPicture(one, {.shard = "s"}), Not(HasSubstr("nan")));
}

TEST(FanPicture, TheNewestBinThatIsNotKnownOpensNoFan) {
  ShardPicture blind = tests::Morning(46, 91.7);
  blind.measured.back() = kUnknown;
  EXPECT_THAT(FanPicture(blind, {.shard = "s"}), Not(HasSubstr("nan")));
}

TEST(FanPicture, NamesAreEscaped) {
  EXPECT_THAT(FanPicture(tests::Morning(40, 60), {.shard = "<script>"}), Not(HasSubstr("<script")));
}

TEST(FanPicture, TheTableHasTheRowsThatWereAllowed) {
  const std::string table = FanTable(tests::Morning(46, 91.7), 8);
  EXPECT_EQ(Count(table, "<tr><th scope=\"row\">"), 8U);
  EXPECT_THAT(table, HasSubstr(">10:10<"));  // the end of the horizon
}

}  // namespace
}  // namespace foreshard::op

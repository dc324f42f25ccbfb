#include "operator/status/html.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

TEST(Html, WhatCouldEndATextOrAnAttributeIsEscaped) {
  EXPECT_EQ(Escape("<b a=\"1\" b='2'>&amp;"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;amp;");
  EXPECT_EQ(Escape(std::string("a\0b\n\x7f", 5)), "a b  ");
  EXPECT_EQ(Escape("Größe ≤ 3"), "Größe ≤ 3");
  EXPECT_EQ(Pill(Tone::kBad, "<i>"), "<span class=\"pill bad\">&lt;i&gt;</span>");
}

TEST(Html, LengthsAreSaidAsPeopleSayThem) {
  using std::chrono::seconds;
  EXPECT_EQ(LengthText(seconds(7)), "7 s");
  EXPECT_EQ(LengthText(seconds(-7)), "7 s");
  EXPECT_EQ(LengthText(seconds(89)), "89 s");
  EXPECT_EQ(LengthText(seconds(90)), "2 min");
  EXPECT_EQ(LengthText(seconds(3'600)), "1 h");
  EXPECT_EQ(LengthText(seconds(7'500)), "2 h 5 min");
  EXPECT_EQ(LengthText(seconds(3 * 86'400)), "3 d");
}

TEST(Html, TimesAreSeenFromNow) {
  const WallTime now = *ParseRfc3339("2026-05-01T08:10:00Z");
  EXPECT_NE(FromNow(now, "2026-05-01T09:05:00Z").find(">in 55 min<"), std::string::npos);
  EXPECT_NE(FromNow(now, "2026-05-01T08:07:00Z").find(">3 min ago<"), std::string::npos);
  EXPECT_EQ(FromNow(now, "<soon>"), "&lt;soon&gt;");
  EXPECT_EQ(ClockText(now), "08:10");
}

TEST(Html, BytesHaveAUnit) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(410'000'000), "391 MiB");
  EXPECT_EQ(BytesText(std::int64_t{5} << 50), "5120 TiB");
}

}  // namespace
}  // namespace foreshard::op

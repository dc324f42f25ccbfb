#include "base/clock.h"

#include <gtest/gtest.h>

namespace foreshard {
namespace {

TEST(Clock, FormatsAsKubernetesDoes) {
  const WallTime time{std::chrono::microseconds(1'777'626'600'000'042)};
  EXPECT_EQ(FormatRfc3339(time), "2026-05-01T09:10:00Z");
  EXPECT_EQ(FormatRfc3339Micros(time), "2026-05-01T09:10:00.000042Z");
}

TEST(Clock, ReadsBackWhatItWrote) {
  const WallTime time{std::chrono::microseconds(1'777'626'600'000'042)};
  EXPECT_EQ(ParseRfc3339(FormatRfc3339Micros(time)), time);
  EXPECT_EQ(ParseRfc3339("2026-05-01T09:10:00Z"), WallTime{std::chrono::seconds(1'777'626'600)});
  for (const char* text : {"", "yesterday", "2026-05-01", "2026-05-01T09:10:00",
                           "2026-05-01T09:10:00+02:00", "2026-05-01T09:10:00Zx"}) {
    EXPECT_FALSE(ParseRfc3339(text)) << text;
  }
}

TEST(Clock, MonotonicNeverGoesBack) {
  const SystemClock clock;
  const MonotonicTime first = clock.Monotonic();
  EXPECT_GE(clock.Monotonic(), first);
}

}  // namespace
}  // namespace foreshard

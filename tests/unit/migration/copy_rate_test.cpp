#include "migration/copy_rate.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime kStart{};

TEST(CopyRate, NothingIsPromisedBeforeTwoLooks) {
  CopyRate rate;
  EXPECT_EQ(rate.SecondsLeft(1'000), -1);
  rate.Saw(kStart, 500);  // copied before a restart
  EXPECT_EQ(rate.RowsPerSecond(), 0);
  EXPECT_EQ(rate.SecondsLeft(1'000), -1);
  rate.Saw(kStart + 10s, 500);
  EXPECT_EQ(rate.SecondsLeft(1'000), -1) << "at this speed, never";
}

TEST(CopyRate, WhatIsLeftAtTheSpeedOfNow) {
  CopyRate rate;
  rate.Saw(kStart, 500);
  rate.Saw(kStart + 10s, 1'500);
  EXPECT_DOUBLE_EQ(rate.RowsPerSecond(), 100);
  EXPECT_EQ(rate.SecondsLeft(2'501), 11) << "rounded up";
  EXPECT_EQ(rate.SecondsLeft(1'400), 0) << "the estimate was too low";
  // The throttle halves it: after a window the old speed is forgotten.
  for (int step = 1; step <= 13; ++step) rate.Saw(kStart + 10s + 10s * step, 1'500 + 500 * step);
  EXPECT_DOUBLE_EQ(rate.RowsPerSecond(), 50);
}

TEST(CopyRate, AChunkLongerThanTheWindowStillHasASpeed) {
  CopyRate rate;
  rate.Saw(kStart, 0);
  rate.Saw(kStart + 200s, 20'000);
  rate.Saw(kStart + 400s, 30'000);
  EXPECT_DOUBLE_EQ(rate.RowsPerSecond(), 50) << "of the last chunk";
  EXPECT_EQ(rate.SecondsLeft(31'000), 20);
}

TEST(CopyRate, ACopyThatBeginsAgainBeginsToMeasureAgain) {
  CopyRate rate;
  rate.Saw(kStart, 0);
  rate.Saw(kStart + 10s, 1'000);
  rate.Saw(kStart + 20s, 0);
  EXPECT_EQ(rate.SecondsLeft(1'000), -1);
  rate.Saw(kStart + 30s, 100);
  EXPECT_EQ(rate.SecondsLeft(1'000), 90);
}

}  // namespace
}  // namespace foreshard::migration

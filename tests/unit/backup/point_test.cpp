#include "backup/point.h"

#include <gtest/gtest.h>

namespace foreshard::backup {
namespace {

constexpr const char* kUid = "5a0e7f0c-0000-4000-8000-000000000001";

TEST(PointName, SaysWhichSetAndWhichPoint) {
  EXPECT_EQ(PointName(kUid, {7}), "foreshard/5a0e7f0c-0000-4000-8000-000000000001/7");
}

TEST(PointName, FitsIntoPostgresEvenAfterAVeryLongTime) {
  EXPECT_EQ(PointName(kUid, {9'999'999'999'999'999}).size(), 63U);
}

TEST(PointNameDeathTest, IsNeverCutOff) {
  EXPECT_DEATH(PointName(kUid, {10'000'000'000'000'000}), "too long");
  EXPECT_DEATH(PointName(kUid, {0}), "number");
}

}  // namespace
}  // namespace foreshard::backup

#include "operator/forecasts/freeze.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

// The night from 1970-01-02 to 03 in bins of five minutes.
constexpr model::BinIndex kMidnight = 2 * 288;

std::vector<planner::FrozenInterval> Frozen(const model::FreezeWindow& window,
                                            model::BinIndex first, model::BinIndex last) {
  return FrozenIntervals({window}, 300s, first, last);
}

TEST(Freeze, AWindowIsTheBinsThatItTouches) {
  const auto frozen = Frozen({.name = "backup", .schedule = "2 1 * * *", .duration = 9min},
                             kMidnight, kMidnight + 287);
  ASSERT_EQ(frozen.size(), 1U);
  EXPECT_EQ(frozen[0].name, "backup");
  EXPECT_EQ(frozen[0].from, kMidnight + 12);  // 01:02 to 01:11
  EXPECT_EQ(frozen[0].to, kMidnight + 15);
}

TEST(Freeze, OneThatBeganBeforeAndIsStillOnCounts) {
  const model::FreezeWindow night = {.name = "night", .schedule = "0 22 * * *", .duration = 4h};
  const auto frozen = Frozen(night, kMidnight, kMidnight + 12);
  ASSERT_EQ(frozen.size(), 1U);
  EXPECT_EQ(frozen[0].from, kMidnight - 24);
  EXPECT_EQ(frozen[0].to, kMidnight + 24);
  EXPECT_TRUE(Frozen(night, kMidnight + 24, kMidnight + 48).empty()) << "it ended at two";
}

TEST(Freeze, OneThatCannotBeReadFreezesEverything) {
  const auto frozen = Frozen({.name = "payroll", .schedule = "whenever", .duration = 1h}, kMidnight,
                             kMidnight + 12);
  ASSERT_EQ(frozen.size(), 1U);
  EXPECT_EQ(frozen[0].from, kMidnight);
  EXPECT_EQ(frozen[0].to, kMidnight + 13);
}

}  // namespace
}  // namespace foreshard::op

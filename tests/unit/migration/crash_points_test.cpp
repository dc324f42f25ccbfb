#include "migration/crash_points.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace foreshard::migration {
namespace {

TEST(CrashPoints, EachEffectHasTwoNamesAndNoNameIsUsedTwice) {
  const std::vector<std::string> names = CrashPointNames();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 2 * kCrashEffects.size());
  EXPECT_EQ(names[0], "mover.prepare.before.guards");
  EXPECT_EQ(names[1], "mover.prepare.after.guards");
}

#ifdef FORESHARD_CRASH_POINTS
TEST(CrashPointsDeathTest, EndTheProcessAtTheNthPassing) {
  const auto run = [] {
    static_cast<void>(ArmCrashPoint("mover.copy.after.chunk_commit:2"));
    CrashPoint(Edge::kAfter, "mover.copy.chunk_commit");
    CrashPoint(Edge::kBefore, "mover.copy.chunk_commit");
    fmt::print(stderr, "once is not enough\n");
    CrashPoint(Edge::kAfter, "mover.copy.chunk_commit");
    fmt::print(stderr, "never said\n");
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(137), "once is not enough\n$");
}

TEST(CrashPoints, UnknownNamesAreRefused) {
  EXPECT_FALSE(ArmCrashPoint("mover.copy.after.lunch"));
  EXPECT_FALSE(ArmCrashPoint("mover.copy.after.chunk_commit:0"));
}
#else
TEST(CrashPoints, AReleaseBuildRefusesThemAll) {
  for (const std::string& name : CrashPointNames()) EXPECT_FALSE(ArmCrashPoint(name));
  CrashPoint(Edge::kBefore, "mover.copy.chunk_commit");  // and passes them by
}
#endif

}  // namespace
}  // namespace foreshard::migration

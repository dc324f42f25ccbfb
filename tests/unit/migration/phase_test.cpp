#include "migration/phase.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

TEST(Phase, HasOneNameEach) {
  for (const Phase phase : kPhases) {
    const auto parsed = ParsePhase(ToString(phase));
    ASSERT_TRUE(parsed) << ToString(phase);
    EXPECT_EQ(*parsed, phase);
  }
  EXPECT_EQ(*ParsePhase(""), Phase::kPlanned);
  EXPECT_FALSE(ParsePhase("copying"));
}

TEST(Phase, NeverFollowsItselfAndNothingFollowsTheEnd) {
  for (const Phase from : kPhases) {
    EXPECT_FALSE(MayFollow(from, from)) << ToString(from);
    for (const Phase to : kPhases) {
      EXPECT_FALSE(IsTerminal(from) && MayFollow(from, to)) << ToString(from) << ToString(to);
    }
  }
}

// Abort means: nothing was ever acknowledged by the destination.
TEST(Phase, LeadsToAbortingExactlyWhereAnAbortIsAllowed) {
  for (const Phase phase : kPhases) {
    EXPECT_EQ(MayFollow(phase, Phase::kAborting), MayAbort(phase)) << ToString(phase);
  }
}

TEST(Phase, LeadsBackOnlyThroughAnAttempt) {
  EXPECT_TRUE(MayFollow(Phase::kCutover, Phase::kReady));
  EXPECT_TRUE(MayFollow(Phase::kCutover, Phase::kSoaking));
  EXPECT_TRUE(MayFollow(Phase::kRollingBack, Phase::kSoaking));
  EXPECT_TRUE(MayFollow(Phase::kRollingBack, Phase::kCleaningUp));
  EXPECT_FALSE(MayFollow(Phase::kSoaking, Phase::kReady));
  EXPECT_FALSE(MayFollow(Phase::kSoaking, Phase::kAborting));
  EXPECT_FALSE(MayFollow(Phase::kReady, Phase::kSoaking));
  EXPECT_FALSE(MayFollow(Phase::kCleaningUp, Phase::kSoaking));
}

TEST(Phase, NextWhenDoneIsAnArrowOfThePicture) {
  for (const Phase phase : kPhases) {
    const auto next = NextWhenDone(phase);
    EXPECT_TRUE(!next || MayFollow(phase, *next)) << ToString(phase);
    EXPECT_TRUE(!IsSwitching(phase) || !NextWhenDone(phase)) << "the rows decide, not the mover";
    EXPECT_FALSE(IsTerminal(phase) && IsMoversPhase(phase)) << ToString(phase);
  }
}

}  // namespace
}  // namespace foreshard::migration

#include "base/deadline.h"

#include <gtest/gtest.h>

#include "tests/fakes/fake_clock.h"

namespace foreshard {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, PassesAtItsTimeAndNeverHasANegativeRest) {
  fakes::FakeClock clock;
  const Deadline deadline = Deadline::After(clock, 100ms);
  EXPECT_EQ(deadline.Remaining(clock), 100ms);
  clock.Advance(99ms);
  EXPECT_FALSE(deadline.Passed(clock));
  clock.Advance(1ms);
  EXPECT_TRUE(deadline.Passed(clock));
  clock.Advance(1s);
  EXPECT_EQ(deadline.Remaining(clock), 0ms);
}

TEST(Deadline, AStepCannotOutliveItsCaller) {
  fakes::FakeClock clock;
  const Deadline whole = Deadline::After(clock, 100ms);
  EXPECT_EQ(whole.Within(clock, 30ms).Remaining(clock), 30ms);
  EXPECT_EQ(whole.Within(clock, 300ms).Remaining(clock), 100ms);
}

TEST(Deadline, IgnoresTheWallClock) {
  fakes::FakeClock clock;
  const Deadline deadline = Deadline::After(clock, 1s);
  clock.JumpWall(3600s);
  EXPECT_FALSE(deadline.Passed(clock));
}

}  // namespace
}  // namespace foreshard

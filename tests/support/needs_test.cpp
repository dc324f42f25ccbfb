#include "tests/support/needs.h"

#include <gtest/gtest.h>

namespace foreshard::support {
namespace {

TEST(Needs, FindsAProgramOfTheSystem) { EXPECT_EQ(FindProgram("env"), "/usr/bin/env"); }

TEST(Needs, FindsNothingThatIsNotThere) { EXPECT_EQ(FindProgram("no-such-program"), ""); }

TEST(Needs, EndsTheTestProgramAsSkippedWithTheReason) {
  EXPECT_EXIT(Needs({"env", "no-such-program"}), testing::ExitedWithCode(77),
              "needs the program 'no-such-program'");
}

}  // namespace
}  // namespace foreshard::support

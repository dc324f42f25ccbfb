#include "base/check.h"

#include <gtest/gtest.h>

namespace foreshard {
namespace {

TEST(CheckDeathTest, PrintsExpressionMessageAndValues) {
  const int from = 3;
  const int to = 2;
  EXPECT_DEATH(CHECK(from < to, "range is empty", from, to),
               "from < to.*range is empty \\[3\\] \\[2\\]");
}

TEST(CheckDeathTest, UnreachablePrintsTheValue) {
  enum class Colour { kRed, kBlue };
  EXPECT_DEATH(Unreachable(Colour::kBlue), "enum value 1");
}

TEST(Check, AGoodConditionDoesNothing) {
  int calls = 0;
  CHECK(++calls == 1);
  EXPECT_EQ(calls, 1) << "the condition is evaluated exactly once";
}

}  // namespace
}  // namespace foreshard

#include "tests/support/await.h"

#include <gtest/gtest.h>

#include "tests/support/wait.h"

namespace foreshard::support {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(Await, LooksAgainUntilTheWorldIsAsWished) {
  int looks = 0;
  EXPECT_TRUE(Await("three looks", 10s, [&] { return Seen(++looks == 3); }).ok());
  EXPECT_EQ(looks, 3);
}

TEST(Await, SaysWhatItLastSawWhenTheTimeIsOver) {
  const Status status = Await("two rows", 10ms, [] { return Seen(false, "one row"); });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "waited 10 ms for: two rows; last seen: one row");
}

TEST(Await, LooksOnceEvenWithoutTime) {
  EXPECT_TRUE(Await("now", 0ms, [] { return Seen(true); }).ok());
}

TEST(WaitFor, GivesTheReasonToTheTest) {
  const testing::AssertionResult result =
      WaitFor("two rows", 1ms, [] { return Seen(false, "one row"); });
  EXPECT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("one row"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::support

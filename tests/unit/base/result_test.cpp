#include "base/result.h"

#include <gtest/gtest.h>

namespace foreshard {
namespace {

Result<int> Half(int number) {
  if (number % 2 != 0) return Error::GiveUp("odd", "OddNumber", "22023");
  return number / 2;
}

TEST(Result, HoldsAValueOrAnError) {
  const Result<int> good = Half(4);
  ASSERT_TRUE(good);
  EXPECT_EQ(*good, 2);

  const Result<int> bad = Half(3);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(bad.error().message, "odd");
  EXPECT_EQ(bad.error().reason, "OddNumber");
  EXPECT_EQ(bad.error().code, "22023");
}

TEST(Result, MovesItsValueOut) {
  Result<std::string> text(std::string("a long text that does not fit into the small buffer"));
  const std::string moved = *std::move(text);
  EXPECT_EQ(moved.size(), 51u);
}

TEST(Status, IsGoodUnlessGivenAnError) {
  EXPECT_TRUE(Ok());
  const Status failed = Error::Retry("refused");
  ASSERT_FALSE(failed);
  EXPECT_STREQ(ToString(failed.error().kind), "Retry");
}

TEST(ResultDeathTest, AValueThatIsNotThereStopsTheProcess) {
  const Result<int> bad = Half(3);
  EXPECT_DEATH(static_cast<void>(*bad), "value of a failed result.*odd");
}

}  // namespace
}  // namespace foreshard

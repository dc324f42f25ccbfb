#include "migration/sweeper.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

TEST(Sweeper, ReadsTheNumberFromEveryKindOfName) {
  EXPECT_EQ(NumberOf({"slot", "foreshard_7_s_4kq7"}), 7);
  EXPECT_EQ(NumberOf({"publication", "foreshard_12"}), 12);
  EXPECT_EQ(NumberOf({"trigger", "orders.zzz_foreshard_7_insert"}), 7);
  EXPECT_EQ(NumberOf({"event trigger", "foreshard_31_ddl"}), 31);
  EXPECT_EQ(NumberOf({"gate", "5"}), 5);
  EXPECT_EQ(NumberOf({"slot", "foreshard_mine"}), 0) << "somebody else's";
  EXPECT_EQ(NumberOf({"slot", "other"}), 0);
}

}  // namespace
}  // namespace foreshard::migration

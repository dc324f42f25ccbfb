#include "backup/in_doubt.h"

#include <gtest/gtest.h>

namespace foreshard::backup {
namespace {

TEST(PreparedNames, SayWhoDecides) {
  const auto name = ParsePreparedName("foreshard:s-4kq7:router-1:2f:9@s-9x2d", {"s-9x2d"});
  ASSERT_TRUE(name.ok());
  EXPECT_EQ(name->transaction, "foreshard:s-4kq7:router-1:2f:9");
  EXPECT_EQ(name->decides.value, "s-4kq7");
}

TEST(PreparedNames, OfOthersAreLeftToThem) {
  for (const char* name : {"mine", "foreshard:s-1:x@s-2", "foreshard:s-1@s-9x2d",
                           "foreshard:", "other:s-1:x@s-9x2d", "foreshard:s-1:x", ""}) {
    EXPECT_FALSE(ParsePreparedName(name, {"s-9x2d"}).ok()) << name;
  }
}

}  // namespace
}  // namespace foreshard::backup

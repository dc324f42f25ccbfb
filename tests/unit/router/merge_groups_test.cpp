#include "router/merge_groups.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

TEST(Groups, RowsComeInOrderOfFirstAppearance) {
  const std::vector<OutputColumn> columns = {{Combine::kKeep, 0, false}, {Combine::kSum, 0, false}};
  Groups groups(columns, {{kOidText, 0}, {kOidInt8, 0}});
  ASSERT_TRUE(groups.Add({"b", "1"}).ok());
  ASSERT_TRUE(groups.Add({"a", "2"}).ok());
  ASSERT_TRUE(groups.Add({"b", "-5"}).ok());
  const auto rows = groups.Rows();
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0][0], "b");
  EXPECT_EQ((*rows)[0][1], "-4");
  EXPECT_EQ((*rows)[1][1], "2");
  EXPECT_GT(groups.bytes(), 0U);
}

TEST(Groups, NumbersAreWrittenInTheFormatOfTheirColumn) {
  EXPECT_EQ(WriteNumber({kOidInt8, 0}, Value(std::int64_t{-5})), "-5");
  EXPECT_EQ(WriteNumber({kOidInt8, 1}, Value(std::int64_t{258})),
            std::string("\0\0\0\0\0\0\1\2", 8));
  EXPECT_EQ(WriteNumber({kOidBool, 0}, Value(std::int64_t{1})), "t");
  EXPECT_EQ(WriteNumber({kOidBool, 1}, Value(std::int64_t{0})), std::string(1, '\0'));
  EXPECT_EQ(WriteNumber({kOidNumeric, 0}, Value(*Decimal::FromText("1.50"))), "1.50");
}

}  // namespace
}  // namespace foreshard::router

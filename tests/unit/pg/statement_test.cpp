#include "pg/statement.h"

#include <gtest/gtest.h>

namespace foreshard::pg {
namespace {

TEST(Statement, RowsAreReadByRowAndColumn) {
  const Rows rows(2, {"1", "t", std::nullopt, "f"}, 2);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows.Int(0, 0), 1);
  EXPECT_TRUE(rows.Bool(0, 1));
  EXPECT_TRUE(rows.IsNull(1, 0));
  EXPECT_FALSE(rows.Bool(1, 1));
  EXPECT_EQ(rows.affected(), 2);
}

TEST(Statement, ParametersKeepNullApartFromEmpty) {
  const Parameters parameters = {1, true, "x", std::nullopt, std::string()};
  EXPECT_EQ(parameters[0].text, "1");
  EXPECT_EQ(parameters[1].text, "true");
  EXPECT_EQ(parameters[2].text, "x");
  EXPECT_FALSE(parameters[3].text.has_value());
  EXPECT_EQ(parameters[4].text, "");
}

TEST(Statement, QuotesWhatCouldEndTheQuote) {
  EXPECT_EQ(QuoteIdentifier(R"(a"b)"), R"("a""b")");
  EXPECT_EQ(QuoteLiteral("it's"), "'it''s'");
  EXPECT_EQ(QuoteLiteral(R"(a\'b)"), R"( E'a\\''b')");
}

TEST(Statement, ArraysGoThereAndBack) {
  const std::vector<std::string> values = {"a", "", R"(q"\,{})", "NULL"};
  EXPECT_EQ(ParseArray(ArrayLiteral(values)), values);
  EXPECT_EQ(ArrayLiteral(std::vector<std::int64_t>{1, -2}), "{1,-2}");
  EXPECT_TRUE(ParseArray("{}").empty());
}

}  // namespace
}  // namespace foreshard::pg

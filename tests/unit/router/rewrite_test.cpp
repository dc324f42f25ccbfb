#include "router/rewrite.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

TEST(Rewrite, EditsReplaceInsertAndCopyByTokens) {
  const std::string text = "SELECT a /* , */ , 'b' FROM t";  // tokens: SELECT a , 'b' FROM t
  const std::vector<TextEdit> edits = {{{4, 0}, ", ", TokenSpan{3, 1}, ""},
                                       {{1, 1}, "x", std::nullopt, ""}};
  EXPECT_EQ(ApplyEdits(text, edits), "SELECT  x  /* , */ , 'b'  , 'b' FROM t");
  const std::vector<TextEdit> at_end = {{{6, 0}, "LIMIT 5", std::nullopt, ""}};
  EXPECT_EQ(ApplyEdits(text, at_end), text + " LIMIT 5 ");
  EXPECT_EQ(ApplyEdits(text, {}), text);
  EXPECT_EQ(ApplyEdits(text + " -- c", at_end), text + " LIMIT 5  -- c");
  EXPECT_EQ(ApplyEdits(text + ";", at_end), text + " LIMIT 5 ;");
}

TEST(Rewrite, AnInsertionComesBeforeAReplacementAtItsPlace) {
  const std::vector<TextEdit> edits = {{{1, 2}, "", std::nullopt, ""},
                                       {{1, 0}, "X", std::nullopt, ""}};
  EXPECT_EQ(ApplyEdits("a b c d", edits), "a  X    d");
}

TEST(Rewrite, ParametersAreRenumberedWithoutGaps) {
  std::vector<std::uint32_t> numbers;
  std::string text = "$5 + $2 || '$3' -- $4\n $5";
  EXPECT_TRUE(RenumberParameters(text, 5, numbers));
  EXPECT_EQ(text, "$2 + $1 || '$3' -- $4\n $2");
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{2, 5}));
  text = "$2 $1";
  EXPECT_FALSE(RenumberParameters(text, 2, numbers));
  // The same text, of a client that gave more values.
  EXPECT_TRUE(RenumberParameters(text, 3, numbers));
  EXPECT_EQ(text, "$2 $1");
  EXPECT_EQ(numbers, (std::vector<std::uint32_t>{1, 2}));
  text = "none";
  EXPECT_FALSE(RenumberParameters(text, 0, numbers));
  EXPECT_TRUE(RenumberParameters(text, 1, numbers));
  EXPECT_TRUE(numbers.empty());
}

TEST(Rewrite, RowsAreLeftOutWhole) {
  const std::string text = "INSERT INTO t VALUES ($1, ')'), ($2,'b'),($3, f(1)) RETURNING *";
  Statement statement;
  statement.insert.emplace();
  statement.insert->rows = {{4, 5}, {10, 5}, {16, 8}};
  RoutePart part;
  part.rows = {0, 2};
  RewriteRows(text, statement, part);
  EXPECT_EQ(part.text, "INSERT INTO t VALUES ($1, ')'), ($2, f(1)) RETURNING *");
  EXPECT_EQ(part.parameters, (std::vector<std::uint32_t>{1, 3}));
}

}  // namespace
}  // namespace foreshard::router

#include "router/normalize.h"

#include <gtest/gtest.h>

namespace foreshard::router {
namespace {

Normalized Of(std::string_view text) {
  Normalized normalized;
  Normalize(text, normalized);
  return normalized;
}

bool Same(std::string_view a, std::string_view b) {
  const Normalized x = Of(a);
  const Normalized y = Of(b);
  EXPECT_EQ(x.key == y.key, x.canonical == y.canonical);
  return x.canonical == y.canonical;
}

TEST(Normalize, LiteralsSpacesCommentsAndCaseDoNotMatter) {
  EXPECT_TRUE(Same("SELECT * FROM t WHERE id = 1", "select  *\nFROM t /* c */ where ID=4711;"));
  EXPECT_TRUE(Same("SELECT 'a'", "SELECT 'b''c'"));
  EXPECT_TRUE(Same("SELECT $$a$$", "SELECT $x$b$x$"));
  EXPECT_TRUE(Same("SELECT 1 LIMIT 5", "SELECT 2 LIMIT 500"));
}

TEST(Normalize, WhatChangesTheMeaningMatters) {
  EXPECT_FALSE(Same("SELECT 1", "SELECT '1'"));
  EXPECT_FALSE(Same("SELECT 1", "SELECT 1.0"));
  EXPECT_FALSE(Same("SELECT 'a'", "SELECT E'a'"));
  EXPECT_FALSE(Same("SELECT $1", "SELECT $2"));
  EXPECT_FALSE(Same("SELECT a", "SELECT \"a\""));
  EXPECT_FALSE(Same("SELECT \"a\"", "SELECT \"A\""));
  EXPECT_FALSE(Same("SELECT a < -1", "SELECT a <-1"));
  EXPECT_FALSE(Same("SELECT a b", "SELECT ab"));
  EXPECT_FALSE(Same("SELECT U&'a'", "SELECT U&'b'"));
  EXPECT_FALSE(Same("SELECT 'a'\n'b'", "SELECT 'a'\n'c'"));
  EXPECT_FALSE(Same("SELECT - 1", "SELECT + 1"));
  EXPECT_FALSE(Same("SELECT 1", "SELECT -1"));
}

TEST(Normalize, QuotedNamesCannotImitateMarks) {
  EXPECT_FALSE(Same("SELECT \"a\x01\x02\"", "SELECT \"a\", 1"));
  EXPECT_FALSE(Same("SELECT \"a\" \"b\"", "SELECT \"a\"\"b\""));
}

TEST(Normalize, LiftsEachLiteralWithItsPlace) {
  const std::string text = "SELECT 'it''s', 42, 1.5, E'a\\n', $$x$$, B'01' WHERE $3";
  const Normalized normalized = Of(text);
  ASSERT_EQ(normalized.literals.size(), 6U);
  EXPECT_EQ(normalized.literals[0].kind, LiteralKind::kString);
  EXPECT_EQ(LiteralValue(text, normalized.literals[0]), "it's");
  EXPECT_EQ(LiteralValue(text, normalized.literals[1]), "42");
  EXPECT_EQ(LiteralValue(text, normalized.literals[2]), "1.5");
  EXPECT_EQ(LiteralValue(text, normalized.literals[3]), "a\n");
  EXPECT_EQ(LiteralValue(text, normalized.literals[4]), "x");
  EXPECT_EQ(LiteralValue(text, normalized.literals[5]), "01");
  EXPECT_EQ(normalized.literals[1].token, 3U);
  EXPECT_EQ(normalized.parameters_max, 3U);
  EXPECT_TRUE(normalized.complete);
}

TEST(Normalize, DecodesEscapesAsPostgresDoes) {
  const std::string text = R"(E'\b\f\n\r\t\\\'''\101\x41\u0041\U0001F600\q')";
  const Normalized normalized = Of(text);
  ASSERT_EQ(normalized.literals.size(), 1U);
  EXPECT_EQ(LiteralValue(text, normalized.literals[0]), "\b\f\n\r\t\\''AAA\xF0\x9F\x98\x80q");
}

TEST(Normalize, SaysWhatIsUnfinished) { EXPECT_FALSE(Of("SELECT 'a").complete); }

TEST(Normalize, CountsAndSplitsStatements) {
  EXPECT_EQ(Of("").statements, 0U);
  EXPECT_EQ(Of(" ; ;").statements, 0U);
  EXPECT_EQ(Of("SELECT 1;").statements, 1U);
  EXPECT_EQ(Of("SELECT ';'; SELECT $$;$$ -- ;\n").statements, 2U);
  const std::vector<std::string_view> parts =
      SplitStatements("BEGIN; INSERT INTO t VALUES (';') ;; COMMIT");
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0], "BEGIN");
  EXPECT_EQ(parts[1], " INSERT INTO t VALUES (';') ");
  EXPECT_EQ(parts[2], " COMMIT");
}

TEST(Normalize, ABodyWithSemicolonsStaysWhole) {
  const std::string text =
      "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; "
      "END; SELECT 3";
  const std::vector<std::string_view> parts = SplitStatements(text);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_TRUE(parts[0].ends_with("END"));
  EXPECT_EQ(Of(text).statements, 2U);
  EXPECT_EQ(
      SplitStatements("CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3").size(),
      2U);
}

TEST(Normalize, ReusesItsBuffers) {
  Normalized normalized;
  Normalize("SELECT 1, 2, 3", normalized);
  Normalize("SELECT $1", normalized);
  EXPECT_TRUE(normalized.literals.empty());
  EXPECT_EQ(normalized.tokens, 2U);
  EXPECT_EQ(normalized.canonical, Of("SELECT $1").canonical);
}

}  // namespace
}  // namespace foreshard::router

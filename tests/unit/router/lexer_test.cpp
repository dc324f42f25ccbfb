#include "router/lexer.h"

#include <gtest/gtest.h>

#include <string>

namespace foreshard::router {
namespace {

std::string Cut(std::string_view text) {
  std::string out;
  for (const Token& token : Tokenize(text)) {
    if (!out.empty()) out += '|';
    out += TextOf(text, token);
  }
  return out;
}

TokenKind KindOf(std::string_view text) {
  const std::vector<Token> tokens = Tokenize(text);
  EXPECT_EQ(tokens.size(), 1U) << text;
  return tokens.empty() ? TokenKind::kOpaque : tokens.front().kind;
}

TEST(Lexer, CutsWhereThePostgresScannerCuts) {
  EXPECT_EQ(Cut("SELECT a.b,c::int FROM t WHERE x>=1.5"),
            "SELECT|a|.|b|,|c|::|int|FROM|t|WHERE|x|>=|1.5");
  EXPECT_EQ(Cut("a<-1"), "a|<-|1");
  EXPECT_EQ(Cut("1..10"), "1|..|10");
  EXPECT_EQ(Cut(".5 1e9 1e+9 1e"), ".5|1e9|1e+9|1e");
  EXPECT_EQ(Cut("$1+$23"), "$1|+|$23");
  EXPECT_EQ(Cut("a /* x /* y */ z */ b -- c\nd"), "a|b|d");
  EXPECT_EQ(Cut("a+--c\nb"), "a|+|b");
  EXPECT_EQ(Cut("a+/*c*/b"), "a|+|b");
  EXPECT_EQ(Cut("x$1 _y \"a\"\"b\" grüße"), "x$1|_y|\"a\"\"b\"|grüße");
}

TEST(Lexer, KnowsEveryKindOfString) {
  EXPECT_EQ(KindOf("'it''s'"), TokenKind::kString);
  EXPECT_EQ(KindOf("E'a\\'b'"), TokenKind::kEscapeString);
  EXPECT_EQ(KindOf("e'a''b'"), TokenKind::kEscapeString);
  EXPECT_EQ(KindOf("B'01'"), TokenKind::kBitString);
  EXPECT_EQ(KindOf("x'ff'"), TokenKind::kBitString);
  EXPECT_EQ(KindOf("$$a'b$$"), TokenKind::kDollarString);
  EXPECT_EQ(KindOf("$tag$a$$b$tag$"), TokenKind::kDollarString);
  EXPECT_EQ(KindOf("U&'d\\0061t'"), TokenKind::kOpaque);
  EXPECT_EQ(KindOf("U&\"d\""), TokenKind::kOpaque);
  EXPECT_EQ(KindOf("'a'\n  'b'"), TokenKind::kOpaque);  // one string on two lines
  EXPECT_EQ(KindOf("'a' -- c\n'b'"), TokenKind::kOpaque);
  EXPECT_EQ(KindOf("12abc"), TokenKind::kOpaque);
  EXPECT_EQ(Cut("'a' 'b'"), "'a'|'b'");  // a syntax error, two tokens
  EXPECT_EQ(Cut("'a\\'b"), "'a\\'|b");   // standard_conforming_strings
}

TEST(Lexer, SaysWhenSomethingIsUnfinished) {
  for (const char* text : {"'abc", "\"abc", "/* abc", "$$abc", "E'abc\\'", "$x$ abc $y$"}) {
    Lexer lexer(text);
    Token token{};
    while (lexer.Next(token)) {
    }
    EXPECT_FALSE(lexer.complete()) << text;
  }
}

TEST(Lexer, FindsTheHint) {
  const auto hint = [](std::string_view text) {
    Lexer lexer(text);
    Token token{};
    while (lexer.Next(token)) {
    }
    return std::string(lexer.shard_key_hint());
  };
  EXPECT_EQ(hint("SELECT 1 /* foreshard.shard_key = '42' */"), "42");
  EXPECT_EQ(hint("/*+foreshard.shard_key=abc*/ SELECT 1"), "abc");
  EXPECT_EQ(hint("/* other = 1 */ SELECT 1"), "");
  EXPECT_EQ(hint("SELECT '/* foreshard.shard_key = 1 */'"), "");
}

// Any bytes: tokens lie in order inside the text and do not overlap.
TEST(Lexer, EveryPrefixOfAStatementIsCutInOrder) {
  const std::string text =
      "SELECT E'a\\'b', $x$ $ $x$, U&'a' /* /* */ */ , 1.5e-3::int4[] -- c\n FROM \"t\" WHERE "
      "a<>$1;";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    std::uint32_t end = 0;
    for (const Token& token : Tokenize(std::string_view(text).substr(0, size))) {
      ASSERT_GE(token.begin, end);
      ASSERT_GT(token.end, token.begin);
      ASSERT_LE(token.end, size);
      end = token.end;
    }
  }
}

}  // namespace
}  // namespace foreshard::router

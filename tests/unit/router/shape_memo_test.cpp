#include "router/shape_memo.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

struct Memo {
  void Keep(const std::string& text, std::uint64_t context = 7) {
    Normalized normalized;
    Normalize(text, normalized);
    memo.Keep(text, normalized, context, meaning);
  }
  // Found, and then all that it tells is what Normalize() tells.
  bool Finds(const std::string& text, std::uint64_t context = 7) {
    Normalized seen;
    seen.canonical = "left alone";
    if (memo.Find(text, context, seen) == nullptr) return false;
    Normalized expected;
    Normalize(text, expected);
    EXPECT_TRUE(seen.recalled);
    EXPECT_EQ(seen.tokens, expected.tokens) << text;
    EXPECT_EQ(seen.statements, expected.statements) << text;
    EXPECT_EQ(seen.parameters_max, expected.parameters_max) << text;
    EXPECT_EQ(seen.complete, expected.complete) << text;
    EXPECT_EQ(seen.shard_key_hint, expected.shard_key_hint) << text;
    EXPECT_EQ(seen.literals.size(), expected.literals.size()) << text;
    for (std::size_t i = 0; i < seen.literals.size() && i < expected.literals.size(); ++i) {
      EXPECT_EQ(seen.literals[i].kind, expected.literals[i].kind) << text;
      EXPECT_EQ(seen.literals[i].begin, expected.literals[i].begin) << text;
      EXPECT_EQ(seen.literals[i].end, expected.literals[i].end) << text;
      EXPECT_EQ(seen.literals[i].token, expected.literals[i].token) << text;
    }
    return true;
  }
  ShapeMemo memo;
  std::shared_ptr<const Statement> meaning = std::make_shared<const Statement>();
};

TEST(ShapeMemo, OtherNumbersAndStringsAreTheSameShape) {
  Memo memo;
  memo.Keep("SELECT name FROM customers WHERE id = 7");
  EXPECT_TRUE(memo.Finds("SELECT name FROM customers WHERE id = 7"));
  EXPECT_TRUE(memo.Finds("SELECT name FROM customers WHERE id = 1234567"));
  memo.Keep("UPDATE customers SET name = 'a', v = v + 1 WHERE id = 7 AND kind = 'x'");
  EXPECT_TRUE(memo.Finds("UPDATE customers SET name = '', v = v + 10 WHERE id = 0 AND kind = 'a;b'"));
  memo.Keep("SELECT name FROM customers WHERE id = $1 AND v > 1.5 AND k = $$a$$");
  EXPECT_TRUE(memo.Finds("SELECT name FROM customers WHERE id = $1 AND v > 1.5 AND k = $$a$$"));
}

TEST(ShapeMemo, WhatWouldBeReadOtherwiseIsNotFound) {
  Memo memo;
  memo.Keep("SELECT name FROM customers WHERE id = 7");
  for (const char* const text :
       {"SELECT name FROM customers WHERE id = 7.5", "SELECT name FROM customers WHERE id = 7e1",
        "SELECT name FROM customers WHERE id = 7a", "SELECT name FROM customers WHERE id = 7 ",
        "SELECT name FROM customers WHERE id = '7'", "SELECT name FROM customers WHERE id = ",
        "SELECT name FROM customers WHERE id = 7 OR true",
        "select name FROM customers WHERE id = 7", "SELECT name FROM customers WHERE id = $1",
        "SELECT name FROM customers WHERE id = 1234567890123456789"}) {
    EXPECT_FALSE(memo.Finds(text)) << text;
  }
  memo.Keep("SELECT name FROM customers WHERE name = 'a'");
  EXPECT_FALSE(memo.Finds("SELECT name FROM customers WHERE name = 'it''s'"));
  EXPECT_FALSE(memo.Finds("SELECT name FROM customers WHERE name = 'a"));
  EXPECT_FALSE(memo.Finds("SELECT name FROM customers WHERE name = 'a'\n'b'"));
  memo.Keep("SELECT name FROM customers WHERE name = 'a' -- it's one");
  EXPECT_FALSE(memo.Finds("SELECT name FROM customers WHERE name = 'a' OR '' = '' -- it's one"));
}

TEST(ShapeMemo, WhatCannotBeComparedIsNotKept) {
  Memo memo;
  for (const char* const text :
       {"SELECT 1", "SELECT name FROM customers; SELECT 2",
        "SELECT name /* foreshard.shard_key='7' */ FROM customers",
        "SELECT name FROM customers WHERE name = 'never ends",
        "SELECT name FROM customers WHERE id = 12345678901234567890",
        "SELECT name FROM customers WHERE name = 'it''s'",
        "SELECT name FROM customers LIMIT 1.."}) {
    memo.Keep(text);
    EXPECT_FALSE(memo.Finds(text)) << text;
  }
}

TEST(ShapeMemo, AnotherContextIsAnotherMeaning) {
  Memo memo;
  memo.Keep("SELECT name FROM customers WHERE id = 7", 1);
  EXPECT_FALSE(memo.Finds("SELECT name FROM customers WHERE id = 7", 2));
  EXPECT_TRUE(memo.Finds("SELECT name FROM customers WHERE id = 7", 1));
  memo.memo.Clear();
  EXPECT_FALSE(memo.Finds("SELECT name FROM customers WHERE id = 7", 1));
}

TEST(ShapeMemo, AFullBucketGivesUpItsOldest) {
  Memo memo;
  const auto text = [](int i) { return "SELECT name, customers.a" + std::to_string(i) + "x FROM c"; };
  for (int i = 0; i < 6; ++i) memo.Keep(text(i));  // All begin alike: one bucket.
  EXPECT_FALSE(memo.Finds(text(0)));
  EXPECT_FALSE(memo.Finds(text(1)));
  for (int i = 2; i < 6; ++i) EXPECT_TRUE(memo.Finds(text(i))) << i;
}

}  // namespace
}  // namespace foreshard::router

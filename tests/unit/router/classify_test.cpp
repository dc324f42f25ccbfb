#include "router/classify.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

TEST(Classify, ASyntaxErrorIsThatOfPostgres) {
  const Statement statement = World().Meaning("selec 1");
  EXPECT_EQ(statement.kind, StatementKind::kRefused);
  EXPECT_EQ(statement.refusal.sqlstate, "42601");
  EXPECT_EQ(statement.refusal.message, "syntax error at or near \"selec\"");
}

// libpg_query alone takes these for syntax errors.
TEST(Classify, CommentsMayStandAnywhere) {
  for (const char* text :
       {"SELECT name FROM customers WHERE id = 1 ORDER BY name NULLS /* c */ LAST",
        "SELECT name FROM customers WHERE id = 1 AND name NOT /* c */ IN ('a')",
        "SELECT name FROM customers WHERE id = 1 AND name NOT -- c\n LIKE 'a'"}) {
    const Statement statement = World().Meaning(text);
    EXPECT_EQ(statement.kind, StatementKind::kRead) << text << ": " << statement.refusal.message;
  }
}

TEST(Classify, NothingIsEmpty) {
  EXPECT_EQ(World().Meaning("").kind, StatementKind::kEmpty);
  EXPECT_EQ(World().Meaning(" -- c").kind, StatementKind::kEmpty);
}

TEST(Classify, SeveralStatementsAreNotOne) {
  const Statement statement = World().Meaning("SELECT 1; SELECT 2");
  EXPECT_EQ(statement.kind, StatementKind::kRefused);
  EXPECT_EQ(statement.refusal.sqlstate, "0A000");
}

TEST(Classify, UnlistedTablesAreRefusedWithAHint) {
  for (const char* text :
       {"SELECT * FROM nosuch", "INSERT INTO nosuch VALUES (1)", "UPDATE nosuch SET a = 1",
        "DELETE FROM nosuch", "SELECT * FROM customers JOIN nosuch USING (id) WHERE id = 1",
        "SELECT (SELECT 1 FROM nosuch)", "WITH x AS (SELECT * FROM nosuch) SELECT 1",
        "COPY nosuch FROM STDIN", "TRUNCATE nosuch", "CREATE TABLE nosuch (id int)",
        "SELECT 1 FROM app.customers"}) {
    const Statement statement = World().Meaning(text);
    EXPECT_EQ(statement.kind, StatementKind::kRefused) << text;
    EXPECT_NE(statement.refusal.message.find("neither sharded nor a reference table"),
              std::string::npos)
        << text;
    EXPECT_NE(statement.refusal.hint.find("spec.sharding"), std::string::npos) << text;
  }
}

// What one says of a text must hold for every text with the same cache key.
TEST(Classify, SaysTheSameOfTextsThatDifferInLiteralsOnly) {
  const World world;
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"SELECT * FROM customers WHERE id = 1", "select * from CUSTOMERS where ID = 22 /* c */"},
      {"SELECT * FROM customers WHERE id = -1", "SELECT * FROM customers WHERE id = -0"},
      {"SELECT * FROM customers WHERE id IN (1, 2) LIMIT 5",
       "SELECT * FROM customers WHERE id IN (77, 8) LIMIT 500"},
      {"INSERT INTO customers (id, name) VALUES (1, 'a'), (2, 'b')",
       "INSERT INTO customers (id, name) VALUES (3, ''), (4, 'it''s')"},
      {"UPDATE customers SET name = 'x' WHERE id = 5 RETURNING *",
       "UPDATE customers SET name = 'long one' WHERE id = 500 RETURNING *"},
      {"SELECT name FROM customers ORDER BY name || 'a' LIMIT 3",
       "SELECT name FROM customers ORDER BY name || 'bcd' LIMIT 30"},
  };
  for (const auto& [a, b] : pairs) {
    Normalized x;
    Normalized y;
    Normalize(a, x);
    Normalize(b, y);
    ASSERT_EQ(x.canonical, y.canonical) << a;
    EXPECT_TRUE(world.Meaning(a) == world.Meaning(b)) << a;
    EXPECT_TRUE(world.Meaning(a).looked_at.empty()) << a;
  }
}

TEST(Classify, NotesLiteralsWhoseValueDecided) {
  const World world;
  EXPECT_EQ(world.Meaning("SELECT name, id FROM customers WHERE name = 'x' ORDER BY 2").looked_at,
            (std::vector<std::uint32_t>{1}));
  EXPECT_EQ(world.Meaning("SET statement_timeout = 5").looked_at, (std::vector<std::uint32_t>{0}));
}

TEST(Classify, EveryKindHasAName) {
  for (int kind = 0; kind <= static_cast<int>(StatementKind::kRefused); ++kind) {
    EXPECT_NE(std::string(ToString(static_cast<StatementKind>(kind))), "");
  }
}

}  // namespace
}  // namespace foreshard::router

#include "router/classify_schema.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

TEST(ClassifySchema, ClientsHaveNoBusinessInForeshardsOwnSchema) {
  for (const char* text :
       {"SELECT foreshard.decide('x')",
        "SELECT * FROM foreshard.range",
        "INSERT INTO foreshard.gate VALUES (1)",
        "DELETE FROM foreshard.migration",
        "WITH x AS (SELECT * FROM foreshard.range) SELECT * FROM x",
        "SELECT (SELECT count(*) FROM foreshard.range)",
        "SELECT 'x'::foreshard.kind",
        "COPY foreshard.range TO STDOUT",
        "TRUNCATE foreshard.decision",
        "DROP SCHEMA foreshard CASCADE",
        "DROP TABLE foreshard.range",
        "ALTER TABLE foreshard.range ADD COLUMN x int",
        "CREATE TABLE foreshard.x (a int)",
        "CREATE FUNCTION foreshard.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION foreshard.decide(text)",
        "GRANT USAGE ON SCHEMA foreshard TO app",
        "ALTER SCHEMA foreshard RENAME TO x",
        "REINDEX SCHEMA foreshard",
        "ALTER FUNCTION f() SET SCHEMA foreshard",
        "CALL foreshard.p()",
        "LOCK foreshard.range",
        "EXPLAIN SELECT * FROM foreshard.range",
        "PREPARE p AS SELECT * FROM foreshard.range",
        "DECLARE c CURSOR FOR SELECT * FROM foreshard.range",
        "SET search_path = foreshard",
        "SET LOCAL search_path TO public, \"foreshard\"",
        "VACUUM foreshard.range",
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION foreshard.f()"}) {
    const Statement statement = World().Meaning(text);
    EXPECT_EQ(statement.kind, StatementKind::kRefused) << text;
    EXPECT_EQ(statement.refusal.sqlstate, "42501") << text << ": " << statement.refusal.message;
    EXPECT_EQ(statement.refusal.message, "permission denied for schema foreshard") << text;
  }
}

TEST(ClassifySchema, ItsNameIsFreeForOtherThings) {
  for (const char* text :
       {"SET foreshard.shard_key = '5'", "SELECT name AS foreshard FROM customers WHERE id = 5",
        "SELECT foreshard.name FROM customers foreshard WHERE foreshard.id = 5",
        "SELECT 'foreshard'", "SAVEPOINT foreshard", "SELECT * FROM pg_namespace"}) {
    EXPECT_NE(World().Meaning(text).refusal.sqlstate, "42501") << text;
  }
}

TEST(ClassifySchema, ItIsNotReachedThroughTheSearchPath) {
  World world;
  world.search_path = {"foreshard", "public"};
  EXPECT_EQ(world.Meaning("SELECT decide('x')").refusal.sqlstate, "42501");
  EXPECT_EQ(world.Meaning("SET search_path = public").kind, StatementKind::kSet);
  EXPECT_EQ(world.Meaning("ROLLBACK").kind, StatementKind::kRollback);
}

}  // namespace
}  // namespace foreshard::router

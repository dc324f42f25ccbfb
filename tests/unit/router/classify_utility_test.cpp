#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

std::string Of(const std::string& text) { return Where(World().Go(text).decision); }

TEST(ClassifyUtility, SchemaChangesGoToAllShards) {
  for (const char* text :
       {"CREATE TABLE customers (id bigint PRIMARY KEY)",
        "CREATE TABLE IF NOT EXISTS public.orders (customer_id bigint)",
        "CREATE TABLE orders_2024 PARTITION OF orders FOR VALUES FROM (1) TO (2)",
        "ALTER TABLE orders ADD COLUMN x int",
        "ALTER TABLE orders DROP COLUMN x",
        "CREATE INDEX ON orders (x)",
        "DROP INDEX i",
        "DROP TABLE orders",
        "COMMENT ON TABLE orders IS 'x'",
        "CREATE TYPE mood AS ENUM ('a')",
        "CREATE SCHEMA s",
        "CREATE SEQUENCE s",
        "GRANT SELECT ON orders TO app",
        "CREATE EXTENSION pgcrypto",
        "CREATE VIEW v AS SELECT 1",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE orders RENAME COLUMN x TO y",
        "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f()",
        "ALTER INDEX i RENAME TO j",
        "ALTER TABLE orders OWNER TO app"}) {
    const World::Routed routed = World().Go(text);
    EXPECT_EQ(Where(routed.decision), "all") << text << ": " << routed.decision.refusal.message;
    EXPECT_TRUE(routed.decision.two_phase) << text;
    EXPECT_EQ(routed.statement->kind, StatementKind::kDdl) << text;
  }
}

TEST(ClassifyUtility, WhatCannotRunInATransactionIsNotTwoPhase) {
  for (const char* text : {"CREATE INDEX CONCURRENTLY ON orders (x)", "DROP INDEX CONCURRENTLY i",
                           "VACUUM orders", "VACUUM", "REINDEX TABLE orders", "CHECKPOINT"}) {
    const World::Routed routed = World().Go(text);
    EXPECT_EQ(Where(routed.decision), "all") << text;
    EXPECT_FALSE(routed.decision.two_phase) << text;
    EXPECT_TRUE(routed.statement->no_transaction) << text;
  }
  EXPECT_FALSE(World().Meaning("ANALYZE orders").no_transaction);
}

TEST(ClassifyUtility, TheShardingColumnStaysAsItIs) {
  for (const char* text :
       {"ALTER TABLE orders DROP COLUMN customer_id",
        "ALTER TABLE orders ALTER COLUMN customer_id TYPE text",
        "ALTER TABLE orders RENAME COLUMN customer_id TO c", "ALTER TABLE orders RENAME TO o"}) {
    EXPECT_EQ(Of(text), "refused 0A000") << text;
  }
  EXPECT_EQ(Of("ALTER TABLE orders ALTER COLUMN x TYPE text"), "all");
}

TEST(ClassifyUtility, TruncateAndLockTouchEveryShard) {
  EXPECT_EQ(Of("TRUNCATE orders, countries"), "all");
  EXPECT_TRUE(World().Go("TRUNCATE orders").decision.two_phase);
  EXPECT_TRUE(World().Meaning("TRUNCATE orders").writes);
  EXPECT_EQ(Of("LOCK TABLE orders IN SHARE MODE"), "all");
}

TEST(ClassifyUtility, WhatIsNotOurBusinessIsRefusedWithAHint) {
  for (const char* text :
       {"CREATE DATABASE x", "DROP DATABASE x", "CREATE ROLE x", "ALTER ROLE x PASSWORD 'y'",
        "DROP ROLE x", "ALTER SYSTEM SET x = 1", "CREATE TABLESPACE x LOCATION '/x'",
        "CREATE TEMP TABLE x (a int)", "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE TABLE x AS SELECT 1", "CREATE MATERIALIZED VIEW x AS SELECT 1", "SELECT 1 INTO x",
        "CREATE PUBLICATION p", "CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", "LOAD 'x'",
        "CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION f()",
        "CREATE FOREIGN TABLE f (a int) SERVER s",
        "IMPORT FOREIGN SCHEMA s FROM SERVER x INTO public"}) {
    const Statement statement = World().Meaning(text);
    EXPECT_EQ(statement.kind, StatementKind::kRefused) << text;
    EXPECT_EQ(statement.refusal.sqlstate, "0A000") << text;
    EXPECT_NE(statement.refusal.message, "") << text;
  }
}

TEST(ClassifyUtility, OpaqueBlocksNeedAKey) {
  EXPECT_EQ(Of("DO $$ BEGIN END $$"), "refused 0A000");
  EXPECT_EQ(Of("CALL p(1)"), "refused 0A000");
  World world;
  world.facts.shard_key = "5";
  EXPECT_EQ(Where(world.Go("CALL p(1)").decision), "one " + std::to_string(world.ShardOf(5)));
}

}  // namespace
}  // namespace foreshard::router

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

std::string Of(const std::string& text) { return Where(World().Go(text).decision); }

TEST(ClassifyWrite, ARowGoesToItsShard) {
  const World world;
  const std::string one = "one " + std::to_string(world.ShardOf(5));
  EXPECT_EQ(Of("INSERT INTO customers (name, id) VALUES ('a', 5)"), one);
  EXPECT_EQ(Of("INSERT INTO events VALUES (now(), 5, 'x')"), one);  // learned columns
  EXPECT_EQ(Of("INSERT INTO customers (id) SELECT 5"), one);
  EXPECT_EQ(Of("INSERT INTO customers (id) VALUES (5) ON CONFLICT (id) DO UPDATE SET name = "
               "excluded.name"),
            one);
  EXPECT_EQ(Of("UPDATE customers SET name = 'x' WHERE id = 5"), one);
  EXPECT_EQ(
      Of("UPDATE customers c SET name = o.x FROM orders o WHERE o.customer_id = c.id AND c.id = 5"),
      one);
  EXPECT_EQ(Of("DELETE FROM customers WHERE id = 5"), one);
  EXPECT_EQ(Of("DELETE FROM orders USING customers c WHERE c.id = orders.customer_id AND c.id = 5"),
            one);
  EXPECT_TRUE(World().Meaning("INSERT INTO customers (id) VALUES (5) RETURNING *").returns_rows);
  EXPECT_FALSE(World().Meaning("INSERT INTO customers (id) VALUES (5)").returns_rows);
}

TEST(ClassifyWrite, AnUnknownOrNullKeyIsNeverABroadcast) {
  EXPECT_EQ(Of("INSERT INTO customers (id) VALUES (NULL)"), "refused 22004");
  EXPECT_EQ(Of("INSERT INTO customers (id) VALUES (DEFAULT)"), "refused 22023");
  EXPECT_EQ(Of("INSERT INTO customers (name) VALUES ('x')"), "refused 22023");
  EXPECT_EQ(Of("INSERT INTO customers DEFAULT VALUES"), "refused 22023");
  EXPECT_EQ(Of("INSERT INTO customers (id) VALUES (nextval('s'))"), "refused 22023");
  EXPECT_EQ(Of("INSERT INTO customers (id) VALUES (5), (3 + 4)"), "refused 22023");
  EXPECT_EQ(Of("INSERT INTO customers (id) SELECT id + 1 FROM customers"), "refused 22023");
  EXPECT_EQ(Of("INSERT INTO customers (name) SELECT name FROM customers WHERE id = 5"),
            "refused 22023");
  EXPECT_EQ(Of("UPDATE customers SET name = 'x' WHERE id = f(5)"), "refused 22023");
  EXPECT_EQ(Of("UPDATE customers SET name = 'x' WHERE id = NULL"), "refused 22004");
  EXPECT_EQ(Of("DELETE FROM customers WHERE id = (SELECT 5)"), "refused 22023");
  EXPECT_EQ(Of("DELETE FROM customers WHERE id > 5"),
            "several 0,1,2,3");  // no key is meant: two-phase
  const World::Routed routed = World().Go("INSERT INTO customers (id) VALUES (NULL)");
  EXPECT_NE(routed.decision.refusal.message.find("public.customers.id"), std::string::npos);
}

TEST(ClassifyWrite, AWriteWithoutKeyIsTwoPhase) {
  World world;
  const World::Routed routed = world.Go("UPDATE customers SET name = 'x' WHERE name = 'y'");
  EXPECT_EQ(Where(routed.decision), "several 0,1,2,3");
  EXPECT_TRUE(routed.decision.two_phase);
  EXPECT_TRUE(routed.decision.scatter);
  world.facts.cross_shard_writes = false;
  EXPECT_EQ(Where(world.Go("UPDATE customers SET name = 'x'").decision), "refused 0A000");
  EXPECT_EQ(Where(world.Go("INSERT INTO customers (id) VALUES (1), (2), (3), (4)").decision),
            "refused 0A000");
}

TEST(ClassifyWrite, TheKeyItselfIsChangedToAKnownValue) {
  const Statement alone = World().Meaning("UPDATE customers c SET id = 5 WHERE id = 4");
  ASSERT_TRUE(alone.key_change.has_value());
  EXPECT_TRUE(alone.key_change->alone);
  EXPECT_EQ(ApplyEdits("UPDATE customers c SET id = 5 WHERE id = 4", alone.key_change->edits),
            "UPDATE customers c SET  \"id\" = \"c\".\"id\"  WHERE id = 4 RETURNING "
            "\"c\".ctid::pg_catalog.text ");
  EXPECT_FALSE(
      World().Meaning("UPDATE customers SET id = $1, name = 'x' WHERE id = $2").key_change->alone);
  EXPECT_FALSE(World().Meaning("UPDATE customers SET name = 'x'").key_change.has_value());
}

TEST(ClassifyWrite, TheKeyItselfCannotBeChangedToWhatTheRouterDoesNotKnow) {
  for (const char* text :
       {"UPDATE customers SET id = id + 1 WHERE id = 4",
        "UPDATE customers SET id = DEFAULT WHERE id = 4",
        "WITH x AS (UPDATE customers SET id = 5 WHERE id = 4 RETURNING v) SELECT v FROM x",
        "UPDATE customers SET (name, id) = ('x', 5) WHERE id = 4",
        "INSERT INTO customers (id) VALUES (5) ON CONFLICT (id) DO UPDATE SET id = 6"}) {
    const Statement statement = World().Meaning(text);
    EXPECT_EQ(statement.kind, StatementKind::kRefused) << text;
    EXPECT_NE(statement.refusal.message.find("sharding column public.customers.id"),
              std::string::npos);
  }
}

TEST(ClassifyWrite, RowsOfSeveralShardsAreSplit) {
  const World world;
  const std::int64_t a = world.KeyOn(0);
  const std::int64_t b = world.KeyOn(2);
  const std::int64_t c = world.KeyOn(0, a + 1);
  const World::Routed routed =
      world.Go("INSERT INTO customers (id, name) VALUES (" + std::to_string(a) + ", 'a(,b'), (" +
               std::to_string(b) + ", f(1, 2)) , (" + std::to_string(c) +
               ", NULL) ON CONFLICT DO NOTHING RETURNING id");
  ASSERT_EQ(Where(routed.decision), "several 0,2");
  EXPECT_EQ(routed.decision.parts[0].text,
            "INSERT INTO customers (id, name) VALUES (" + std::to_string(a) + ", 'a(,b'), (" +
                std::to_string(c) + ", NULL) ON CONFLICT DO NOTHING RETURNING id");
  EXPECT_EQ(routed.decision.parts[1].text, "INSERT INTO customers (id, name) VALUES (" +
                                               std::to_string(b) +
                                               ", f(1, 2)) ON CONFLICT DO NOTHING RETURNING id");
  EXPECT_EQ(routed.decision.parts[0].rows, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_TRUE(routed.decision.two_phase);
  EXPECT_FALSE(routed.decision.rows_in_order);  // a row may be skipped
}

TEST(ClassifyWrite, RowsThatLookAtOtherKeysAreNotSplit) {
  EXPECT_EQ(Of("INSERT INTO orders (customer_id, n) VALUES (1, (SELECT count(*) FROM customers "
               "WHERE id IN (1, 2))), "
               "(2, (SELECT count(*) FROM customers WHERE id IN (1, 2)))"),
            "refused 0A000");
}

TEST(ClassifyWrite, InsertFromAColocatedReadRunsWhereItsRowsAre) {
  const World::Routed routed = World().Go(
      "INSERT INTO orders (customer_id, x) SELECT id, 5 FROM customers WHERE name = 'x'");
  EXPECT_EQ(Where(routed.decision), "several 0,1,2,3");
  EXPECT_TRUE(routed.decision.two_phase);
  EXPECT_EQ(
      Of("INSERT INTO orders (customer_id, x) SELECT id, 5 FROM customers ORDER BY name LIMIT 3"),
      "refused 0A000");
}

TEST(ClassifyWrite, ColumnsAreLearnedWhenAStatementDoesNotNameThem) {
  const Statement statement = World().Meaning("INSERT INTO customers VALUES (1, 'a')");
  EXPECT_EQ(statement.kind, StatementKind::kRefused);
  EXPECT_EQ(statement.needs_columns_of, "public.customers");
  World learned;
  learned.catalogue = learned.catalogue->WithColumns("public.customers", {"name", "id"});
  EXPECT_EQ(Where(learned.Go("INSERT INTO customers VALUES ('a', 5)").decision),
            "one " + std::to_string(learned.ShardOf(5)));
}

// The table may have changed since its columns were learned: what we took for the key must be it.
TEST(ClassifyWrite, LearnedColumnsAreNamedToTheShard) {
  World world;
  world.catalogue = world.catalogue->WithColumns("public.customers", {"name", "id", "od\"d"});
  EXPECT_EQ(world.Go("INSERT INTO customers AS c VALUES ('a', 5)").decision.parts[0].text,
            "INSERT INTO customers AS c  (\"name\", \"id\") VALUES ('a', 5)");
  EXPECT_EQ(world
                .Go("INSERT INTO public.customers VALUES ('a', 5, $1) ON CONFLICT DO NOTHING",
                    {TextParameter("x")})
                .decision.parts[0]
                .text,
            "INSERT INTO public.customers  (\"name\", \"id\", \"od\"\"d\") VALUES ('a', 5, $1) ON "
            "CONFLICT DO NOTHING");
  const std::string a = std::to_string(world.KeyOn(0));
  const std::string b = std::to_string(world.KeyOn(2));
  EXPECT_EQ(world.Go("INSERT INTO customers VALUES ('a', " + a + "), ('b', " + b + ")")
                .decision.parts[1]
                .text,
            "INSERT INTO customers (\"name\", \"id\") VALUES ('b', " + b + ")");
  EXPECT_EQ(world.Go("INSERT INTO customers (name, id) VALUES ('a', 5)").decision.parts[0].text,
            "");
  const Statement copy = world.Meaning("COPY customers FROM STDIN");
  ASSERT_TRUE(copy.names_columns.has_value());
  EXPECT_EQ(ApplyEdits("COPY customers FROM STDIN", {&*copy.names_columns, 1}),
            "COPY customers  (\"name\", \"id\", \"od\"\"d\") FROM STDIN");
}

TEST(ClassifyWrite, ReferenceTablesAreWrittenEverywhereWithOneValue) {
  EXPECT_EQ(Of("INSERT INTO countries VALUES (1, 'x')"), "all");
  EXPECT_EQ(Of("UPDATE countries SET name = 'x' WHERE id = 1"), "all");
  EXPECT_EQ(Of("DELETE FROM countries"), "all");
  EXPECT_TRUE(World().Go("DELETE FROM countries").decision.two_phase);
  for (const char* text :
       {"INSERT INTO countries VALUES (1, now())", "INSERT INTO countries VALUES (random())",
        "UPDATE countries SET at = CURRENT_TIMESTAMP",
        "INSERT INTO countries VALUES (nextval('s'))",
        "INSERT INTO countries SELECT country, 'x' FROM orders",
        "UPDATE countries SET n = (SELECT count(*) FROM orders WHERE customer_id = 5)",
        "WITH x AS (INSERT INTO countries VALUES (1, 'x')) SELECT 1"}) {
    EXPECT_EQ(Of(text), "refused 0A000") << text;
  }
}

TEST(ClassifyWrite, FunctionsThatMeanOneServerAreRefused) {
  for (const char* text : {"SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock(1)",
                           "SELECT pg_advisory_xact_lock(1)", "SELECT currval('s')",
                           "SELECT lastval()", "SELECT setval('s', 5)", "SELECT lo_create(0)"}) {
    EXPECT_EQ(Of(text), "refused 0A000") << text;
  }
  World world;
  world.facts.shard_key = "5";
  EXPECT_EQ(Where(world.Go("SELECT pg_advisory_xact_lock(1)").decision),
            "one " + std::to_string(world.ShardOf(5)));
  EXPECT_EQ(Where(world.Go("SELECT pg_advisory_lock(1)").decision), "refused 0A000");
}

TEST(ClassifyWrite, OthersAreRefused) {
  for (const char* text :
       {"UPDATE customers SET name = 'x' WHERE CURRENT OF c", "INSERT INTO pg_class VALUES (1)",
        "MERGE INTO customers USING orders ON true WHEN MATCHED THEN DELETE",
        "WITH x AS (UPDATE customers SET name = 'x' RETURNING *) SELECT * FROM x"}) {
    EXPECT_EQ(Of(text), "refused 0A000") << text;
  }
}

}  // namespace
}  // namespace foreshard::router

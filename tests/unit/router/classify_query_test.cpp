#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

// Which tables a query names and which shards it needs, through FROM, WITH and sub-selects.

namespace foreshard::router {
namespace {

std::string Of(const std::string& text) { return Where(World().Go(text).decision); }

TEST(ClassifyQuery, TablesAreNotedOnceEach) {
  const Statement statement = World().Meaning(
      "SELECT * FROM orders a JOIN orders b USING (customer_id) JOIN countries c ON true WHERE "
      "a.customer_id = 1");
  EXPECT_EQ(statement.tables, (std::vector<std::string>{"public.orders", "public.countries"}));
  EXPECT_TRUE(statement.reads_sharded);
  EXPECT_FALSE(statement.writes);
  EXPECT_EQ(statement.key_column, "public.orders.customer_id");
}

TEST(ClassifyQuery, WithoutShardedTablesAnyShardWillDo) {
  EXPECT_EQ(Of("SELECT 1"), "any");
  EXPECT_EQ(Of("SELECT now(), random()"), "any");
  EXPECT_EQ(Of("VALUES (1), (2)"), "any");
  EXPECT_EQ(Of("SELECT * FROM countries WHERE name = 'x'"), "any");
  EXPECT_EQ(Of("SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_namespace n ON n.oid = "
               "c.relnamespace"),
            "any");
  EXPECT_EQ(Of("SELECT * FROM information_schema.tables"), "any");
  EXPECT_EQ(Of("SELECT * FROM generate_series(1, 3) g"), "any");
}

TEST(ClassifyQuery, AKeyReachesThroughJoins) {
  const World world;
  const std::string one = "one " + std::to_string(world.ShardOf(7));
  EXPECT_EQ(Of("SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = 7"),
            one);
  EXPECT_EQ(
      Of("SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id AND o.customer_id = 7"),
      one);
  EXPECT_EQ(Of("SELECT * FROM customers c, orders o WHERE o.customer_id = c.id AND 7 = c.id"), one);
  EXPECT_EQ(Of("SELECT * FROM orders a JOIN orders b USING (customer_id) WHERE customer_id = 7"),
            one);
  EXPECT_EQ(Of("SELECT * FROM orders a NATURAL JOIN orders b WHERE a.customer_id = 7"), one);
  EXPECT_EQ(
      Of("SELECT * FROM customers c LEFT JOIN orders o ON o.customer_id = c.id WHERE c.id = 7"),
      one);
  EXPECT_EQ(
      Of("SELECT * FROM orders o RIGHT JOIN customers c ON o.customer_id = c.id WHERE c.id = 7"),
      one);
  EXPECT_EQ(Of("SELECT * FROM public.customers WHERE public.customers.id = 7"), one);
  EXPECT_EQ(
      Of("SELECT * FROM customers JOIN countries ON country = countries.id WHERE customers.id = 7"),
      one);
}

TEST(ClassifyQuery, AnOuterJoinsConditionDoesNotRestrictWhatItPreserves) {
  EXPECT_EQ(Of("SELECT * FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND c.id = 7"),
            "several 0,1,2,3");
  EXPECT_EQ(Of("SELECT * FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND "
               "o.customer_id = 7"),
            "several 0,1,2,3");
  EXPECT_EQ(Of("SELECT * FROM customers c RIGHT JOIN orders o ON o.customer_id = c.id AND "
               "o.customer_id = 7"),
            "several 0,1,2,3");
}

TEST(ClassifyQuery, AKeyReachesThroughSubSelects) {
  const World world;
  const std::string one = "one " + std::to_string(world.ShardOf(5));
  EXPECT_EQ(Of("SELECT * FROM (SELECT * FROM orders) s WHERE s.customer_id = 5"), one);
  EXPECT_EQ(Of("SELECT * FROM (SELECT customer_id AS k FROM orders) s WHERE k = 5"), one);
  EXPECT_EQ(Of("SELECT * FROM (SELECT customer_id, total FROM orders) AS s (k, t) WHERE k = 5"),
            one);
  EXPECT_EQ(Of("SELECT * FROM (SELECT customer_id FROM orders WHERE customer_id = 5 LIMIT 3) s "
               "JOIN customers c ON c.id = s.customer_id"),
            one);
  EXPECT_EQ(Of("SELECT * FROM (SELECT customer_id, count(*) FROM orders GROUP BY 1) s WHERE "
               "s.customer_id = 5"),
            one);
  EXPECT_EQ(Of("WITH x AS (SELECT * FROM orders) SELECT * FROM x WHERE customer_id = 5"), one);
  EXPECT_EQ(Of("WITH x (k) AS (SELECT customer_id FROM orders) SELECT * FROM x WHERE k = 5"), one);
  EXPECT_EQ(Of("WITH x AS (SELECT * FROM orders WHERE customer_id = 5) SELECT * FROM x a, x b"),
            one);
  EXPECT_EQ(Of("SELECT * FROM customers c, LATERAL (SELECT * FROM orders o WHERE o.customer_id = "
               "c.id) s WHERE c.id = 5"),
            one);
  EXPECT_EQ(
      Of("WITH x AS (INSERT INTO orders (customer_id) VALUES (5) RETURNING *) SELECT * FROM x"),
      one);
  EXPECT_EQ(Of("SELECT * FROM customers WHERE id = 5 UNION SELECT * FROM customers WHERE id = 5"),
            one);
  EXPECT_EQ(Of("SELECT (SELECT sum(total) FROM orders WHERE customer_id = 5)"), one);
}

// A sub-select that sees the rows of all shards cannot be answered by one of them, whatever stands
// around it.
TEST(ClassifyQuery, AConstantNeverEntersABarrier) {
  for (const char* text :
       {"SELECT * FROM (SELECT * FROM orders ORDER BY total LIMIT 10) s WHERE s.customer_id = 5",
        "SELECT * FROM (SELECT * FROM orders OFFSET 3) s WHERE s.customer_id = 5",
        "SELECT * FROM (SELECT DISTINCT ON (total) * FROM orders) s WHERE customer_id = 5",
        "SELECT * FROM (SELECT customer_id, rank() OVER (ORDER BY total) FROM orders) s WHERE "
        "s.customer_id = 5",
        "SELECT * FROM (SELECT max(customer_id) AS customer_id FROM orders) s WHERE s.customer_id "
        "= 5",
        "WITH x AS (SELECT * FROM orders LIMIT 5) SELECT * FROM x WHERE customer_id = 5",
        "SELECT * FROM customers c WHERE c.id = 5 AND c.name = (SELECT name FROM customers ORDER "
        "BY name LIMIT 1)",
        "SELECT * FROM customers WHERE id = 5 AND total > (SELECT avg(total) FROM orders)",
        "SELECT * FROM orders EXCEPT SELECT * FROM orders WHERE customer_id = 5",
        "WITH x AS (SELECT * FROM orders) SELECT * FROM x a, x b WHERE a.customer_id = 5",
        "WITH RECURSIVE t AS (SELECT * FROM orders WHERE customer_id = 5 UNION ALL SELECT o.* FROM "
        "orders o JOIN t USING (id)) "
        "SELECT * FROM t"}) {
    EXPECT_EQ(Of(text), "refused 0A000") << text;
  }
}

TEST(ClassifyQuery, WindowsThatStayWithAKeyAreNoBarrier) {
  EXPECT_EQ(Of("SELECT * FROM (SELECT customer_id, rank() OVER (PARTITION BY customer_id ORDER BY "
               "total) r FROM orders) s "
               "WHERE s.customer_id = 5")
                .substr(0, 3),
            "one");
}

TEST(ClassifyQuery, RowsOfSeveralShardsMeetOnlyOnTheirKeys) {
  EXPECT_EQ(Of("SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id"),
            "several 0,1,2,3");
  EXPECT_EQ(Of("SELECT * FROM customers c, orders o"), "refused 0A000");
  EXPECT_EQ(Of("SELECT * FROM customers c JOIN orders o ON o.total = c.id"), "refused 0A000");
  EXPECT_EQ(Of("SELECT * FROM customers c JOIN orders o ON NOT o.customer_id = c.id"),
            "refused 0A000");
  EXPECT_EQ(Of("SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id OR o.x = 1"),
            "refused 0A000");
  EXPECT_EQ(Of("SELECT * FROM customers c FULL JOIN orders o ON o.customer_id = c.id"),
            "refused 0A000");
  EXPECT_EQ(Of("SELECT * FROM customers c JOIN countries r ON r.id = c.country"),
            "several 0,1,2,3");
  EXPECT_EQ(Of("SELECT * FROM customers c LEFT JOIN countries r ON r.id = c.country"),
            "several 0,1,2,3");
}

// A row that is the same on every shard must not come back once from each.
TEST(ClassifyQuery, ReferenceRowsAreNotMultiplied) {
  EXPECT_EQ(Of("SELECT * FROM countries r LEFT JOIN orders o ON o.country = r.id"),
            "refused 0A000");
  EXPECT_EQ(
      Of("SELECT * FROM countries r WHERE EXISTS (SELECT 1 FROM orders o WHERE o.country = r.id)"),
      "refused 0A000");
  EXPECT_EQ(Of("SELECT * FROM countries r WHERE r.id IN (SELECT country FROM orders)"),
            "refused 0A000");
  EXPECT_EQ(Of("SELECT name, (SELECT count(*) FROM orders) FROM countries"), "refused 0A000");
  EXPECT_EQ(Of("WITH o AS (SELECT * FROM orders) SELECT * FROM countries r WHERE EXISTS (SELECT 1 "
               "FROM o WHERE o.country = r.id)"),
            "refused 0A000");
}

TEST(ClassifyQuery, TwoKeysMustShareAShard) {
  const World world;
  const std::int64_t a = world.KeyOn(0);
  const std::int64_t b = world.KeyOn(0, a + 1);
  const std::int64_t c = world.KeyOn(1);
  const auto both = [](std::int64_t x, std::int64_t y) {
    return Of("SELECT * FROM customers c, orders o WHERE c.id = " + std::to_string(x) +
              " AND o.customer_id = " + std::to_string(y));
  };
  EXPECT_EQ(both(a, b), "one 0");
  EXPECT_EQ(both(a, c), "refused 0A000");
}

}  // namespace
}  // namespace foreshard::router

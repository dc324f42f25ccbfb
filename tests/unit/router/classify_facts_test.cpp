#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

// What a WHERE proves about the key, and what it does not.

namespace foreshard::router {
namespace {

std::string Of(const std::string& condition) {
  return Where(World().Go("SELECT * FROM customers c WHERE " + condition).decision);
}

TEST(ClassifyFacts, EqualityGivesTheKey) {
  const World world;
  const std::string one = "one " + std::to_string(world.ShardOf(5));
  for (const char* condition : {"id = 5",
                                "5 = id",
                                "c.id = 5",
                                "id = 5::bigint",
                                "id = CAST(5 AS int)",
                                "id = bigint '5'",
                                "id = '5'",
                                "id = E'5'",
                                "id = $$5$$",
                                "id = (5)",
                                "id = ((5))",
                                "id = '5'::int8",
                                "name = 'x' AND (id = 5 AND true)",
                                "id IN (5)",
                                "id = ANY(ARRAY[5])",
                                "id = ANY('{5}')",
                                "id = ANY('{5}'::bigint[])",
                                "id = 5 OR id = 5",
                                "(id = 5 AND name = 'a') OR (id = 5 AND name = 'b')",
                                "id = 5 AND id > 2",
                                "id = 5 AND NOT name = 'x'",
                                "id IN (5, 6) AND id = 5",
                                "EXISTS (SELECT 1) AND id = 5",
                                "id OPERATOR(pg_catalog.=) 5"}) {
    EXPECT_EQ(Of(condition), one) << condition;
  }
}

TEST(ClassifyFacts, SignsBelongToTheNumber) {
  const World world;
  EXPECT_EQ(Of("id = -5"), "one " + std::to_string(world.ShardOf(-5)));
  EXPECT_EQ(Of("id = - 5"), "one " + std::to_string(world.ShardOf(-5)));
  EXPECT_EQ(Of("id =-5"), "one " + std::to_string(world.ShardOf(-5)));
  EXPECT_EQ(Of("id = - /* c */ 5"), "one " + std::to_string(world.ShardOf(-5)));
  EXPECT_EQ(Of("id = - -5"), "one " + std::to_string(world.ShardOf(5)));
  EXPECT_EQ(Of("id = -(5)"), "one " + std::to_string(world.ShardOf(-5)));
  EXPECT_EQ(Of("id = -9223372036854775808"), "one " + std::to_string(world.ShardOf(INT64_MIN)));
}

TEST(ClassifyFacts, WhatIsNotProvedGoesToAll) {
  for (const char* condition : {"id > 5",
                                "id <> 5",
                                "id BETWEEN 5 AND 5",
                                "NOT id = 5",
                                "id = 5 OR name = 'x'",
                                "id + 0 = 5",
                                "id = abs(5)",
                                "id = (SELECT 5)",
                                "id = 2 + 3",
                                "id::text = '5'",
                                "(id, name) = (5, 'x')",
                                "id IS NOT NULL",
                                "true",
                                "id = 5 IS NOT FALSE",
                                "id = ANY(SELECT 5)",
                                "id < ANY('{5}')",
                                "id NOT IN (5)",
                                "id = 5.0::numeric",
                                "CASE WHEN id = 5 THEN true END",
                                "id = ALL('{5}')",
                                "name = 'id'"}) {
    EXPECT_EQ(Of(condition), "several 0,1,2,3") << condition;
  }
}

TEST(ClassifyFacts, ListsGiveTheirShards) {
  const World world;
  const auto list = [&](std::int64_t a, std::int64_t b) {
    return "id IN (" + std::to_string(a) + ", " + std::to_string(b) + ")";
  };
  const std::int64_t a = world.KeyOn(0);
  EXPECT_EQ(Of(list(a, world.KeyOn(0, a + 1))), "one 0");
  EXPECT_EQ(Of(list(a, world.KeyOn(2))), "several 0,2");
  EXPECT_EQ(Of("id = " + std::to_string(a) + " OR id = " + std::to_string(world.KeyOn(3))),
            "several 0,3");
}

TEST(ClassifyFacts, NullMatchesNothing) {
  EXPECT_EQ(Of("id = NULL"), "any");
  EXPECT_EQ(Of("id IN (NULL)"), "any");
  EXPECT_EQ(Of("id = ANY('{}')"), "any");
}

TEST(ClassifyFacts, SubSelectsAreRestrictedFromOutsideNeverTheOtherWay) {
  const World world;
  const std::string one = "one " + std::to_string(world.ShardOf(5));
  const std::string correlated = "EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id";
  EXPECT_EQ(Of("c.id = 5 AND " + correlated + ")"), one);
  EXPECT_EQ(Of("c.id = 5 AND NOT " + correlated + ")"), one);
  EXPECT_EQ(Of(correlated + ")"), "several 0,1,2,3");
  EXPECT_EQ(Of("NOT " + correlated + " AND o.customer_id = 5)"), "several 0,1,2,3");
  EXPECT_EQ(Of(correlated + " AND c.id = 5)"), "several 0,1,2,3");
  EXPECT_EQ(Of("id IN (SELECT customer_id FROM orders WHERE total > 3)"), "several 0,1,2,3");
  EXPECT_EQ(Of("id IN (SELECT customer_id FROM orders WHERE customer_id = 5)"), one);
  EXPECT_EQ(Of("NOT id IN (SELECT customer_id FROM orders WHERE customer_id = 5)"),
            "refused 0A000");
  EXPECT_EQ(Of("id IN (SELECT country FROM orders)"), "refused 0A000");
  EXPECT_EQ(Of("id > 3 AND total < (SELECT sum(total) FROM orders o WHERE o.customer_id = c.id)"),
            "several 0,1,2,3");
  EXPECT_EQ(Of("total < (SELECT sum(total) FROM orders o)"), "refused 0A000");
}

TEST(ClassifyFacts, AnUnqualifiedNameOfTheOuterQueryProvesNothingInside) {
  // `id` inside may be a column of countries.
  EXPECT_EQ(Of("EXISTS (SELECT 1 FROM countries WHERE id = 5)"), "several 0,1,2,3");
}

TEST(ClassifyFacts, TextAndUuidKeysTakeStringsOnly) {
  World text;
  text.catalogue = TestCatalogue(model::KeyType::kText);
  text.table = Compiled(FourQuarters(model::KeyType::kText));
  const auto where = [](const World& world, const std::string& condition) {
    return Where(world.Go("SELECT * FROM customers WHERE " + condition).decision).substr(0, 3);
  };
  EXPECT_EQ(where(text, "id = 'abc'"), "one");
  EXPECT_EQ(where(text, "id = 'abc'::text"), "one");
  EXPECT_EQ(where(text, "id = 'abc' COLLATE \"C\""), "one");
  EXPECT_EQ(where(text, "id = U&'abc'"), "one");  // a constant of the statement
  EXPECT_EQ(where(text, "id = 'a'\n'bc'"), "one");
  EXPECT_EQ(where(text, "id = 'abc'::varchar(2)"), "sev");  // cuts
  EXPECT_EQ(where(text, "id = 'abc'::char(3)"), "sev");     // pads
  EXPECT_EQ(where(text, "id = 05::text"), "sev");           // PostgreSQL makes '5' of it
  World uuid;
  uuid.catalogue = TestCatalogue(model::KeyType::kUuid);
  uuid.table = Compiled(FourQuarters(model::KeyType::kUuid));
  EXPECT_EQ(where(uuid, "id = '01234567-89ab-cdef-0123-456789abcdef'"), "one");
  EXPECT_EQ(where(uuid, "id = '01234567-89ab-cdef-0123-456789abcdef'::uuid"), "one");
  EXPECT_EQ(where(uuid, "id = gen_random_uuid()"), "sev");
  EXPECT_EQ(where(uuid, "id = 'abc'"), "ref");
}

}  // namespace
}  // namespace foreshard::router

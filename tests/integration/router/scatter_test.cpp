#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/integration/router/sharded_database.h"
#include "tests/support/needs.h"

// What several shards answer together is what one PostgreSQL answers alone, or it is refused.

namespace foreshard::router {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

template <std::size_t N>
std::string Pick(Random& random, const char* const (&options)[N]) {
  return options[random.Below(N)];
}

struct Generated {
  std::string sql;
  bool ordered = false;  // totally
  bool limited = false;
};

std::string Condition(Random& random, const std::string& alias) {
  const std::string key = alias == "c" ? "c.id" : "o.customer_id";
  switch (random.Below(9)) {
    case 0:
      return fmt::format("{} = {}", key, random.Between(1, 65));
    case 1:
      return fmt::format("{} IN ({}, {}, {})", key, random.Between(1, 65), random.Between(1, 65),
                         random.Between(1, 65));
    case 2:
      return fmt::format("{0} = {1} OR {0} = {2}", key, random.Between(1, 65),
                         random.Between(1, 65));
    case 3:
      return fmt::format("{} > {}", key, random.Between(1, 65));
    case 4:
      return fmt::format("{}.country = {}", alias, random.Below(5));
    case 5:
      return fmt::format("{} IN (SELECT customer_id FROM orders x WHERE x.total > {})", key,
                         random.Below(100));
    case 6:
      return fmt::format(
          "NOT EXISTS (SELECT 1 FROM orders x WHERE x.customer_id = {} AND x.country = {})", key,
          random.Below(5));
    case 7:
      return fmt::format("{}.total < (SELECT avg(x.total) FROM orders x WHERE x.customer_id = {})",
                         alias, key);
    default:
      return "true";
  }
}

constexpr const char* kFromCustomers[] = {
    "customers c", "public.customers AS c", "(SELECT * FROM customers WHERE score > -15) c",
    "customers c JOIN countries r ON r.id = c.country",
    "customers c LEFT JOIN countries r ON r.id = c.country + 1"};
constexpr const char* kFromOrders[] = {
    "orders o",
    "customers c JOIN orders o ON o.customer_id = c.id",
    "customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.total > 50",
    "orders o JOIN countries r ON r.id = o.country",
    "countries r LEFT JOIN orders o ON o.country = r.id",
    "customers c, orders o",
    "orders o JOIN (SELECT customer_id, count(*) AS n FROM orders GROUP BY 1) s USING "
    "(customer_id)"};

Generated Rowwise(Random& random, const std::string& from, const std::string& alias,
                  const std::string& where) {
  static constexpr const char* kCustomer[] = {"c.name", "c.total", "c.at", "c.score", "c.country"};
  static constexpr const char* kOrder[] = {"o.note", "o.total", "o.ok", "o.country", "o.id"};
  const auto column = [&] { return alias == "c" ? Pick(random, kCustomer) : Pick(random, kOrder); };
  Generated query;
  const std::string unique = alias == "c"                                    ? "c.id"
                             : from.find("customers c") == std::string::npos ? "o.id"
                                                                             : "o.id, c.id";
  const bool distinct = random.Chance(0.2);
  query.sql = fmt::format("SELECT {}{}, {} FROM {} WHERE {}", distinct ? "DISTINCT " : "", column(),
                          column(), from, where);
  if (distinct) return query;
  if (random.Chance(0.7)) {
    static constexpr const char* kDirections[] = {"", " DESC", " NULLS FIRST", " DESC NULLS LAST"};
    const std::string first = random.Chance(0.3) ? "1" : column();
    query.sql += fmt::format(" ORDER BY {}{}, {}{}, {}", first, Pick(random, kDirections), column(),
                             Pick(random, kDirections), unique);
    query.ordered = true;
  }
  if (random.Chance(0.4)) {
    query.sql += fmt::format(" LIMIT {} OFFSET {}", random.Below(12), random.Below(6));
    query.limited = true;
  }
  return query;
}

Generated Aggregated(Random& random, const std::string& from, const std::string& alias,
                     const std::string& where) {
  static constexpr const char* kAggregates[] = {"count(*)",
                                                "count({}.total)",
                                                "sum({}.total)",
                                                "avg({}.total)",
                                                "min({}.total)",
                                                "max({}.country)",
                                                "sum({}.country)",
                                                "avg({}.country)",
                                                "max({}.total)",
                                                "count(*) FILTER (WHERE {}.country > 2)",
                                                "count(DISTINCT {}.country)"};
  const auto aggregate = [&] {
    return fmt::format(fmt::runtime(Pick(random, kAggregates)), alias);
  };
  Generated query;
  const std::uint64_t shape = random.Below(4);
  if (shape == 0) {
    query.sql = fmt::format("SELECT {}, {}, {} FROM {} WHERE {}", aggregate(), aggregate(),
                            aggregate(), from, where);
    return query;
  }
  const std::string group = shape == 1     ? alias + ".country"
                            : shape == 2   ? alias + ".country % 2"
                            : alias == "c" ? "c.id"
                                           : "o.customer_id";
  query.sql = fmt::format("SELECT {0}, {1}, {2} AS x FROM {3} WHERE {4} GROUP BY {0}", group,
                          aggregate(), aggregate(), from, where);
  if (random.Chance(0.6)) {
    query.sql += fmt::format(" ORDER BY x{}, {}", random.Chance(0.5) ? " DESC" : "",
                             random.Chance(0.5) ? "1" : group);
    query.ordered = true;
    if (random.Chance(0.5)) {
      query.sql += fmt::format(" LIMIT {} OFFSET {}", 1 + random.Below(5), random.Below(3));
      query.limited = true;
    }
  }
  return query;
}

Generated Draw(Random& random) {
  const bool customers = random.Chance(0.4);
  const std::string alias = customers ? "c" : "o";
  const std::string from = customers ? Pick(random, kFromCustomers) : Pick(random, kFromOrders);
  const std::string where = Condition(random, alias) + " AND " + Condition(random, alias);
  return random.Chance(0.5) ? Rowwise(random, from, alias, where)
                            : Aggregated(random, from, alias, where);
}

struct Tally {
  int answered = 0;
  int refused = 0;
};

void Compare(ShardedDatabase& database, const Generated& query, Tally& tally) {
  const Result<Answer> shards = database.AskShards(query.sql);
  ASSERT_TRUE(shards.ok()) << query.sql << "\n" << (shards.ok() ? "" : shards.error().message);
  if (shards->refused) {
    ++tally.refused;
    EXPECT_EQ(shards->refused->sqlstate, "0A000") << query.sql << "\n" << shards->refused->message;
    return;
  }
  Result<Answer> whole = database.AskWhole(query.sql);
  ASSERT_TRUE(whole.ok()) << query.sql << "\n" << (whole.ok() ? "" : whole.error().message);
  ++tally.answered;
  std::vector<std::string> got = shards->rows;
  std::vector<std::string> expected = whole->rows;
  if (query.limited && !query.ordered) {  // which rows is PostgreSQL's choice, how many is not
    EXPECT_EQ(got.size(), expected.size()) << query.sql;
    return;
  }
  if (!query.ordered) {
    std::sort(got.begin(), got.end());
    std::sort(expected.begin(), expected.end());
  }
  EXPECT_EQ(got, expected) << query.sql;
}

TEST(Scatter, AnswersAsOnePostgresDoes) {
  Result<std::unique_ptr<ShardedDatabase>> database = ShardedDatabase::Create();
  ASSERT_TRUE(database.ok()) << database.error().message;
  EXPECT_TRUE((*database)->text_orders_as_bytes);
  Random random(1);
  Tally tally;
  for (int i = 0; i < 400; ++i) {
    Compare(**database, Draw(random), tally);
    if (HasFatalFailure()) return;
  }
  // While keys move, their copies on another shard are hidden.
  const Status moving = (*database)->StartMove();
  ASSERT_TRUE(moving.ok()) << moving.error().message;
  for (int i = 0; i < 400; ++i) {
    Compare(**database, Draw(random), tally);
    if (HasFatalFailure()) return;
  }
  RecordProperty("answered", tally.answered);
  RecordProperty("refused", tally.refused);
  EXPECT_GT(tally.answered, 450);
  EXPECT_GT(tally.refused, 20);
}

TEST(Scatter, WritesChangeWhatOnePostgresWouldChange) {
  Result<std::unique_ptr<ShardedDatabase>> database = ShardedDatabase::Create();
  ASSERT_TRUE(database.ok()) << database.error().message;
  const std::vector<std::string> statements = {
      "UPDATE orders SET note = 'one' WHERE customer_id = 7",
      "UPDATE orders SET note = 'several', total = total + 1 WHERE country = 3",
      "UPDATE customers c SET score = 99 FROM orders o WHERE o.customer_id = c.id AND o.total > 90",
      "DELETE FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE score > 15)",
      "DELETE FROM orders o USING customers c WHERE c.id = o.customer_id AND c.country = 1 AND "
      "o.ok",
      "INSERT INTO customers (id, name) VALUES (101, 'a'), (102, 'b'), (103, 'c'), (104, NULL) "
      "RETURNING id, name",
      "INSERT INTO customers (name, id) VALUES ('x', 101), ('y', 105), ('z', 106) ON CONFLICT (id) "
      "DO UPDATE SET name = excluded.name",
      "INSERT INTO orders (customer_id, id, note) SELECT id, id + 1000, name FROM customers WHERE "
      "country = 2",
      "UPDATE countries SET name = 'same' WHERE id = 2",
      "WITH gone AS (DELETE FROM orders WHERE customer_id = 9 RETURNING id) SELECT count(*) FROM "
      "gone",
      "UPDATE orders SET ok = NOT ok",
      "DELETE FROM customers WHERE id > 58"};
  const auto run = [&] {
    for (const std::string& sql : statements) {
      const Result<Answer> whole = (*database)->AskWhole(sql);
      const Result<Answer> shards = (*database)->AskShards(sql);
      ASSERT_TRUE(whole.ok()) << sql << "\n" << (whole.ok() ? "" : whole.error().message);
      ASSERT_TRUE(shards.ok()) << sql << "\n" << (shards.ok() ? "" : shards.error().message);
      ASSERT_FALSE(shards->refused.has_value()) << sql << "\n" << shards->refused->message;
      EXPECT_EQ(shards->tag, whole->tag) << sql;
      EXPECT_EQ(shards->rows, whole->rows) << sql;
    }
    for (const auto& [table, column] :
         {std::pair{"customers", "id"}, std::pair{"orders", "customer_id"}}) {
      Result<Answer> whole = (*database)->AskWhole(fmt::format("SELECT * FROM {}", table));
      const Result<std::vector<std::string>> owned = (*database)->OwnedRows(table, column);
      ASSERT_TRUE(whole.ok() && owned.ok());
      std::sort(whole->rows.begin(), whole->rows.end());
      EXPECT_EQ(*owned, whole->rows) << table;
    }
  };
  run();
  if (HasFatalFailure()) return;
  const Status moving = (*database)->StartMove();
  ASSERT_TRUE(moving.ok()) << moving.error().message;
  run();
}

}  // namespace
}  // namespace foreshard::router

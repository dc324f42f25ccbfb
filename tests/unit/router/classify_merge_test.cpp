#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

// Recipes: what several shards are asked, and which clauses are refused.

namespace foreshard::router {
namespace {

std::string ShardText(const std::string& text, const std::vector<ParameterValue>& parameters = {}) {
  const World::Routed routed = World().Go(text, parameters);
  if (routed.decision.kind != RouteKind::kSeveralShards)
    return Where(routed.decision) + ": " + routed.decision.refusal.message;
  // White space around edits is of no interest.
  std::string squeezed;
  for (const char c : routed.decision.parts[0].text) {
    if (c == ' ' && squeezed.ends_with(' ')) continue;
    squeezed += c;
  }
  while (squeezed.ends_with(' ')) squeezed.pop_back();
  return squeezed;
}

TEST(ClassifyMerge, APlainReadGoesAsItIs) {
  EXPECT_EQ(ShardText("SELECT * FROM customers"), "");
  EXPECT_EQ(ShardText("SELECT name FROM customers ORDER BY name"), "");
  EXPECT_EQ(ShardText("SELECT country, count(*) FROM customers GROUP BY country"), "");
}

TEST(ClassifyMerge, LimitAndOffsetBecomeOneLimit) {
  EXPECT_EQ(ShardText("SELECT name FROM customers LIMIT 5 OFFSET 10"),
            "SELECT name FROM customers LIMIT 15");
  EXPECT_EQ(ShardText("SELECT name FROM customers OFFSET 10 LIMIT 5"),
            "SELECT name FROM customers LIMIT 15");
  EXPECT_EQ(ShardText("SELECT name FROM customers OFFSET 10 ROWS FETCH NEXT 5 ROWS ONLY"),
            "SELECT name FROM customers LIMIT 15");
  EXPECT_EQ(ShardText("SELECT name FROM customers OFFSET 10"), "SELECT name FROM customers");
  EXPECT_EQ(ShardText("SELECT name FROM customers LIMIT ALL"), "SELECT name FROM customers");
  EXPECT_EQ(
      ShardText("SELECT country, count(*) FROM customers GROUP BY country ORDER BY 1 LIMIT 5"),
      "SELECT country, count(*) FROM customers GROUP BY country ORDER BY 1");
}

TEST(ClassifyMerge, ParametersOfLimitLeaveAndTheRestIsRenumbered) {
  const World world;
  const World::Routed routed =
      world.Go("SELECT name FROM customers WHERE name > $3 LIMIT $1 OFFSET $2",
               {TextParameter("5"), TextParameter("10"), TextParameter("x")});
  ASSERT_EQ(routed.decision.kind, RouteKind::kSeveralShards);
  EXPECT_NE(routed.decision.parts[0].text.find("name > $1"), std::string::npos);
  EXPECT_NE(routed.decision.parts[0].text.find("LIMIT 15"), std::string::npos);
  EXPECT_EQ(routed.decision.parts[0].parameters, (std::vector<std::uint32_t>{3}));
  EXPECT_EQ(routed.decision.limit, 5);
  EXPECT_EQ(routed.decision.offset, 10);
  EXPECT_EQ(Where(world.Go("SELECT 1 FROM customers LIMIT $1", {TextParameter("-1")}).decision),
            "refused 2201W");
  EXPECT_EQ(Where(world.Go("SELECT 1 FROM customers OFFSET $1", {TextParameter("-1")}).decision),
            "refused 2201X");
  EXPECT_FALSE(
      world.Go("SELECT 1 FROM customers LIMIT $1", {NullParameter()}).decision.limit.has_value());
}

TEST(ClassifyMerge, SortExpressionsAreSelectedBesideTheClientsColumns) {
  EXPECT_EQ(
      ShardText(
          "SELECT name FROM customers ORDER BY at DESC, lower(name) COLLATE \"C\" NULLS FIRST"),
      "SELECT name , at , lower(name) COLLATE \"C\" FROM customers ORDER BY at DESC, lower(name) "
      "COLLATE \"C\" NULLS FIRST");
  EXPECT_EQ(ShardText("SELECT * FROM customers ORDER BY id"),
            "SELECT * , id FROM customers ORDER BY id");
  const World world;
  const Statement statement =
      world.Meaning("SELECT name, total AS t FROM customers ORDER BY t DESC, 1 NULLS FIRST, at");
  ASSERT_TRUE(statement.merge.has_value());
  EXPECT_EQ(statement.merge->sort[0],
            (SortKey{.column = 1, .descending = true, .nulls_first = true, .collate_c = false}));
  EXPECT_EQ(statement.merge->sort[1],
            (SortKey{.column = 0, .descending = false, .nulls_first = true, .collate_c = false}));
  EXPECT_EQ(statement.merge->sort[2], (SortKey{.column = 0,
                                               .descending = false,
                                               .nulls_first = false,
                                               .collate_c = false,
                                               .hidden = true}));
  EXPECT_EQ(statement.merge->hidden, 1U);
}

TEST(ClassifyMerge, AveragesAreSumsAndCounts) {
  EXPECT_EQ(ShardText("SELECT avg(total) FROM orders"),
            "SELECT sum (total) AS avg , count(total) FROM orders");
  EXPECT_EQ(ShardText("SELECT avg(total) AS a, country FROM orders GROUP BY country"),
            "SELECT sum (total) AS a, country , count(total) FROM orders GROUP BY country");
  EXPECT_EQ(ShardText("SELECT avg(total) FILTER (WHERE x > 3) FROM orders"),
            "SELECT sum (total) FILTER (WHERE x > 3) AS avg , count(total) FILTER (WHERE x > 3) "
            "FROM orders");
}

TEST(ClassifyMerge, GroupsNotSelectedAreHidden) {
  EXPECT_EQ(ShardText("SELECT count(*) FROM orders GROUP BY country"),
            "SELECT count(*) , country FROM orders GROUP BY country");
}

// No group spans shards then: each shard's answer is final.
TEST(ClassifyMerge, AGroupByTheKeyIsNotMerged) {
  const Statement statement = World().Meaning(
      "SELECT customer_id, string_agg(x, ','), avg(total) + 1 FROM orders GROUP BY customer_id "
      "HAVING count(*) > 3 "
      "ORDER BY count(*) LIMIT 5");
  ASSERT_TRUE(statement.merge.has_value()) << statement.not_mergeable.message;
  EXPECT_FALSE(statement.merge->grouped);
  // The nullable side's key can be NULL on many shards.
  EXPECT_FALSE(
      World()
          .Meaning(
              "SELECT o.customer_id, string_agg(c.name, ',') FROM customers c LEFT JOIN orders o "
              "ON o.customer_id = c.id GROUP BY o.customer_id")
          .merge.has_value());
}

TEST(ClassifyMerge, RefusalsNameTheClause) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"SELECT DISTINCT ON (country) * FROM orders", "DISTINCT ON"},
      {"SELECT count(DISTINCT country) FROM orders", "count(DISTINCT …)"},
      {"SELECT string_agg(x, ',') FROM orders", "string_agg()"},
      {"SELECT array_agg(x ORDER BY y) FROM orders", "array_agg()"},
      {"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM orders", "percentile_cont()"},
      {"SELECT stddev(x) FROM orders", "stddev()"},
      {"SELECT sum(x) + 1 FROM orders", "an expression over sum()"},
      {"SELECT country, count(*) FROM orders GROUP BY country HAVING count(*) > 1", "HAVING"},
      {"SELECT country, count(*) FROM orders GROUP BY ROLLUP (country)", "GROUP BY with sets"},
      {"SELECT rank() OVER (ORDER BY x) FROM orders", "the window function rank()"},
      {"SELECT x FROM orders ORDER BY x COLLATE \"de_DE\"", "COLLATE \"de_DE\""},
      {"SELECT x FROM orders ORDER BY x USING >", "ORDER BY … USING"},
      {"SELECT x FROM orders LIMIT 2 + 3", "LIMIT of an expression"},
      {"SELECT x FROM orders ORDER BY x FETCH FIRST 3 ROWS WITH TIES", "WITH TIES"},
      {"SELECT DISTINCT x FROM orders ORDER BY y", "SELECT DISTINCT with ORDER BY"},
      {"SELECT x, now(), count(*) FROM orders GROUP BY x", "column 2"},
      {"SELECT max(x COLLATE \"de_DE\") FROM orders", "max() with COLLATE"},
      {"SELECT DISTINCT count(*) FROM orders GROUP BY country", "SELECT DISTINCT with aggregates"},
      {"SELECT (SELECT sum(o.total)) FROM orders o", "sum() inside a sub-select"},
      {"SELECT x FROM orders UNION SELECT x FROM orders", "UNION"},
  };
  for (const auto& [text, expected] : cases) {
    const RouteDecision decision = World().Go(text).decision;
    EXPECT_EQ(Where(decision), "refused 0A000") << text;
    EXPECT_NE(decision.refusal.message.find(expected), std::string::npos)
        << decision.refusal.message;
  }
}

// PostgreSQL looks for a column of that name first, so the router must know the columns.
TEST(ClassifyMerge, AnOutputNameInGroupByWaitsForTheColumns) {
  World world;
  const std::string text = "SELECT date_trunc('day', at) AS day, count(*) FROM orders GROUP BY day";
  EXPECT_EQ(world.Meaning(text).needs_columns_of, "public.orders");
  EXPECT_EQ(world.Meaning(text).kind, StatementKind::kRefused);
  const auto unlearned = world.catalogue;
  world.catalogue = unlearned->WithColumns("public.orders", {"customer_id", "at"});
  ASSERT_TRUE(world.Meaning(text).merge.has_value());
  EXPECT_EQ(world.Meaning(text).merge->hidden, 0U);
  world.catalogue = unlearned->WithColumns("public.orders", {"customer_id", "at", "day"});
  EXPECT_FALSE(
      world.Meaning(text).merge.has_value());  // groups by the column; what it selects is no group
  EXPECT_EQ(
      Where(world.Go("SELECT x AS n, count(*) FROM orders JOIN countries c ON true GROUP BY n")
                .decision),
      "refused 0A000");
  EXPECT_TRUE(World()
                  .Meaning("SELECT c.name AS name, count(*) FROM customers c GROUP BY name")
                  .merge.has_value());
}

TEST(ClassifyMerge, EqualExpressionsAreEqualOnlyWithEqualLiterals) {
  const World world;
  EXPECT_TRUE(
      world
          .Meaning(
              "SELECT date_trunc('day', at), count(*) FROM orders GROUP BY date_trunc('day', at)")
          .merge.has_value());
  EXPECT_FALSE(
      world
          .Meaning(
              "SELECT date_trunc('day', at), count(*) FROM orders GROUP BY date_trunc('hour', at)")
          .merge.has_value());
  EXPECT_FALSE(
      world.Meaning("SELECT x % -5, count(*) FROM orders GROUP BY x % -6").merge.has_value());
  EXPECT_EQ(world.Meaning("SELECT x % 5, count(*) FROM orders GROUP BY x % 5").looked_at.size(),
            2U);
}

TEST(ClassifyMerge, NamesThatLookLikeClausesDoNotConfuse) {
  EXPECT_EQ(ShardText("SELECT id IS DISTINCT FROM 5, at FROM customers ORDER BY name"),
            "SELECT id IS DISTINCT FROM 5, at , name FROM customers ORDER BY name");
  EXPECT_EQ(
      ShardText("SELECT extract(year FROM at), c.limit AS offset FROM customers c ORDER BY name"),
      "SELECT extract(year FROM at), c.limit AS offset , name FROM customers c ORDER BY name");
  EXPECT_EQ(ShardText("(SELECT name FROM customers ORDER BY at LIMIT 3)"),
            "(SELECT name , at FROM customers ORDER BY at LIMIT 3 )");
}

}  // namespace
}  // namespace foreshard::router

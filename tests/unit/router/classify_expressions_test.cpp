#include "router/classify_expressions.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

const Json kCall = Json::parse(
    R"({"FuncCall":{"funcname":[{"String":{"sval":"sum"}}],
"args":[{"ColumnRef":{"fields":[{"String":{"sval":"x"}}]}}]}})");

TEST(ClassifyExpressions, FindsAggregatesAndWindows) {
  EXPECT_TRUE(IsAggregateCall(kCall));
  EXPECT_EQ(InnerCall(kCall), "sum()");
  Json window = kCall;
  window["FuncCall"]["over"] = Json::object();
  EXPECT_FALSE(IsAggregateCall(window));
  EXPECT_EQ(InnerCall(window), "the window function sum()");
  EXPECT_EQ(InnerCall(Json::parse(R"({"SubLink":{}})")), "");
}

TEST(ClassifyExpressions, ShapesForgetConstants) {
  Json a = Json::parse(R"({"A_Const":{"ival":{"ival":5}}})");
  Json b = Json::parse(R"({"A_Const":{"sval":{"sval":"x"}}})");
  DropConstants(a);
  DropConstants(b);
  EXPECT_EQ(a, b);
  Json truth = Json::parse(R"({"A_Const":{"boolval":{"boolval":true}}})");
  DropConstants(truth);
  EXPECT_NE(a, truth);
}

// PostgreSQL gives one row for the first: the aggregate is the outer query's.
TEST(ClassifyExpressions, AnAggregateOfOuterColumnsIsTheOuterQuerys) {
  const World world;
  EXPECT_FALSE(world.Meaning("SELECT (SELECT sum(o.total)) FROM orders o").merge.has_value());
  EXPECT_FALSE(world.Meaning("SELECT (SELECT max(o.total) FROM countries c) FROM orders o")
                   .merge.has_value());
  EXPECT_TRUE(
      world
          .Meaning(
              "SELECT (SELECT max(c.id) FROM countries c WHERE c.id < o.country) FROM orders o")
          .merge.has_value());
  EXPECT_TRUE(
      world.Meaning("SELECT (SELECT count(*) FROM countries) FROM orders o").merge.has_value());
}

}  // namespace
}  // namespace foreshard::router

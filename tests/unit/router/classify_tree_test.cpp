#include "router/classify_tree.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

struct Read {
  explicit Read(std::string_view sql) : text(sql) { Normalize(text, normalized); }
  std::string text;
  Normalized normalized;
  std::shared_ptr<const Catalogue> catalogue = TestCatalogue();
  std::vector<std::string> path = {"public"};
  Source source{text, normalized, *catalogue, path};
};

TEST(ClassifyTree, FindsWordsAtDepthZeroOnly) {
  Read read("SELECT (SELECT 1 FROM a), c.from AS from FROM b");
  EXPECT_EQ(read.source.FindWord(0, read.source.token_count(), {"from"}), 13U);
  EXPECT_EQ(read.source.FindWord(0, 5, {"limit"}), 5U);
}

TEST(ClassifyTree, SplitsListsAtTheirOwnCommas) {
  Read read("a, f(b, c), d[1, 2]");
  const std::vector<TokenSpan> items = read.source.SplitByComma(0, read.source.token_count());
  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[1], (TokenSpan{2, 6}));
}

TEST(ClassifyTree, AQueryInParenthesesIsNarrowed) {
  Read read("((SELECT 1))");
  EXPECT_EQ(read.source.first_token(), 2U);
  EXPECT_EQ(read.source.last_token(), 4U);
  Read two("(SELECT 1) UNION (SELECT 2)");
  EXPECT_EQ(two.source.first_token(), 0U);
}

TEST(ClassifyTree, LooksAtLiteralsByTheirPlace) {
  Read read("ORDER BY - 5, 'x'");
  EXPECT_EQ(read.source.LookAt(9), "-5");
  EXPECT_EQ(read.source.LookAt(14), "x");
  EXPECT_FALSE(read.source.LookAt(0).has_value());
  EXPECT_EQ(read.source.TakeLookedAt(), (std::vector<std::uint32_t>{0, 1}));
}

TEST(ClassifyTree, NodesAreReadByTheirType) {
  const Json node = Json::parse(
      R"({"ColumnRef":{"fields":[{"String":{"sval":"a"}},{"A_Star":{}}],"location":7}})");
  EXPECT_EQ(TypeOf(node), "ColumnRef");
  EXPECT_EQ(Names(Field(BodyOf(node), "fields")), (std::vector<std::string>{"a", "*"}));
  EXPECT_EQ(Location(BodyOf(node)), 7);
  EXPECT_EQ(WithoutLocations(node).dump().find("location"), std::string::npos);
  EXPECT_EQ(TypeOf(kNoNode), "");
  EXPECT_TRUE(Items(kNoNode, "x").empty());
}

TEST(ClassifyTree, KnowsTheAggregates) {
  EXPECT_EQ(KindOfFunction("string_agg"), FunctionKind::kAggregate);
  EXPECT_EQ(KindOfFunction("lower"), FunctionKind::kPlain);
}

}  // namespace
}  // namespace foreshard::router

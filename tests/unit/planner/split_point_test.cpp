#include "planner/split_point.h"

#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

constexpr model::KeySpace kHash{.strategy = model::Strategy::kHash,
                                .key_type = model::KeyType::kBigint};
constexpr model::KeySpace kText{.strategy = model::Strategy::kRange,
                                .key_type = model::KeyType::kText};

TEST(SplitPoint, CutsEvenLoadInTheMiddleWithAShortName) {
  const SplitSearch search = FindSplitPoint(kHash, EvenUnit("80", "", 1));
  ASSERT_TRUE(search.point) << search.why_not;
  EXPECT_EQ(search.point->at, "c0");
  EXPECT_NEAR(search.point->right_share, 0.5, 0.02);
}

TEST(SplitPoint, FollowsTheWeightNotTheMiddle) {
  Unit unit = EvenUnit("", "80", 1);
  for (std::size_t i = 0; i < unit.reservoir.size(); ++i)
    unit.reservoir[i].weight = i < 32 ? 3 : 1.0 / 3;
  const SplitSearch search = FindSplitPoint(kHash, unit);
  ASSERT_TRUE(search.point) << search.why_not;
  EXPECT_LT(*model::ParsePosition(search.point->at), *model::ParsePosition("20"));
  EXPECT_NEAR(search.point->right_share, 0.5, kSplitBalanceMax / 2);
}

TEST(SplitPoint, LiesInsideTheRangeForTextKeys) {
  Unit unit{
      .range = {.from = "b", .to = "y"}, .share = 1, .bytes = 1, .reservoir = {}, .hot_keys = {}};
  for (int i = 0; i < 120; ++i)
    unit.reservoir.push_back(
        {.bound = std::string(1, static_cast<char>('b' + i % 20)), .weight = 1});
  const SplitSearch search = FindSplitPoint(kText, unit);
  ASSERT_TRUE(search.point) << search.why_not;
  EXPECT_GT(search.point->at, "b");
  EXPECT_LT(search.point->at, "y");
}

TEST(SplitPoint, SaysWhyThereIsNone) {
  Unit few = EvenUnit("", "80", 1);
  few.reservoir.resize(99);
  EXPECT_EQ(FindSplitPoint(kHash, few).why_not, "TooFewSamples");

  Unit hot = EvenUnit("", "80", 1);
  hot.hot_keys.push_back({.key = "7", .share = 0.51});
  EXPECT_EQ(FindSplitPoint(kHash, hot).why_not, "HotKey");

  Unit single = EvenUnit("", "80", 1);
  for (HeatSample& sample : single.reservoir) sample.bound = "40";
  EXPECT_EQ(FindSplitPoint(kHash, single).why_not, "NoBalance");
}

}  // namespace
}  // namespace foreshard::planner

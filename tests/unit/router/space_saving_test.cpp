#include "router/space_saving.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace foreshard::router {
namespace {

std::map<int, std::uint64_t> Fill(SpaceSaving<int>& top, Random& random, int items) {
  std::map<int, std::uint64_t> truth;
  for (int i = 0; i < items; ++i) {
    // Skewed: half of the weight on a few keys.
    const int key = static_cast<int>(random.Below(1 + random.Below(1 + random.Below(2'000))));
    const std::uint64_t weight = 1 + random.Below(5);
    top.Add(key, weight);
    truth[key] += weight;
  }
  return truth;
}

void CheckBounds(const std::vector<TopCount<int>>& top, const std::map<int, std::uint64_t>& truth,
                 std::uint64_t slack) {
  std::map<int, std::uint64_t> kept;
  for (const TopCount<int>& entry : top) {
    const auto at = truth.find(entry.item);
    const std::uint64_t weight = at == truth.end() ? 0 : at->second;
    ASSERT_GE(entry.count, weight) << entry.item;
    ASSERT_LE(entry.count - entry.error, weight) << entry.item;
    kept[entry.item] = entry.count;
  }
  for (const auto& [item, weight] : truth) {
    if (weight > slack) {
      ASSERT_TRUE(kept.contains(item)) << item << " with " << weight;
    }
  }
}

TEST(SpaceSaving, KeepsItsErrorBounds) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Random random(seed);
    SpaceSaving<int> top(50);
    const auto truth = Fill(top, random, 5'000);
    ASSERT_EQ(top.size(), 50U);
    CheckBounds(top.Top(), truth, top.total() / 50);
    const auto sorted = top.Top();
    for (std::size_t i = 1; i < sorted.size(); ++i) ASSERT_GE(sorted[i - 1].count, sorted[i].count);
  }
}

TEST(SpaceSaving, IsExactWhileThereIsRoom) {
  SpaceSaving<std::string> top(3);
  top.Add("b", 2);
  top.Add("a", 2);
  top.Add("c", 1);
  top.Add("c", 5);
  EXPECT_EQ(top.Top(), (std::vector<TopCount<std::string>>{{"c", 6, 0}, {"a", 2, 0}, {"b", 2, 0}}));
}

TEST(SpaceSaving, MergedListsKeepTheBoundsToo) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Random random(seed);
    SpaceSaving<int> a(50);
    SpaceSaving<int> b(50);
    auto truth = Fill(a, random, 3'000);
    for (const auto& [item, weight] : Fill(b, random, 3'000)) truth[item] += weight;
    CheckBounds(MergeTop(a.Top(), b.Top(), 50), truth, a.total() / 50 + b.total() / 50);
  }
}

}  // namespace
}  // namespace foreshard::router

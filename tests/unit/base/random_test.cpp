#include "base/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

namespace foreshard {
namespace {

TEST(Random, ASeedGivesTheSameBitsEverywhere) {
  Random random(1);
  EXPECT_EQ(random.Next(), 12966619160104079557ULL);
  EXPECT_EQ(random.Next(), 9600361134598540522ULL);
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  Random random(7);
  std::array<int, 5> seen{};
  for (int i = 0; i < 5'000; ++i) seen.at(random.Below(5))++;
  for (const int count : seen) EXPECT_NEAR(count, 1'000, 150);
}

TEST(Random, BetweenCoversTheWholeSignedRange) {
  Random random(7);
  bool negative = false;
  bool positive = false;
  for (int i = 0; i < 100; ++i) {
    const std::int64_t value = random.Between(INT64_MIN, INT64_MAX);
    (value < 0 ? negative : positive) = true;
  }
  EXPECT_TRUE(negative && positive);
  EXPECT_EQ(random.Between(-3, -3), -3);
}

TEST(Random, NormalHasItsMoments) {
  Random random(11);
  double sum = 0;
  double squares = 0;
  constexpr int kCount = 20'000;
  for (int i = 0; i < kCount; ++i) {
    const double value = random.Normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.03);
  EXPECT_NEAR(squares / kCount, 1.0, 0.05);
}

TEST(Random, WeightedNeverPicksAZeroWeight) {
  Random random(3);
  const std::array<double, 4> weights = {0.0, 1.0, 0.0, 3.0};
  std::array<int, 4> seen{};
  for (int i = 0; i < 4'000; ++i) seen.at(random.Weighted(weights))++;
  EXPECT_EQ(seen[0] + seen[2], 0);
  EXPECT_NEAR(seen[3], 3'000, 150);
}

TEST(Random, IdsHaveNoVowelsAndDoNotRepeat) {
  Random random(5);
  std::set<std::string> ids;
  for (int i = 0; i < 200; ++i) {
    const std::string id = RandomId(random, 6);
    EXPECT_EQ(id.find_first_of("aeioul01"), std::string::npos) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 200u);
}

}  // namespace
}  // namespace foreshard

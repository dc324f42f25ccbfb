#include "router/reservoir.h"

#include <gtest/gtest.h>

#include <map>

namespace foreshard::router {
namespace {

void Offer(Reservoir& reservoir, const std::string& key, double weight, Random& random) {
  std::size_t place = 0;
  if (reservoir.Offer(weight, random, &place)) reservoir.Put(place, key);
}

TEST(Reservoir, KeepsAllWhileThereIsRoom) {
  Reservoir reservoir;
  Random random(1);
  for (int i = 0; i < 100; ++i) Offer(reservoir, std::to_string(i), 1, random);
  EXPECT_EQ(reservoir.keys().size(), 100U);
  EXPECT_EQ(reservoir.total_weight(), 100);
  Offer(reservoir, "x", 0, random);
  EXPECT_EQ(reservoir.offered(), 100U);
}

// Items of weight 4 must hold four times the places of items of weight 1, within the noise of 200
// runs.
TEST(Reservoir, PlacesAreProportionalToWeight) {
  std::map<std::string, int> places;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Reservoir reservoir;
    Random random(seed);
    for (int i = 0; i < 40'000; ++i)
      Offer(reservoir, i % 2 == 0 ? "heavy" : "light", i % 2 == 0 ? 4 : 1, random);
    EXPECT_EQ(reservoir.keys().size(), Reservoir::kCapacity);
    for (const std::string& key : reservoir.keys()) ++places[key];
  }
  const double ratio = static_cast<double>(places["heavy"]) / places["light"];
  EXPECT_GT(ratio, 3.7);
  EXPECT_LT(ratio, 4.3);
}

// Early and late items have the same chance.
TEST(Reservoir, DoesNotPreferEarlyOrLate) {
  std::map<bool, int> early;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Reservoir reservoir;
    Random random(seed);
    for (int i = 0; i < 4'000; ++i) Offer(reservoir, i < 2'000 ? "early" : "late", 1, random);
    for (const std::string& key : reservoir.keys()) ++early[key == "early"];
  }
  const double share = static_cast<double>(early[true]) / (early[true] + early[false]);
  EXPECT_NEAR(share, 0.5, 0.02);
}

TEST(Reservoir, MergesInProportionToTotals) {
  int from_heavy = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    Reservoir heavy;
    Reservoir light;
    for (int i = 0; i < 1'000; ++i) {
      Offer(heavy, "heavy", 3, random);
      Offer(light, "light", 1, random);
    }
    heavy.Merge(light, random);
    EXPECT_EQ(heavy.keys().size(), Reservoir::kCapacity);
    EXPECT_EQ(heavy.total_weight(), 4'000);
    for (const std::string& key : heavy.keys()) from_heavy += key == "heavy" ? 1 : 0;
  }
  EXPECT_NEAR(from_heavy / (200.0 * Reservoir::kCapacity), 0.75, 0.02);
  Random random(1);
  Reservoir small = Reservoir::FromParts({"a"}, 5, 1);
  small.Merge(Reservoir::FromParts({"b"}, 7, 2), random);
  EXPECT_EQ(small.keys(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(small.offered(), 3U);
}

}  // namespace
}  // namespace foreshard::router

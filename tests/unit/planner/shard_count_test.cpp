#include "planner/shard_count.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/random.h"

namespace foreshard::planner {
namespace {

TEST(ShardCount, TimeAndAverageEqualHandComputedValues) {
  const CountOptions options{
      .full_move_slots = 12, .streams_per_shard = 6, .concurrent_streams_max = 6};
  EXPECT_DOUBLE_EQ(ChangeSlots(options, 2, 2), 0);
  EXPECT_DOUBLE_EQ(ChangeSlots(options, 2, 3), 12.0 / 6 * (1 - 2.0 / 3));
  EXPECT_DOUBLE_EQ(ChangeSlots(options, 3, 2), ChangeSlots(options, 2, 3));
  EXPECT_DOUBLE_EQ(EffectiveShards(2, 4, 0), 2);
  EXPECT_DOUBLE_EQ(EffectiveShards(2, 4, 1), 4);
  EXPECT_DOUBLE_EQ(EffectiveShards(2, 4, 0.5), 1 / (0.5 + 0.5 * (0.25 - 0.5)));
  EXPECT_DOUBLE_EQ(AverageShards(3, 4), 4);
  EXPECT_DOUBLE_EQ(AverageShards(2, 6), 5);
  for (int a = 1; a <= 9; ++a) {
    for (int b = 1; b <= 9; ++b)
      EXPECT_DOUBLE_EQ(AverageShards(a, b), AverageShards(b, a)) << a << ' ' << b;
  }
}

TEST(ShardCount, KeepsTheCountWhileDemandFits) {
  const CountPlan plan = PlanShardCount(std::vector<double>(12, 1.8),
                                        {.shards = 2, .max_shards = 6, .full_move_slots = 6});
  EXPECT_TRUE(plan.feasible);
  EXPECT_EQ(plan.shards, 2);
  EXPECT_EQ(plan.first_slot, -1);
}

TEST(ShardCount, GrowsInTimeAndAsLateAsPossible) {
  std::vector<double> demand(12, 1.5);
  for (std::size_t t = 8; t < demand.size(); ++t) demand[t] = 2.7;
  const CountOptions options{
      .shards = 2, .max_shards = 6, .full_move_slots = 36, .concurrent_streams_max = 6};
  const CountPlan plan = PlanShardCount(demand, options);
  ASSERT_TRUE(plan.feasible);
  EXPECT_EQ(plan.shards, 3);
  ASSERT_GE(plan.first_slot, 0);
  const double length = std::ceil(ChangeSlots(options, 2, 3));
  EXPECT_LE(plan.first_slot + length, 8) << "the change is complete when the demand comes";
  EXPECT_GE(plan.first_slot + length, 7) << "and not much earlier: a shard costs";
}

TEST(ShardCount, SaysWhenNothingHelpsInTime) {
  const CountPlan plan =
      PlanShardCount({5, 5, 5}, {.shards = 2, .max_shards = 8, .full_move_slots = 60});
  EXPECT_FALSE(plan.feasible);
  EXPECT_EQ(plan.shards, 5) << "grow to what the peak needs at once";
  EXPECT_EQ(plan.first_slot, 0);
}

// Every way through the slots, tried one after the other.
double CheapestByTrying(const std::vector<double>& demand, const CountOptions& options,
                        int final_count) {
  const int slots = static_cast<int>(demand.size());
  const std::function<double(int, int)> rest = [&](int slot, int count) -> double {
    if (slot == slots) return count == final_count ? 0 : INFINITY;
    double best = INFINITY;
    for (int after = options.min_shards; after <= options.max_shards; ++after) {
      const double time = ChangeSlots(options, count, after);
      const int length = std::max(1, static_cast<int>(std::ceil(time)));
      if (slot + length > slots) continue;
      bool fits = true;
      for (int i = 0; i < length; ++i) {
        const double moved = static_cast<double>(after > count ? i : i + 1) / length;
        fits = fits && demand[static_cast<std::size_t>(slot + i)] <=
                           EffectiveShards(count, after, moved) + 1e-9;
      }
      if (!fits) continue;
      const double cost = after == count
                              ? count
                              : time * AverageShards(count, after) + options.price_per_change +
                                    (length - time) * std::max(count, after);
      best = std::min(best, cost + rest(slot + length, after));
    }
    return best;
  };
  return rest(0, options.shards);
}

TEST(ShardCount, EqualsExhaustiveSearch) {
  constexpr std::uint64_t kSeed = 17;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  int feasible = 0;
  for (int round = 0; round < 60; ++round) {
    std::vector<double> demand;
    for (int t = 0; t < 7; ++t) demand.push_back(1 + 3 * random.Unit());
    const CountOptions options{.shards = static_cast<int>(random.Between(1, 5)),
                               .min_shards = 1,
                               .max_shards = 5,
                               .full_move_slots = 1 + 20 * random.Unit(),
                               .price_per_change = 2 * random.Unit()};
    const CountPlan plan = PlanShardCount(demand, options);
    int smallest = 0;
    for (int count = 1; count <= 5 && smallest == 0; ++count) {
      if (CheapestByTrying(demand, options, count) < INFINITY) smallest = count;
    }
    ASSERT_EQ(plan.feasible, smallest > 0) << "round " << round;
    if (!plan.feasible) continue;
    ++feasible;
    EXPECT_EQ(plan.shards, smallest) << "round " << round;
    EXPECT_NEAR(plan.cost, CheapestByTrying(demand, options, smallest), 1e-9) << "round " << round;
  }
  EXPECT_GT(feasible, 10);
}

}  // namespace
}  // namespace foreshard::planner

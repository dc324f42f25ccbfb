#include "planner/planner_release.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "tests/unit/planner/problems.h"

// What may start, by how long moves really took.

namespace foreshard::planner {
namespace {

using model::PlanReason;

constexpr double kBytes = 50e6;

// Migrations of this size that took about as long as the priors say, more or less.
Memory Measured(std::uint64_t seed, double spread) {
  Random random(seed);
  Memory memory;
  const MovePriors priors;
  for (int i = 0; i < 30; ++i) {
    const double predicted = EstimateMoveTime(memory, priors, kBytes, true).p50_seconds;
    const double usual = EstimateMoveTime(Memory{}, priors, kBytes, true).p50_seconds;
    memory = Learn(memory, {.at = i,
                            .predicted_p50_seconds = predicted,
                            .actual_seconds = usual * std::exp(spread * random.Normal()),
                            .succeeded = true,
                            .bytes = kBytes,
                            .new_shard = true});
  }
  return memory;
}

// A move out of the first shard, with what was measured.
struct Asked {
  Problem problem = TwoShards();
  Trouble trouble{.shard = 0, .predicted = true, .breach_step = kHorizon};
  Candidate chosen{.source = 0};

  explicit Asked(const Memory& memory) {
    problem.memory = memory;
    chosen.bytes = kBytes;
    chosen.time = EstimateMoveTime(memory, MovePriors{}, kBytes, true);
  }
  // With bins in so many of which the forecast ends.
  PlanReason At(double horizon_seconds) {
    problem.bin_seconds = horizon_seconds / static_cast<double>(kHorizon);
    return WhatBlocks(problem, Options{}, trouble, chosen, Used{});
  }
};

// behaviour-20
TEST(PlannerRelease, TheForecastReachesAsFarAsNineOfTenMovesTook) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Asked asked(Measured(seed, 0.3));
    const MoveTime& time = asked.chosen.time;
    ASSERT_GT(time.p90_seconds, 1.05 * time.p80_seconds);
    EXPECT_EQ(asked.At(1.001 * time.p90_seconds), PlanReason::kNone);
    EXPECT_EQ(asked.At(0.999 * time.p90_seconds), PlanReason::kHorizonTooShort);
    EXPECT_EQ(asked.At(1.001 * time.p80_seconds), PlanReason::kHorizonTooShort)
        << "eight of ten are not enough";
    asked.trouble.measured = true;
    EXPECT_EQ(asked.At(0.5 * time.p90_seconds), PlanReason::kNone)
        << "what is measured needs no forecast";
  }
}

// behaviour-20
TEST(PlannerRelease, TheMoreMovesDifferTheFurtherItMustReach) {
  Asked steady(Measured(7, 0.05));
  Asked erratic(Measured(7, 0.6));
  const double between =
      std::sqrt(steady.chosen.time.p90_seconds * erratic.chosen.time.p90_seconds);
  ASSERT_LT(erratic.chosen.time.p50_seconds, between) << "half of its moves would end in time";
  EXPECT_EQ(steady.At(between), PlanReason::kNone);
  EXPECT_EQ(erratic.At(between), PlanReason::kHorizonTooShort);
}

// behaviour-20
TEST(PlannerRelease, NineOfTenMovesEndBeforeAFreezeWindow) {
  Asked asked(Measured(3, 0.3));
  asked.problem.bin_seconds = 1;
  for (Shard& shard : asked.problem.shards) shard.fan.steps.resize(10'000);
  const auto length = static_cast<model::BinIndex>(std::ceil(asked.chosen.time.p90_seconds / 1.0));
  const auto blocked = [&](model::BinIndex from) {
    asked.problem.frozen = {{.name = "payroll", .from = from, .to = from + 50}};
    return WhatBlocks(asked.problem, Options{}, asked.trouble, asked.chosen, Used{});
  };
  EXPECT_EQ(blocked(asked.problem.now + 1 + length), PlanReason::kNone);
  EXPECT_EQ(blocked(asked.problem.now + length), PlanReason::kFreezeWindow);
}

}  // namespace
}  // namespace foreshard::planner

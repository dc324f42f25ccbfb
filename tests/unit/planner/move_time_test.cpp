#include "planner/move_time.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.h"

namespace foreshard::planner {
namespace {

TEST(MoveTime, GrowsWithBytesAndANewShardAndIsOrdered) {
  const Memory memory;
  const MovePriors priors;
  const MoveTime small = EstimateMoveTime(memory, priors, 1e6, false);
  const MoveTime large = EstimateMoveTime(memory, priors, 1e9, false);
  EXPECT_LT(small.p50_seconds, small.p80_seconds);
  EXPECT_LT(small.p80_seconds, small.p90_seconds);
  EXPECT_NEAR(large.p50_seconds - small.p50_seconds, (1e9 - 1e6) / 20e6 + (1e9 - 1e6) / 40e6, 1e-6);
  EXPECT_NEAR(EstimateMoveTime(memory, priors, 1e6, true).p50_seconds - small.p50_seconds,
              priors.new_shard_seconds, 1e-6);
}

TEST(MoveTime, LearnsThatCopiesAreThreeTimesSlower) {
  constexpr std::uint64_t kSeed = 5;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  Memory memory;
  const MovePriors priors;
  MovePriors world = priors;
  world.copy_bytes_per_second /= 3;
  std::vector<double> errors;
  for (int i = 0; i < 20; ++i) {
    const double bytes = 1e9 * (1 + random.Unit());
    const double predicted = EstimateMoveTime(memory, priors, bytes, true).p50_seconds;
    const double actual = EstimateMoveTime(Memory{}, world, bytes, true).p50_seconds *
                          std::exp(0.1 * random.Normal());
    if (i >= 10) errors.push_back(std::abs(actual - predicted) / actual);
    memory = Learn(
        memory,
        {.at = i, .predicted_p50_seconds = predicted, .actual_seconds = actual, .succeeded = true});
  }
  std::nth_element(errors.begin(), errors.begin() + 5, errors.end());
  EXPECT_LT(errors[5], 0.2) << "median error after ten migrations";
}

TEST(MoveTime, AFailureIsCountedAndTeachesNoDuration) {
  const Memory before;
  const Memory after =
      Learn(before, {.at = 1, .predicted_p50_seconds = 0, .actual_seconds = 0, .succeeded = false});
  EXPECT_EQ(after.failed, 1);
  EXPECT_EQ(after.duration, before.duration);
}

}  // namespace
}  // namespace foreshard::planner

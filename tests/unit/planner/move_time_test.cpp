#include "planner/move_time.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
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

struct Truth {
  double copy = 1;   // times as slow as the prior
  double setup = 1;  // the same for what every move takes
  double least_bytes = 1e9;
  double most_bytes = 2e9;
};

// Relative errors of the predicted median, by the number of migrations that were seen before.
std::vector<double> ErrorsIn(const Truth& truth, std::uint64_t seed) {
  Random random(seed);
  Memory memory;
  const MovePriors priors;
  MovePriors world = priors;
  world.copy_bytes_per_second /= truth.copy;
  world.index_bytes_per_second /= std::sqrt(truth.copy);
  for (double* part : {&world.new_shard_seconds, &world.catch_up_seconds, &world.ready_seconds})
    *part *= truth.setup;
  std::vector<double> errors;
  for (int i = 0; i < 40; ++i) {
    const double bytes =
        truth.least_bytes * std::pow(truth.most_bytes / truth.least_bytes, random.Unit());
    const bool new_shard = random.Chance(0.7);
    const double predicted = EstimateMoveTime(memory, priors, bytes, new_shard).p50_seconds;
    const double actual = EstimateMoveTime(Memory{}, world, bytes, new_shard).p50_seconds *
                          std::exp(0.1 * random.Normal());
    errors.push_back(std::abs(actual - predicted) / actual);
    memory = Learn(memory, {.at = i,
                            .predicted_p50_seconds = predicted,
                            .actual_seconds = actual,
                            .succeeded = true,
                            .bytes = bytes,
                            .new_shard = new_shard});
  }
  return errors;
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Whatever the truth is: moves of one size or of four hundred times another, faster or slower.
TEST(MoveTime, LearnsATruthThatItDoesNotKnow) {
  fmt::print("copy x setup, bytes: median error of the first, after 10, after 20 migrations\n");
  for (const double copy : {0.5, 3.0, 4.0}) {
    for (const double setup : {1.0, 2.5}) {
      for (const auto& [least, most] : {std::pair{1e9, 2e9}, {2e8, 5e9}, {5e7, 2e10}}) {
        std::vector<double> first;
        std::vector<double> ten;
        std::vector<double> twenty;
        for (std::uint64_t seed = 1; seed <= 40; ++seed) {
          const std::vector<double> errors = ErrorsIn({copy, setup, least, most}, seed);
          first.push_back(errors[0]);
          ten.insert(ten.end(), errors.begin() + 10, errors.begin() + 20);
          twenty.insert(twenty.end(), errors.begin() + 20, errors.end());
        }
        fmt::print("{} x {}, {:.0e} to {:.0e}: {:.1f} %, {:.1f} %, {:.1f} %\n", copy, setup, least,
                   most, 100 * MedianOf(first), 100 * MedianOf(ten), 100 * MedianOf(twenty));
        EXPECT_LT(MedianOf(ten), 0.2);
        EXPECT_LT(MedianOf(twenty), 0.15);
        EXPECT_GT(MedianOf(first), MedianOf(twenty)) << "it falls";
      }
    }
  }
}

// A plan trusts p80, a constraint p90: so many of the moves to come are within them.
TEST(MoveTime, ItsQuantilesHoldAfterTwentyMigrations) {
  int within_80 = 0;
  int within_90 = 0;
  int all = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    Memory memory;
    const MovePriors priors;
    MovePriors world = priors;
    world.copy_bytes_per_second /= 3;
    for (int i = 0; i < 40; ++i) {
      const double bytes = 2e8 * std::pow(25, random.Unit());
      const MoveTime predicted = EstimateMoveTime(memory, priors, bytes, true);
      const double actual = EstimateMoveTime(Memory{}, world, bytes, true).p50_seconds *
                            std::exp(0.2 * random.Normal());
      if (i >= 20) {
        ++all;
        within_80 += actual <= predicted.p80_seconds ? 1 : 0;
        within_90 += actual <= predicted.p90_seconds ? 1 : 0;
      }
      memory = Learn(memory, {.at = i,
                              .predicted_p50_seconds = predicted.p50_seconds,
                              .actual_seconds = actual,
                              .succeeded = true,
                              .bytes = bytes,
                              .new_shard = true});
    }
  }
  EXPECT_NEAR(static_cast<double>(within_80) / all, 0.8, 0.1);
  EXPECT_NEAR(static_cast<double>(within_90) / all, 0.9, 0.08);
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

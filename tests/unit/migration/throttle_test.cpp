#include "migration/throttle.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

using namespace std::chrono_literals;

constexpr double kMiB = 1024.0 * 1024;

MonotonicTime At(std::chrono::nanoseconds time) { return MonotonicTime(1h + time); }

TEST(Throttle, APulseThatTookLongCountsForThoseItKeptWaiting) {
  LatencyWindow window(10s);
  for (int i = 0; i < 16; ++i) window.Add(At(i * 50ms), 1ms);
  window.Add(At(800ms), 210ms);  // due meanwhile: four, with 160, 110, 60 and 10 ms left
  EXPECT_EQ(window.size(), 21U);
  EXPECT_EQ(window.Quantile(0.95, 1), 160ms);
  EXPECT_EQ(window.Quantile(0.5, 1), 1ms);
  EXPECT_FALSE(window.Quantile(0.5, 22)) << "too few to say";
}

TEST(Throttle, AWindowForgetsWhatIsOlder) {
  LatencyWindow window(1s);
  window.Add(At(0s), 40ms);
  window.Add(At(1'001ms), 1ms);
  EXPECT_EQ(window.size(), 1U);
  EXPECT_EQ(window.Quantile(0.95, 1), 1ms);
}

ShardPressure Shard(std::chrono::microseconds idle, std::chrono::microseconds busy) {
  return {.idle = idle, .busy = busy};
}

TEST(Throttle, ClientsWaitWhenAPulseTakesHalfAgainAsLongAndAtLeastFiveMillisecondsMore) {
  const auto why = [](std::chrono::microseconds idle, std::chrono::microseconds busy) {
    return WhySlower({.source = Shard(idle, busy), .destination = {}});
  };
  EXPECT_EQ(why(2ms, 6'900us), ThrottleCause::kNone);
  EXPECT_EQ(why(2ms, 7'100us), ThrottleCause::kSourceLatency);
  EXPECT_EQ(why(20ms, 29ms), ThrottleCause::kNone);
  EXPECT_EQ(why(20ms, 31ms), ThrottleCause::kSourceLatency);
}

TEST(Throttle, EachSignHasItsName) {
  ThrottleView seen{.source = Shard(2ms, 2ms), .destination = Shard(2ms, 50ms)};
  EXPECT_EQ(WhySlower(seen), ThrottleCause::kDestinationLatency);
  seen.destination.has_clients = false;
  EXPECT_EQ(WhySlower(seen), ThrottleCause::kNone) << "nobody is there to wait";
  seen.destination.replica_lag = 6s;
  EXPECT_EQ(WhySlower(seen), ThrottleCause::kReplicaLag);
  seen.source.retained_of_fuse = 0.3;
  EXPECT_EQ(WhySlower(seen), ThrottleCause::kRetainedWal);
  seen.source.disk_free = 0.05;
  EXPECT_EQ(WhySlower(seen), ThrottleCause::kDiskFull);
  EXPECT_EQ(WhySlower({}), ThrottleCause::kNone) << "nothing is known: nothing is guessed";
}

TEST(Throttle, TheRateDoublesUntilTheFirstSignAndCreepsAfterIt) {
  Rate rate = FirstRate(std::int64_t{1} << 40);
  EXPECT_EQ(rate.floor, kThrottleFloorMost);
  const double first = rate.bytes_per_second;
  rate = NextRate(rate, ThrottleCause::kNone);
  EXPECT_EQ(rate.bytes_per_second, first * 2);
  rate.bytes_per_second = 64 * kMiB;
  rate = NextRate(rate, ThrottleCause::kSourceLatency);
  EXPECT_EQ(rate.bytes_per_second, 32 * kMiB);
  for (int i = 0; i < kThrottleRest; ++i) {
    rate = NextRate(rate, ThrottleCause::kSourceLatency);
    EXPECT_EQ(rate.bytes_per_second, 32 * kMiB) << "what is measured still belongs to the old rate";
  }
  for (int i = 0; i < 4; ++i) rate = NextRate(rate, ThrottleCause::kNone);
  EXPECT_NEAR(rate.bytes_per_second / kMiB, 32 * 1.1, 0.2) << "ten percent in two seconds";
}

TEST(Throttle, NeverBelowTheFloorAndNeverWithoutAnEnd) {
  Rate rate = FirstRate(1);
  EXPECT_EQ(rate.floor, kThrottleFloor);
  for (int i = 0; i < 100; ++i) rate = NextRate(rate, ThrottleCause::kSourceLatency);
  EXPECT_EQ(rate.bytes_per_second, kThrottleFloor);
  for (int i = 0; i < 10'000; ++i) rate = NextRate(rate, ThrottleCause::kNone);
  EXPECT_EQ(rate.bytes_per_second, kThrottleMost);
}

TEST(Throttle, ASmallMoveEndsInItsTimeOnABusyShard) {
  const std::int64_t bytes = 30 << 20;
  Rate rate = FirstRate(bytes);
  double copied = 0;
  int decisions = 0;
  for (; copied < static_cast<double>(bytes); ++decisions) {
    copied += rate.bytes_per_second * std::chrono::duration<double>(kThrottleStep).count();
    rate = NextRate(rate, ThrottleCause::kSourceLatency);
  }
  EXPECT_LE(decisions * kThrottleStep, kThrottlePatience);
}

TEST(Throttle, TheBucketGivesBytesAtItsRateWhoeverAsks) {
  TokenBucket bucket(kMiB);
  EXPECT_EQ(bucket.Take(At(0s), kMiB), 1s);
  EXPECT_EQ(bucket.Take(At(0s), kMiB), 2s) << "behind the first";
  EXPECT_EQ(bucket.Take(At(2s), 0), 0s);
  bucket.SetRate(At(2s), 2 * kMiB);
  EXPECT_EQ(bucket.Take(At(2s), kMiB), 500ms);
  // An hour of rest is worth twenty milliseconds.
  EXPECT_EQ(bucket.Take(At(1h), 2 * kMiB), 980ms);
}

TEST(Throttle, AStatementHandlesWhatNobodyNotices) {
  EXPECT_EQ(PagesPerSlice(1 * kMiB, 8'192), 8);
  EXPECT_EQ(PagesPerSlice(64 * kMiB, 8'192), 204);
  EXPECT_EQ(PagesPerSlice(kThrottleMost * 4, 8'192), 8'192);
}

}  // namespace
}  // namespace foreshard::migration

#include "migration/throttle.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace foreshard::migration {
namespace {

using std::chrono_literals::operator""ms;

constexpr std::chrono::milliseconds kBurst = 20ms;  // of the rate: unused time is worth no more
constexpr std::chrono::milliseconds kSlice = 25ms;  // of the rate
constexpr std::int64_t kSlicePagesLeast = 8;
constexpr std::int64_t kSlicePagesMost = 8'192;

double SecondsOf(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

bool Waits(const ShardPressure& shard) {
  if (!shard.has_clients || !shard.idle || !shard.busy) return false;
  const auto factor = std::chrono::duration<double, std::micro>(*shard.idle) * kLatencyFactor;
  const auto margin = std::chrono::duration<double, std::micro>(*shard.idle + kLatencyMargin);
  return *shard.busy > std::max(factor, margin);
}

}  // namespace

const char* ToString(ThrottleCause cause) {
  switch (cause) {
    case ThrottleCause::kNone:
      return "none";
    case ThrottleCause::kSourceLatency:
      return "source_latency";
    case ThrottleCause::kDestinationLatency:
      return "destination_latency";
    case ThrottleCause::kReplicaLag:
      return "replica_lag";
    case ThrottleCause::kRetainedWal:
      return "retained_wal";
    case ThrottleCause::kDiskFull:
      return "disk_full";
  }
  Unreachable(cause);
}

void LatencyWindow::Add(MonotonicTime due, std::chrono::nanoseconds took) {
  samples_.emplace_back(due, took);
  for (auto left = took - kPulseEvery; left > std::chrono::nanoseconds(0); left -= kPulseEvery) {
    due += kPulseEvery;
    samples_.emplace_back(due, left);
  }
  while (!samples_.empty() && samples_.back().first - samples_.front().first > span_) {
    samples_.pop_front();
  }
}

std::optional<std::chrono::microseconds> LatencyWindow::Quantile(double quantile,
                                                                 std::size_t least) const {
  if (samples_.empty() || samples_.size() < least) return std::nullopt;
  std::vector<std::chrono::nanoseconds> sorted;
  for (const auto& [due, took] : samples_) sorted.push_back(took);
  std::sort(sorted.begin(), sorted.end());
  const auto rank = static_cast<std::size_t>(quantile * static_cast<double>(sorted.size()));
  return std::chrono::duration_cast<std::chrono::microseconds>(
      sorted[std::min(rank, sorted.size() - 1)]);
}

ThrottleCause WhySlower(const ThrottleView& seen) {
  for (const ShardPressure* shard : {&seen.source, &seen.destination}) {
    if (shard->disk_free < kDiskFreeLeast) return ThrottleCause::kDiskFull;
    if (shard->retained_of_fuse > kRetainedMax) return ThrottleCause::kRetainedWal;
    if (shard->replica_lag > kReplicaLagMax) return ThrottleCause::kReplicaLag;
  }
  if (Waits(seen.source)) return ThrottleCause::kSourceLatency;
  if (Waits(seen.destination)) return ThrottleCause::kDestinationLatency;
  return ThrottleCause::kNone;
}

Rate FirstRate(std::int64_t bytes) {
  Rate rate;
  rate.floor = std::clamp(static_cast<double>(bytes) / SecondsOf(kThrottlePatience), kThrottleFloor,
                          kThrottleFloorMost);
  rate.bytes_per_second = std::max(kThrottleStart, rate.floor);
  return rate;
}

Rate NextRate(const Rate& now, ThrottleCause cause) {
  Rate next = now;
  if (now.rest > 0) {
    --next.rest;
    return next;
  }
  if (cause != ThrottleCause::kNone) {
    next.probing = false;
    next.rest = kThrottleRest;
    next.bytes_per_second = std::max(now.floor, now.bytes_per_second / 2);
    return next;
  }
  const double growth = now.probing ? 2 : kThrottleGrowth;
  next.bytes_per_second = std::min(kThrottleMost, now.bytes_per_second * growth);
  return next;
}

void TokenBucket::Fill(MonotonicTime now) {
  if (filled_ && now > *filled_) {
    level_ = std::min(level_ + rate_ * SecondsOf(now - *filled_), rate_ * SecondsOf(kBurst));
  }
  if (!filled_ || now > *filled_) filled_ = now;
}

std::chrono::nanoseconds TokenBucket::Take(MonotonicTime now, double bytes) {
  Fill(now);
  level_ -= bytes;
  if (level_ >= 0) return std::chrono::nanoseconds(0);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
      std::chrono::duration<double>(-level_ / rate_));
}

void TokenBucket::SetRate(MonotonicTime now, double bytes_per_second) {
  CHECK(bytes_per_second > 0, "a rate of nothing never ends");
  Fill(now);
  rate_ = bytes_per_second;
}

std::int64_t PagesPerSlice(double bytes_per_second, std::int64_t page_bytes) {
  CHECK(page_bytes > 0, "pages have a size");
  const auto pages = static_cast<std::int64_t>(bytes_per_second * SecondsOf(kSlice) /
                                               static_cast<double>(page_bytes));
  return std::clamp(pages, kSlicePagesLeast, kSlicePagesMost);
}

}  // namespace foreshard::migration

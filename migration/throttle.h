#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/clock.h"

// How fast may a copy, a digest or a delete go while clients use the shards? Decided from what was
// measured; no I/O, no clock. The hands are in mover_throttle.h.
//
// A copy is a guest in somebody's house: it starts softly, walks faster as long as nobody notices,
// and at the first sign that clients wait it goes down to half. It never stands still: a move that
// does not end helps nobody, so there is a floor.

namespace foreshard::migration {

inline constexpr double kThrottleStart = 2.0 * 1024 * 1024;  // bytes of heap a second
inline constexpr double kThrottleMost = 4.0 * 1024 * 1024 * 1024;
inline constexpr double kThrottleFloor = 1.0 * 1024 * 1024;
// A small move is over within this time even on a busy shard; for that the floor rises, up to a
// limit.
inline constexpr std::chrono::seconds kThrottlePatience{12};
inline constexpr double kThrottleFloorMost = 6.0 * 1024 * 1024;
inline constexpr std::chrono::milliseconds kThrottleStep{500};  // between two decisions
inline constexpr int kThrottleRest = 2;  // decisions after a cut that still see the old rate
inline constexpr double kThrottleGrowth = 1.025;  // a decision: ten percent in two seconds
inline constexpr std::chrono::milliseconds kPulseEvery{50};
inline constexpr std::chrono::milliseconds kPulseWindow{1'000};
inline constexpr std::chrono::milliseconds kIdleWindow{10'000};
inline constexpr std::size_t kIdlePulses = 40;
inline constexpr double kLatencyFactor = 1.5;
inline constexpr std::chrono::microseconds kLatencyMargin{5'000};  // below it nothing is noticed
inline constexpr std::chrono::seconds kReplicaLagMax{5};
inline constexpr double kRetainedMax = 0.25;  // of max_slot_wal_keep_size
inline constexpr double kDiskFreeLeast = 0.10;
inline constexpr std::chrono::minutes kFloorTooLong{10};  // then people are told

enum class ThrottleCause {
  kNone,
  kSourceLatency,
  kDestinationLatency,
  kReplicaLag,
  kRetainedWal,
  kDiskFull,
};

// All but kNone.
inline constexpr std::array kThrottleCauses = {
    ThrottleCause::kSourceLatency, ThrottleCause::kDestinationLatency, ThrottleCause::kReplicaLag,
    ThrottleCause::kRetainedWal, ThrottleCause::kDiskFull};

const char* ToString(ThrottleCause cause);

// Round trips of the last `span`, in the order in which they were due.
class LatencyWindow {
 public:
  explicit LatencyWindow(std::chrono::milliseconds span) : span_(span) {}

  // A pulse that took longer than the distance between two hid those that were due meanwhile: they
  // count too, each with what was left to wait.
  void Add(MonotonicTime due, std::chrono::nanoseconds took);
  // Nothing while there are fewer than `least`.
  std::optional<std::chrono::microseconds> Quantile(double quantile, std::size_t least) const;
  std::size_t size() const { return samples_.size(); }
  void Clear() { samples_.clear(); }

 private:
  std::chrono::milliseconds span_;
  std::deque<std::pair<MonotonicTime, std::chrono::nanoseconds>> samples_;
};

// What the clients of one shard may feel.
struct ShardPressure {
  std::optional<std::chrono::microseconds> idle;  // 95th percentile before the work began
  std::optional<std::chrono::microseconds> busy;  // the same, of the last second of work
  std::chrono::milliseconds replica_lag{0};       // of the slowest physical standby
  double retained_of_fuse = 0;                    // WAL kept for standbys, of what may be kept
  double disk_free = 1;                           // share of the file system
  bool has_clients = true;                        // latency there is somebody's
};

struct ThrottleView {
  ShardPressure source;
  ShardPressure destination;
};

ThrottleCause WhySlower(const ThrottleView& seen);

struct Rate {
  double bytes_per_second = kThrottleStart;
  double floor = kThrottleFloor;
  bool probing = true;  // nothing was noticed yet: doubles
  int rest = 0;         // decisions to leave it alone
  bool operator==(const Rate&) const = default;
};

// Where a piece of work of that size begins.
Rate FirstRate(std::int64_t bytes);
// One decision, every kThrottleStep.
Rate NextRate(const Rate& now, ThrottleCause cause);

// Bytes to be used at a rate. Whoever takes more than there is waits for it; the next one waits
// behind.
class TokenBucket {
 public:
  explicit TokenBucket(double bytes_per_second) : rate_(bytes_per_second) {}

  // How long to wait before the bytes may be used.
  std::chrono::nanoseconds Take(MonotonicTime now, double bytes);
  void SetRate(MonotonicTime now, double bytes_per_second);

 private:
  void Fill(MonotonicTime now);

  double rate_;
  double level_ = 0;  // negative: promised already
  std::optional<MonotonicTime> filled_;
};

// How much one statement should handle, so that it is over before a client notices.
std::int64_t PagesPerSlice(double bytes_per_second, std::int64_t page_bytes);

}  // namespace foreshard::migration

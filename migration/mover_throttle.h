#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>

#include "migration/phase.h"
#include "migration/spec.h"
#include "migration/throttle.h"

// The hands of throttle.h: one bucket for all that the mover's threads read and write in bulk, and
// pulses that feel what clients feel.
//
// Threads: any.

namespace foreshard::migration {

struct Work;

class Throttle {
 public:
  Throttle(const Clock& clock, bool new_destination)
      : clock_(clock), new_destination_(new_destination), bucket_(kThrottleStart) {}

  // The phase the mover is in: whether pulses are wanted, and whose latency counts.
  void SetPhase(Phase phase);
  bool wants_pulses() const;

  // A piece of bulk work begins. Waits a little until it is known how quick the shards are without
  // it. False: the process ends.
  bool Begin(std::int64_t bytes, const std::stop_token& stop);
  void End();

  // Waits until `bytes` may be read or written. False: the process ends.
  bool Take(std::int64_t bytes, const std::stop_token& stop);
  std::int64_t SlicePages(std::int64_t page_bytes) const;

  // --- from the pulses
  void AddPulse(Side side, MonotonicTime due, std::chrono::nanoseconds took);
  struct Health {
    std::chrono::milliseconds replica_lag{0};
    double retained_of_fuse = 0;
    double disk_free = 1;
  };
  void SetHealth(Side side, const Health& health);
  // One decision, when it is due.
  void Step();

  struct Seen {
    double bytes_per_second = 0;  // 0: no work
    std::chrono::nanoseconds waited{0};
    std::array<std::chrono::nanoseconds, kThrottleCauses.size() + 1> slowed{};  // by cause
    ThrottleCause cause = ThrottleCause::kNone;
    bool too_long = false;  // at the floor for ten minutes
  };
  Seen seen() const;

 private:
  struct ShardState {
    LatencyWindow idle{kIdleWindow};
    LatencyWindow busy{kPulseWindow};
    Health health;
  };
  ShardPressure PressureOf(const ShardState& shard, bool has_clients) const;

  const Clock& clock_;
  const bool new_destination_;
  mutable std::mutex mutex_;
  Phase phase_ = Phase::kPlanned;
  bool beginning_ = false;  // waits for pulses without work
  bool working_ = false;
  Rate rate_;
  TokenBucket bucket_;
  ShardState source_;
  ShardState destination_;
  std::optional<MonotonicTime> decided_;
  std::optional<MonotonicTime> floor_since_;
  Seen seen_;
};

// Says "I work in bulk now" for as long as it lives.
class BulkWork {
 public:
  // `throttle` may be null: then nothing is held back.
  BulkWork(Throttle* throttle, std::int64_t bytes, const std::stop_token& stop)
      : throttle_(throttle) {
    if (throttle_ != nullptr) throttle_->Begin(bytes, stop);
  }
  ~BulkWork() {
    if (throttle_ != nullptr) throttle_->End();
  }
  BulkWork(const BulkWork&) = delete;
  BulkWork& operator=(const BulkWork&) = delete;

 private:
  Throttle* throttle_;
};

// Until stopped: a small commit on `side` every 50 ms while it is wanted, and every second a look
// at its standbys, its WAL and its disk.
void RunPulses(const Work& work, Side side);

}  // namespace foreshard::migration

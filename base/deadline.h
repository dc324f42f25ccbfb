#pragma once

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace foreshard {

// A point on the monotonic clock by which a call must have ended. Every I/O call takes one.
class Deadline {
 public:
  static Deadline At(MonotonicTime time) { return Deadline(time); }
  static Deadline After(const Clock& clock, std::chrono::nanoseconds duration) {
    return Deadline(clock.Monotonic() + duration);
  }

  MonotonicTime time() const { return time_; }
  bool Passed(const Clock& clock) const { return clock.Monotonic() >= time_; }

  // Never negative.
  std::chrono::milliseconds Remaining(const Clock& clock) const {
    const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(time_ - clock.Monotonic());
    return std::max(rest, std::chrono::milliseconds(0));
  }

  // The earlier of this one and `limit` from now: a step's own limit inside the caller's.
  Deadline Within(const Clock& clock, std::chrono::nanoseconds limit) const {
    return Deadline(std::min(time_, clock.Monotonic() + limit));
  }

 private:
  explicit Deadline(MonotonicTime time) : time_(time) {}

  MonotonicTime time_;
};

}  // namespace foreshard

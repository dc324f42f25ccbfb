#pragma once

#include "base/clock.h"

// A clock that moves when told. Does not imitate: a wall clock that drifts from the monotonic one
// on its own.

namespace foreshard::fakes {

class FakeClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override { return monotonic_; }
  WallTime Wall() const override { return wall_; }

  void Advance(std::chrono::nanoseconds duration) {
    monotonic_ += duration;
    wall_ += std::chrono::duration_cast<std::chrono::microseconds>(duration);
  }
  void JumpWall(std::chrono::microseconds by) { wall_ += by; }

 private:
  MonotonicTime monotonic_{std::chrono::seconds(1'000)};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

}  // namespace foreshard::fakes

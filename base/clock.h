#pragma once

#include <chrono>
#include <optional>
#include <string>

// Time is an input. Production passes SystemClock; tests and the simulator pass one that moves when told
// (tests/fakes/fake_clock.h). The only file that may call *_clock::now() is base/clock.cpp.

namespace foreshard {

using MonotonicTime = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicTime Monotonic() const = 0;  // for deadlines, leases, durations
  virtual WallTime Wall() const = 0;            // for people, certificates, time series
};

// Threads: any.
class SystemClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override;
  WallTime Wall() const override;
};

// RFC 3339 in UTC with seconds, as Kubernetes writes times: "2026-05-01T09:10:00Z".
std::string FormatRfc3339(WallTime time);
// The same with microseconds, for Lease and MicroTime fields.
std::string FormatRfc3339Micros(WallTime time);
// Both forms, in UTC ("Z"). Nothing for any other text.
std::optional<WallTime> ParseRfc3339(const std::string& text);

}  // namespace foreshard

#include "base/clock.h"

#include <fmt/format.h>

#include <ctime>

namespace foreshard {

namespace {

std::string FormatSeconds(WallTime time) {
  const std::time_t seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace

MonotonicTime SystemClock::Monotonic() const {
  return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now());
}

WallTime SystemClock::Wall() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string FormatRfc3339(WallTime time) { return FormatSeconds(time) + "Z"; }

std::string FormatRfc3339Micros(WallTime time) {
  const auto micros = time.time_since_epoch().count() % 1'000'000;
  return fmt::format("{}.{:06}Z", FormatSeconds(time), micros);
}

}  // namespace foreshard

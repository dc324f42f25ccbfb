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

std::optional<WallTime> ParseRfc3339(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  std::int64_t micros = 0;
  if (*rest == '.') {
    std::int64_t unit = 100'000;
    for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) micros += (*rest - '0') * unit;
  }
  if (rest[0] != 'Z' || rest[1] != '\0') return std::nullopt;
  const std::int64_t seconds = timegm(&parts);
  return WallTime(std::chrono::microseconds(seconds * 1'000'000 + micros));
}

}  // namespace foreshard

#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace foreshard::op {

inline constexpr std::string_view kMigrationFinalizer = "foreshard.dev/migration";

// From `text` (RFC 3339) until `now`; nothing if `text` is no time. A clock that jumped back gives
// 0.
inline std::optional<std::chrono::milliseconds> SinceTime(WallTime now, const std::string& text) {
  const auto then = ParseRfc3339(text);
  if (!then) return std::nullopt;
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now - *then);
  return std::max(since, std::chrono::milliseconds(0));
}

}  // namespace foreshard::op

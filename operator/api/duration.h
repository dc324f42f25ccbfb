#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace foreshard::op {

// "500ms", "90s", "5m", "2h", "28d", "1h30m". Errors: kGiveUp naming the text.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);

// The shortest such text: 5400 s is "1h30m".
std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace foreshard::op

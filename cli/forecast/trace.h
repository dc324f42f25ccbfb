#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/load.h"

// Traces as files: a header row, then `timestamp,value` in UTC, ascending.

namespace foreshard::cli {

struct TraceSample {
  std::int64_t at = 0;  // seconds since 1970
  double value = 0;
};

// "2026-05-01T09:10:00Z", with or without Z, T or a space, seconds optional; or seconds since 1970.
// Errors: kGiveUp.
Result<std::int64_t> ParseTimestamp(std::string_view text);

// Errors: kGiveUp "line N: reason" for text where a number should be, a negative or not finite
// value, times that go back, repeat (but for the hour of an autumn clock change in an hourly trace)
// or leave out more than a year, a row without two fields, nothing at all.
Result<std::vector<TraceSample>> ParseTrace(std::string_view text);

// Means by bin of the larger of `bin` and the trace's own step; a bin with under 60 % of its
// samples is missing.
model::DemandSeries BinTrace(const std::vector<TraceSample>& samples, std::chrono::seconds bin);

// "90s", "5m", "2h", "8d". Errors: kGiveUp.
Result<std::chrono::seconds> ParseDuration(std::string_view text);

// The whole file. Errors: kGiveUp with the path and the reason.
Result<std::string> ReadFile(const std::string& path);

}  // namespace foreshard::cli

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// What the mover tells the controller: `progress` of the destination's row, and the message of a
// preflight.

namespace foreshard::migration {

// A phase of the mover is finished when `phase` and `record` are those of the status. The record
// (token >> 20) keeps the mark of an earlier visit of the same phase from counting.
struct Done {
  std::string phase{};
  std::int64_t record = 0;
  bool operator==(const Done&) const = default;
};

// No repetition helps. The controller aborts, or in Soaking and later shows it.
struct Failure {
  std::string phase{};
  std::int64_t record = 0;
  std::string reason{};  // CamelCase
  std::string message{};
  bool operator==(const Failure&) const = default;
};

struct Progress {
  std::optional<Done> done;
  std::optional<Failure> failure;
  std::string waiting{};  // reason why the phase does not go on, "" : it does
  std::int64_t copied_rows = 0;
  std::int64_t total_rows = 0;  // estimate
  std::int64_t copied_bytes = 0;
  std::int64_t total_bytes = 0;  // estimate
  std::int64_t copy_rows_per_second = 0;  // over the last minute; 0: not known
  std::int64_t copy_seconds_left = -1;    // at that speed; -1: not known
  std::int64_t lag_millis =
      -1;  // last probe, forward stream (reverse stream in Soaking); -1: not measured
  std::int64_t lag_p99_millis = -1;    // over the last 30 s
  std::int64_t lag_last3_millis = -1;  // largest of the last three probes
  std::int64_t verified_buckets = 0;
  bool digest_equal = false;      // of the newest Verifying or Soaking pass
  std::string source_identity{};  // "system/timeline" at slot creation
  std::string destination_identity{};
  bool operator==(const Progress&) const = default;
};

Result<Progress> ParseProgress(
    std::string_view json);  // unknown fields are kept out, missing ones keep their default
std::string ToJson(const Progress& progress);

// Termination message of the container `preflight` (at most 4,096 bytes).
struct PreflightResult {
  bool passed = false;
  bool skipped = false;  // the rows exist already: a mover that was started again
  std::string reason{};  // CamelCase, when not passed
  std::string message{};
  std::int64_t rows = 0;  // of K, estimate
  std::int64_t bytes = 0;
  std::int64_t duration_seconds = 0;
  std::int64_t p80_duration_seconds = 0;
  bool operator==(const PreflightResult&) const = default;
};

Result<PreflightResult> ParsePreflightResult(std::string_view json);
std::string ToJson(const PreflightResult& result);

}  // namespace foreshard::migration

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

// Where a range that flips in place stands: all that the process which flips it knows, but for what
// is in the shards. One file, replaced by a rename before anything is done in a phase.

namespace foreshard::bench {

struct FlipState {
  std::int64_t record = 1;
  std::int32_t attempt = 0;
  std::string phase = "Ready";  // Ready, Cutover or Soaking
  bool forward = true;          // the flip under way goes from the first shard to the second
  int wanted = 1;               // flips; then it rests
  int flips = 0;                // that are over, the soak too
  int revoked = 0;              // attempts
  std::vector<std::int64_t> hold_millis{};  // from HOLD to RELEASE; one a cutover
};

// Errors: kGiveUp where there is none, or none that can be read.
Result<FlipState> ReadFlipState(const std::filesystem::path& folder);
void WriteFlipState(const std::filesystem::path& folder, const FlipState& state);

}  // namespace foreshard::bench

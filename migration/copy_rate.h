#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <utility>

#include "base/clock.h"

namespace foreshard::migration {

inline constexpr std::chrono::seconds kCopyRateWindow{
    60};  // long enough for some chunks, short enough for today's load

// How fast a copy goes, and how long it will go on at that speed. Pure: it is told the time.
//
// Unit: rows of K, as `progress` counts them; what has been copied before a restart counts as done,
// not as speed.
class CopyRate {
 public:
  // `rows` are done in all. Fewer than before: the copy has begun again, and so does the measure.
  void Saw(MonotonicTime now, std::int64_t rows);
  // Over the last kCopyRateWindow. 0: not known yet.
  double RowsPerSecond() const;
  // Until `total` rows are done; -1: not known yet. Never below 0: `total` is an estimate.
  std::int64_t SecondsLeft(std::int64_t total) const;

 private:
  std::deque<std::pair<MonotonicTime, std::int64_t>> seen_;
};

}  // namespace foreshard::migration

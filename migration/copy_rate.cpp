#include "migration/copy_rate.h"

#include <algorithm>
#include <cmath>

namespace foreshard::migration {

void CopyRate::Saw(MonotonicTime now, std::int64_t rows) {
  if (!seen_.empty() && rows < seen_.back().second) seen_.clear();
  seen_.emplace_back(now, rows);
  // The oldest one kept is the first outside of the window: a chunk may take longer than all of it.
  while (seen_.size() > 2 && now - seen_[1].first >= kCopyRateWindow) seen_.pop_front();
}

double CopyRate::RowsPerSecond() const {
  if (seen_.size() < 2) return 0;
  const double seconds =
      std::chrono::duration<double>(seen_.back().first - seen_.front().first).count();
  if (seconds <= 0) return 0;
  return static_cast<double>(seen_.back().second - seen_.front().second) / seconds;
}

std::int64_t CopyRate::SecondsLeft(std::int64_t total) const {
  const double rate = RowsPerSecond();
  if (rate <= 0) return -1;
  const auto left = static_cast<double>(std::max<std::int64_t>(0, total - seen_.back().second));
  return static_cast<std::int64_t>(std::ceil(left / rate));
}

}  // namespace foreshard::migration

#include "operator/forecasts/freeze.h"

#include <algorithm>

#include "operator/calendar/occurrences.h"

namespace foreshard::op {

std::vector<planner::FrozenInterval> FrozenIntervals(
    const std::vector<model::FreezeWindow>& windows, std::chrono::seconds bin,
    model::BinIndex first, model::BinIndex last) {
  std::vector<planner::FrozenInterval> intervals;
  const auto bin_of = [bin](WallTime time) {
    return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()) / bin;
  };
  for (const model::FreezeWindow& window : windows) {
    const WallTime from = WallTime(first * bin) - window.duration;
    const auto starts = StartsWithin(window, from, WallTime((last + 1) * bin));
    if (!starts) {
      intervals.push_back({.name = window.name, .from = first, .to = last + 1});
      continue;
    }
    for (const WallTime start : *starts) {
      const WallTime end = start + window.duration - std::chrono::microseconds(1);
      if (bin_of(end) < first) continue;
      intervals.push_back({.name = window.name, .from = bin_of(start), .to = bin_of(end) + 1});
    }
  }
  std::stable_sort(intervals.begin(), intervals.end(),
                   [](const auto& a, const auto& b) { return a.from < b.from; });
  return intervals;
}

}  // namespace foreshard::op

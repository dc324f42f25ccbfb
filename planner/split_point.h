#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/problem.h"

// Where a range should be cut, from the weighted reservoir of the keys that caused its load.
// Source: design page "planner", section 10 (balance score; after CockroachDB's load-based
// splitting).

namespace foreshard::planner {

struct SplitPoint {
  std::string at;
  double right_share = 0;  // of the range's load, at or above `at`
};

struct SplitSearch {
  std::optional<SplitPoint> point;
  std::string why_not;  // HotKey | NoBalance | TooFewSamples; empty with a point
};

inline constexpr int kSplitSamplesMin = 100;
inline constexpr double kSplitBalanceMax = 0.25;  // |left - right| / (left + right)
inline constexpr double kHotKeyShare = 0.5;

// The bound inside `unit.range` that divides the load most evenly, rounded to the shortest position
// that stays within the allowed balance when the strategy is Hash.
SplitSearch FindSplitPoint(const model::KeySpace& space, const Unit& unit);

}  // namespace foreshard::planner

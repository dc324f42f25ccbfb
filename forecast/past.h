#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "model/load.h"

// What a model may look at: one series up to and including its origin. A view; whoever makes it
// owns the numbers. Every bin has a value (gaps are filled, see series.h); `usable` says which may
// be a target of training.

namespace foreshard::forecast {

struct Past {
  std::span<const double> y;
  std::span<const std::uint8_t> usable;
  model::BinIndex last = 0;  // the bin of y.back()
  int day = 288;             // m1
  int week = 0;              // m2; 0: none

  int size() const { return static_cast<int>(y.size()); }
  int hour() const { return std::max(1, day / 24); }
  double operator[](int i) const { return y[static_cast<std::size_t>(i)]; }
  bool usable_at(int i) const { return usable[static_cast<std::size_t>(i)] != 0; }

  // The same series as it was known `bins` bins ago.
  Past Before(int bins) const {
    const auto keep = static_cast<std::size_t>(std::max(0, size() - bins));
    return {y.first(keep), usable.first(keep), last - bins, day, week};
  }
  // Position in the day of the bin `ahead` bins after the origin.
  int DayPosition(int ahead) const {
    const model::BinIndex position = (last + ahead) % day;
    return static_cast<int>(position < 0 ? position + day : position);
  }
};

// Mean of the `bins` values that end at index `end` (fewer at the beginning). REQUIRES: 0 <= end <
// size.
inline double MeanEndingAt(const Past& past, int end, int bins) {
  const int begin = std::max(0, end - bins + 1);
  double sum = 0;
  for (int i = begin; i <= end; ++i) sum += past[i];
  return sum / static_cast<double>(end - begin + 1);
}

}  // namespace foreshard::forecast

#include "forecast/models/trend.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr int kPointsMax = 24;
constexpr double kDamping = 0.9;

double TheilSen(const Past& past, int points) {
  std::array<double, kPointsMax*(kPointsMax - 1) / 2> slopes;
  std::size_t count = 0;
  const int begin = past.size() - points;
  for (int i = begin; i < past.size(); ++i) {
    for (int j = i + 1; j < past.size(); ++j) slopes[count++] = (past[j] - past[i]) / (j - i);
  }
  if (count == 0) return 0;
  const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(slopes.begin(), middle, slopes.begin() + static_cast<std::ptrdiff_t>(count));
  return *middle;
}

}  // namespace

void DampedTrend(const Past& past, std::span<const int> steps, std::span<double> out) {
  const int points = std::min({past.size(), 2 * past.hour() + 2, kPointsMax});
  const double slope = TheilSen(past, points);
  // The mean of the last hour lies half an hour back; carry it to the origin.
  const int level_bins = std::min(past.hour(), points);
  const double level =
      MeanEndingAt(past, past.size() - 1, level_bins) + slope * (level_bins - 1) / 2.0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double reach = kDamping * (1 - std::pow(kDamping, steps[i])) / (1 - kDamping);
    out[i] = std::max(0.0, level + slope * reach);
  }
}

}  // namespace foreshard::forecast

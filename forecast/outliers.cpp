#include "forecast/outliers.h"

#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr int kReachDays = 3;
// The median of three survives one that is an outlier itself.
constexpr std::size_t kNeighboursLeast = 3;
constexpr std::size_t kRunMost = 2;  // bins

// The lower of the two middle values; reorders. REQUIRES: not empty.
double MedianOf(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The median of the same bin on the days around; NaN when too few are known.
double Expected(const Past& past, int i, std::vector<double>& around) {
  around.clear();
  for (int day = -kReachDays; day <= kReachDays; ++day) {
    const int at = i + day * past.day;
    if (day != 0 && at >= 0 && at < past.size() && past.usable_at(at)) around.push_back(past[at]);
  }
  return around.size() < kNeighboursLeast ? NAN : MedianOf(around);
}

double MedianSize(const std::vector<double>& residuals) {
  std::vector<double> sizes;
  sizes.reserve(residuals.size());
  for (const double residual : residuals) {
    if (std::isfinite(residual)) sizes.push_back(std::abs(residual));
  }
  return sizes.empty() ? 0 : MedianOf(sizes);
}

}  // namespace

std::vector<double> WithoutOutliers(const Past& past, double mads,
                                    const std::function<bool(model::BinIndex)>& exempt) {
  std::vector<double> values(past.y.begin(), past.y.end());
  if (past.size() < (static_cast<int>(kNeighboursLeast) + 1) * past.day || mads <= 0) return values;
  std::vector<double> expected(values.size());
  std::vector<double> residuals(values.size());
  std::vector<double> around;
  for (int i = 0; i < past.size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    expected[at] = past.usable_at(i) ? Expected(past, i, around) : NAN;
    residuals[at] = values[at] - expected[at];
  }
  const double most = mads * MedianSize(residuals);
  if (most <= 0) return values;
  const auto far = [&residuals, most](std::size_t i) {
    return i < residuals.size() && std::abs(residuals[i]) > most;  // false for NaN
  };
  for (std::size_t begin = 0; begin < values.size();) {
    std::size_t end = begin;
    while (far(end)) ++end;
    for (std::size_t i = begin; i < end && end - begin <= kRunMost; ++i) {
      const model::BinIndex bin = past.last - static_cast<model::BinIndex>(values.size() - 1 - i);
      if (!exempt(bin)) values[i] = expected[i] + std::copysign(most, residuals[i]);
    }
    begin = end + 1;
  }
  return values;
}

}  // namespace foreshard::forecast

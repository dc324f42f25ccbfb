#include "forecast/transform.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace foreshard::forecast {

namespace {

double MedianPositive(std::span<const double> y) {
  std::vector<double> positive;
  positive.reserve(y.size());
  for (const double value : y) {
    if (value > 0) positive.push_back(value);
  }
  if (positive.empty()) return 1;
  const auto middle = positive.begin() + static_cast<std::ptrdiff_t>(positive.size() / 2);
  std::nth_element(positive.begin(), middle, positive.end());
  return *middle;
}

}  // namespace

Space ReferenceSpace(std::span<const double> y) {
  const double least = *std::min_element(y.begin(), y.end());
  if (least > 0) return Space::kLog;
  return least == 0 ? Space::kSquareRoot : Space::kLinear;
}

Transform FitTransform(std::span<const double> y, Space space) {
  CHECK(!y.empty(), "transform of nothing");
  Transform transform{.space = space};
  if (space == Space::kLog1p) transform.unit = 0.01 * MedianPositive(y);
  double sum = 0;
  for (const double value : y) sum += transform.Raw(value);
  const double mean = sum / static_cast<double>(y.size());
  double squares = 0;
  for (const double value : y)
    squares += (transform.Raw(value) - mean) * (transform.Raw(value) - mean);
  transform.mean = mean;
  transform.deviation = std::sqrt(squares / static_cast<double>(y.size())) + 1e-12;
  return transform;
}

}  // namespace foreshard::forecast

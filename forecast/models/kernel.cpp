#include "forecast/models/kernel.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace foreshard::forecast {

namespace {

constexpr int kDaysMin = 3;
constexpr double kOtherPlaceInWeek = 0.1;
constexpr double kTiny = 1e-9;

struct LikeDay {
  int end = 0;  // index after its last bin
  double mean = 0;
  double distance = 0;
};

double DistanceOf(const Past& past, int end, double mean, double last_mean) {
  double distance = 0;
  for (int i = 0; i < past.day; ++i) {
    const double then = past[end - past.day + i] / mean;
    const double now = past[past.size() - past.day + i] / last_mean;
    distance += std::abs(then - now) / past.day;
  }
  const bool same_place = past.week > 0 && (past.size() - end) % past.week == 0;
  return distance + (same_place ? 0 : kOtherPlaceInWeek);
}

}  // namespace

void KernelRegression(const Past& past, std::span<double> out) {
  std::fill(out.begin(), out.end(), 0.0);
  const auto horizon = static_cast<int>(out.size());
  if (past.size() < past.day + horizon) return;
  const double last_mean = MeanEndingAt(past, past.size() - 1, past.day) + kTiny;
  std::vector<LikeDay> days;
  // Whole days back, and only where all that followed is known.
  for (int end = past.size() - past.day; end >= past.day; end -= past.day) {
    if (end + horizon > past.size()) continue;
    const double mean = MeanEndingAt(past, end - 1, past.day) + kTiny;
    days.push_back({end, mean, DistanceOf(past, end, mean, last_mean)});
  }
  if (static_cast<int>(days.size()) < kDaysMin) return;
  std::vector<double> distances;
  for (const LikeDay& day : days) distances.push_back(day.distance);
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  const double bandwidth = *middle / 2 + kTiny;
  double total = 0;
  for (const LikeDay& day : days) {
    const double scaled = day.distance / bandwidth;
    const double weight = std::exp(-scaled * scaled / 2);
    total += weight;
    for (int h = 0; h < horizon; ++h)
      out[static_cast<std::size_t>(h)] += weight * past[day.end + h] / day.mean;
  }
  for (double& value : out) value = total > kTiny ? value / total * last_mean : 0;
}

}  // namespace foreshard::forecast

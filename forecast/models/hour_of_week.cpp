#include "forecast/models/hour_of_week.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

constexpr int kWeeksMax = 5;
constexpr double kFade = 0.985;

double Median(double* begin, double* end) {
  std::sort(begin, end);
  const auto count = end - begin;
  return count % 2 == 1 ? begin[count / 2] : (begin[count / 2 - 1] + begin[count / 2]) / 2;
}

// Of y(index - k m2), k = 1..weeks, as far as they exist and are known.
double WeeklyMedian(const Past& past, int index, int weeks) {
  std::array<double, kWeeksMax> values;
  std::size_t count = 0;
  int back = index;
  while (back - past.week >= past.size()) back -= past.week;
  for (int k = 1; k <= weeks; ++k) {
    const int i = back - k * past.week;
    if (i >= 0 && i < past.size()) values[count++] = past[i];
  }
  return count == 0 ? past.y.back() : Median(values.data(), values.data() + count);
}

double LevelOffset(const Past& past, int weeks) {
  if (weeks < 1) return 0;
  std::vector<double> off;
  for (int v = past.size() - past.day; v < past.size(); ++v) {
    off.push_back(past[v] - WeeklyMedian(past, v, weeks));
  }
  return Median(off.data(), off.data() + off.size());
}

}  // namespace

void HourOfWeek(const Past& past, std::span<double> out) {
  const int weeks = past.week > 0 ? std::min(kWeeksMax, past.size() / past.week) : 0;
  if (weeks < 1 || past.size() < past.week + past.day) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = DayBack(past, static_cast<int>(i) + 1);
    return;
  }
  double offset = LevelOffset(past, weeks - 1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = WeeklyMedian(past, past.size() + static_cast<int>(i), weeks) + offset;
    offset *= kFade;
  }
}

}  // namespace foreshard::forecast

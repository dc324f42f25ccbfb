#include <cmath>

#include "cli/forecast/evaluate.h"

namespace foreshard::cli {

namespace {

constexpr double kSignificance = 1.645;  // 90 %, one side

std::vector<double> Autocorrelations(const std::vector<double>& values, int lags) {
  double mean = 0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  double variance = 0;
  for (const double value : values) variance += (value - mean) * (value - mean);
  std::vector<double> r;
  for (int lag = 1; lag <= lags; ++lag) {
    double sum = 0;
    for (std::size_t t = static_cast<std::size_t>(lag); t < values.size(); ++t) {
      sum += (values[t] - mean) * (values[t - static_cast<std::size_t>(lag)] - mean);
    }
    r.push_back(variance > 0 ? sum / variance : 0);
  }
  return r;
}

bool IsSeasonal(const std::vector<double>& values, int season) {
  if (season < 2 || values.size() < static_cast<std::size_t>(3 * season)) return false;
  const std::vector<double> r = Autocorrelations(values, season);
  double sum = 1;
  for (int k = 0; k + 1 < season; ++k)
    sum += 2 * r[static_cast<std::size_t>(k)] * r[static_cast<std::size_t>(k)];
  const double limit = kSignificance * std::sqrt(sum / static_cast<double>(values.size()));
  return r.back() > limit;
}

// Multiplicative indices by position (t mod season): ratio to the centred moving average, mean 1.
std::vector<double> SeasonalIndices(const std::vector<double>& values, int season) {
  const int n = static_cast<int>(values.size());
  std::vector<double> sum(static_cast<std::size_t>(season), 0);
  std::vector<double> count(static_cast<std::size_t>(season), 0);
  const int half = season / 2;
  for (int t = half; t + half < n; ++t) {
    double average = 0;
    for (int j = -half; j <= half; ++j) {
      const bool edge = season % 2 == 0 && (j == -half || j == half);
      average += (edge ? 0.5 : 1.0) * values[static_cast<std::size_t>(t + j)] / season;
    }
    if (average == 0) continue;
    sum[static_cast<std::size_t>(t % season)] += values[static_cast<std::size_t>(t)] / average;
    count[static_cast<std::size_t>(t % season)] += 1;
  }
  double mean = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] = count[i] > 0 ? sum[i] / count[i] : 1;
    mean += sum[i] / season;
  }
  for (double& index : sum) index = mean > 0 ? index / mean : 1;
  return sum;
}

}  // namespace

std::vector<double> Naive2Forecast(const std::vector<double>& values, int season, int horizon) {
  std::vector<double> forecast(static_cast<std::size_t>(horizon), values.back());
  if (!IsSeasonal(values, season)) return forecast;
  const std::vector<double> index = SeasonalIndices(values, season);
  const auto at = [&](std::size_t t) { return index[t % static_cast<std::size_t>(season)]; };
  const double last =
      at(values.size() - 1) > 0 ? values.back() / at(values.size() - 1) : values.back();
  for (std::size_t h = 0; h < forecast.size(); ++h) forecast[h] = last * at(values.size() + h);
  return forecast;
}

}  // namespace foreshard::cli

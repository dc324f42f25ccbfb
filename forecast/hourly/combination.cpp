#include "forecast/hourly/combination.h"

#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr std::size_t kBestOfReference = 7;

// Weighted mean absolute error of each model over steps [begin, end) of the origins.
Eigen::ArrayXd Errors(const std::vector<PastForecast>& origins, int left_out, int begin, int end,
                      double recency) {
  Eigen::ArrayXd sum = Eigen::ArrayXd::Zero(kHourlyModels);
  double total = 0;
  for (std::size_t k = 0; k < origins.size(); ++k) {
    if (static_cast<int>(k) == left_out) continue;
    const double weight = std::exp(-recency * static_cast<double>(k));
    for (int h = begin; h < std::min<int>(end, static_cast<int>(origins[k].actual.size())); ++h) {
      const double actual = origins[k].actual(h);
      if (!std::isfinite(actual)) continue;
      sum += weight * (origins[k].forecasts.row(h).transpose() - actual).abs();
      total += weight;
    }
  }
  return total > 0 ? Eigen::ArrayXd(sum / total) : sum;
}

Eigen::ArrayXd WeightsOf(const Eigen::ArrayXd& errors, const HourlyCombination& rule) {
  double least = HUGE_VAL;
  for (std::size_t m = 0; m < kHourlyModels; ++m) {
    if (rule.wanted[m]) least = std::min(least, errors(static_cast<Eigen::Index>(m)));
  }
  Eigen::ArrayXd weights = Eigen::ArrayXd::Zero(kHourlyModels);
  for (std::size_t m = 0; m < kHourlyModels; ++m) {
    if (!rule.wanted[m]) continue;
    const double error = errors(static_cast<Eigen::Index>(m));
    double weight = error > 0 ? std::pow(least / error, rule.power) : 1;
    if (rule.rule == HourlyRule::kEqual) weight = 1;
    if (rule.rule == HourlyRule::kSelectBest) weight = error == least && weights.sum() == 0 ? 1 : 0;
    weights(static_cast<Eigen::Index>(m)) = weight;
  }
  return weights / weights.sum();
}

// Median over the models with the smallest errors, step by step.
Eigen::ArrayXd MedianOfBest(const Eigen::ArrayXXd& forecasts, const Eigen::ArrayXd& errors,
                            const HourlyMask& wanted) {
  std::vector<Eigen::Index> order;
  for (std::size_t m = 0; m < kHourlyModels; ++m) {
    if (wanted[m]) order.push_back(static_cast<Eigen::Index>(m));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&errors](Eigen::Index a, Eigen::Index b) { return errors(a) < errors(b); });
  order.resize(std::min(order.size(), kBestOfReference));
  Eigen::ArrayXd median(forecasts.rows());
  std::vector<double> values(order.size());
  for (Eigen::Index h = 0; h < forecasts.rows(); ++h) {
    for (std::size_t i = 0; i < order.size(); ++i) values[i] = forecasts(h, order[i]);
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    median(h) = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }
  return median;
}

}  // namespace

Eigen::ArrayXXd HourlyWeights(const std::vector<PastForecast>& origins, int left_out, int horizon,
                              const HourlyCombination& rule) {
  const bool buckets = rule.rule == HourlyRule::kProduct || rule.rule == HourlyRule::kEqual;
  const double recency = rule.rule == HourlyRule::kProduct ? rule.recency : 0;
  const Eigen::ArrayXd whole = Errors(origins, left_out, 0, horizon, recency);
  Eigen::ArrayXXd weights(horizon, kHourlyModels);
  const int width = buckets ? std::max(1, rule.bucket_steps) : horizon;
  for (int begin = 0; begin < horizon; begin += width) {
    const int end = std::min(begin + width, horizon);
    const Eigen::ArrayXd bucket = Errors(origins, left_out, begin, end, recency);
    const Eigen::ArrayXd mine = WeightsOf((bucket + whole) / 2, rule);
    for (int h = begin; h < end; ++h) weights.row(h) = mine.transpose();
  }
  return weights;
}

Eigen::ArrayXd Combine(const std::vector<PastForecast>& origins, int left_out,
                       const Eigen::ArrayXXd& forecasts, const HourlyCombination& rule) {
  const auto horizon = static_cast<int>(forecasts.rows());
  const Eigen::ArrayXXd weights = HourlyWeights(origins, left_out, horizon, rule);
  const Eigen::ArrayXd mean = (weights * forecasts).rowwise().sum();
  if (rule.rule != HourlyRule::kReference) return mean;
  const Eigen::ArrayXd errors = Errors(origins, left_out, 0, horizon, 0);
  return (mean + MedianOfBest(forecasts, errors, rule.wanted)) / 2;
}

}  // namespace foreshard::forecast

#include "forecast/hourly/intervals.h"

#include <algorithm>
#include <cmath>

namespace foreshard::forecast {

namespace {

constexpr std::size_t kOwnMin = 24;   // fewer own errors than this and the others decide
constexpr double kTailLevel = 0.025;  // limits at and beyond it are widened
constexpr double kTiny = 1e-12;

double MeanKnown(const Eigen::ArrayXXd& errors, Eigen::Index begin, Eigen::Index end) {
  double sum = 0;
  double count = 0;
  for (Eigen::Index h = begin; h < end; ++h) {
    for (Eigen::Index k = 0; k < errors.cols(); ++k) {
      if (!std::isfinite(errors(h, k))) continue;
      sum += std::abs(errors(h, k));
      count += 1;
    }
  }
  return count > 0 ? sum / count : 0;
}

std::vector<double> Known(const Eigen::ArrayXXd& values, Eigen::Index without) {
  std::vector<double> known;
  for (Eigen::Index k = 0; k < values.cols(); ++k) {
    if (k == without) continue;
    for (Eigen::Index h = 0; h < values.rows(); ++h) {
      if (std::isfinite(values(h, k))) known.push_back(values(h, k));
    }
  }
  return known;
}

// Of a Laplace distribution with mean absolute value 1: what to say without any error seen.
model::Quantiles Prior() {
  model::Quantiles prior{};
  for (std::size_t i = 0; i < model::kFanLevels; ++i) {
    const double level = model::kLevels[i];
    prior[i] = level < 0.5 ? std::log(2 * level) : -std::log(2 * (1 - level));
  }
  return prior;
}

}  // namespace

HourlyIntervals::HourlyIntervals(const Eigen::ArrayXXd& errors, double naive_error,
                                 const IntervalRules& rules)
    : rules_(rules), scaled_(errors), scale_(errors.rows()) {
  const Eigen::Index horizon = errors.rows();
  const double whole = MeanKnown(errors, 0, horizon);
  const auto width = static_cast<Eigen::Index>(std::max(1, rules.bucket_steps));
  for (Eigen::Index begin = 0; begin < horizon; begin += width) {
    const Eigen::Index end = std::min(begin + width, horizon);
    const double bucket = MeanKnown(errors, begin, end);
    const double scale = rules.bucket_share * bucket + (1 - rules.bucket_share) * whole +
                         rules.naive_share * naive_error;
    for (Eigen::Index h = begin; h < end; ++h) scale_(h) = scale;
  }
  for (Eigen::Index h = 0; h < horizon; ++h) {
    scaled_.row(h) = scale_(h) > 0 ? Eigen::ArrayXXd(errors.row(h) / scale_(h)) : 0 * errors.row(h);
  }
  const std::vector<double> own = Known(scaled_, -1);
  own_count_ = own.size();
  own_ = own.empty() ? Prior() : model::QuantilesOf(own);
}

double HourlyIntervals::Factor(int step, std::size_t level, const PooledErrors& pooled) const {
  double own_share = pooled.empty() ? 1 : rules_.own_share;
  if (own_count_ < kOwnMin && !pooled.empty()) own_share = 0;
  const auto row = std::min(static_cast<std::size_t>(step), pooled.size());
  double factor = own_share * own_[level];
  if (own_share < 1) factor += (1 - own_share) * pooled[row - 1][level];
  const double tail = std::min(model::kLevels[level], 1 - model::kLevels[level]);
  return tail <= kTailLevel + kTiny ? rules_.widening * factor : factor;
}

model::Quantiles HourlyIntervals::At(int step, double median, const PooledErrors& pooled,
                                     bool non_negative) const {
  model::Quantiles quantiles{};
  for (std::size_t i = 0; i < model::kFanLevels; ++i) {
    const double reach = Factor(step, i, pooled) * scale(step);
    double value = median;
    if (i < model::kMedian) value += std::min(0.0, reach);
    if (i > model::kMedian) value += std::max(0.0, reach);
    quantiles[i] = non_negative ? std::max(0.0, value) : value;
  }
  std::sort(quantiles.begin(), quantiles.end());
  return quantiles;
}

model::Quantiles HourlyIntervals::WindowFactor(int bins, const PooledErrors& pooled) const {
  const auto rows = std::min<Eigen::Index>(bins, scaled_.rows());
  std::vector<double> worst;
  for (Eigen::Index k = 0; k < scaled_.cols(); ++k) {
    double most = -HUGE_VAL;
    for (Eigen::Index h = 0; h < rows; ++h) {
      if (std::isfinite(scaled_(h, k))) most = std::max(most, scaled_(h, k));
    }
    if (std::isfinite(most)) worst.push_back(most);
  }
  model::Quantiles factor = worst.empty() ? Prior() : model::QuantilesOf(worst);
  for (std::size_t i = 0; i < model::kFanLevels; ++i) {
    for (int step = 1; step <= static_cast<int>(rows); ++step) {
      factor[i] = std::max(factor[i], Factor(step, i, pooled));
    }
  }
  std::sort(factor.begin(), factor.end());
  return factor;
}

double HourlyIntervals::Coverage90() const {
  constexpr std::size_t kLow = 2;
  constexpr std::size_t kHigh = 8;
  double inside = 0;
  double count = 0;
  for (Eigen::Index k = 0; k < scaled_.cols(); ++k) {
    const std::vector<double> others = Known(scaled_, k);
    if (others.empty()) continue;
    const model::Quantiles limits = model::QuantilesOf(others);
    for (Eigen::Index h = 0; h < scaled_.rows(); ++h) {
      const double error = scaled_(h, k);
      if (!std::isfinite(error)) continue;
      inside += error >= limits[kLow] && error <= limits[kHigh] ? 1 : 0;
      count += 1;
    }
  }
  return count > 0 ? inside / count : 0;
}

}  // namespace foreshard::forecast

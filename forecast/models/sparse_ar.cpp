#include "forecast/models/sparse_ar.h"

#include <cmath>

#include "base/check.h"
#include "forecast/linear.h"
#include "forecast/models/naive.h"

namespace foreshard::forecast {

namespace {

constexpr int kHours = 24;
constexpr double kZMost = 6;
constexpr double kFreePenalty = 1e-6;  // of the intercept

int HourOf(const Past& past, int ahead) { return past.DayPosition(ahead) * kHours / past.day; }

std::vector<int> UsableLags(const SparseArShape& shape, int size) {
  std::vector<int> lags;
  for (const int lag : shape.lags) {
    if (lag < 0.6 * size) lags.push_back(lag);
  }
  return lags;
}

Eigen::VectorXd RowWeights(const Past& past, const std::vector<int>& lags, int first,
                           double decay_per_week) {
  const int rows = past.size() - first;
  const double bins_per_week = past.week > 0 ? past.week : 7.0 * past.day;
  Eigen::VectorXd weight(rows);
  for (int i = 0; i < rows; ++i) {
    const int t = first + i;
    double w =
        past.usable_at(t) ? std::exp(-decay_per_week * (past.size() - 1 - t) / bins_per_week) : 0.0;
    for (const int lag : lags) {
      if (!past.usable_at(t - lag)) {
        w *= 0.25;
        break;
      }
    }
    weight(i) = w;
  }
  return weight;
}

}  // namespace

SparseAr SparseAr::Fit(const Past& past, const SparseArShape& shape) {
  const std::vector<int> lags = UsableLags(shape, past.size());
  if (lags.empty() || past.size() < 2 * past.day) return SparseAr({}, {}, shape.dummies, {});
  const Transform transform = FitTransform(past.y, shape.space);
  Eigen::VectorXd z(past.size());
  for (int i = 0; i < past.size(); ++i) z(i) = transform.To(past[i]);

  const int first = lags.back();
  const int rows = past.size() - first;
  const auto columns = static_cast<Eigen::Index>(lags.size()) + 1;
  Eigen::MatrixXd x(rows, columns);
  x.col(0).setOnes();
  for (std::size_t c = 0; c < lags.size(); ++c) {
    x.col(static_cast<Eigen::Index>(c) + 1) = z.segment(first - lags[c], rows);
  }
  Groups groups;
  if (shape.dummies) {
    groups.count = kHours;
    groups.of_row.resize(static_cast<std::size_t>(rows));
    for (int i = 0; i < rows; ++i) {
      groups.of_row[static_cast<std::size_t>(i)] = HourOf(past, first + i - (past.size() - 1));
    }
  }
  Eigen::VectorXd penalty = Eigen::VectorXd::Ones(columns + groups.columns());
  penalty(0) = kFreePenalty;
  const AbsoluteOptions options{.rounds = shape.least_squares ? 0 : 4};
  Eigen::VectorXd beta =
      SolveAbsolute(x, groups, z.tail(rows), RowWeights(past, lags, first, shape.decay_per_week),
                    penalty, options);
  return SparseAr(lags, transform, shape.dummies, std::move(beta));
}

void SparseAr::Forecast(const Past& past, std::span<double> out, std::span<double> scratch) const {
  if (beta_.size() == 0 || past.size() < longest_lag()) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = DayBack(past, static_cast<int>(i) + 1);
    return;
  }
  CHECK(scratch.size() >= out.size(), "scratch too small", scratch.size(), out.size());
  const auto dummies_at = static_cast<Eigen::Index>(lags_.size()) + 1;
  for (std::size_t i = 0; i < out.size(); ++i) {
    double z = beta_(0);
    for (std::size_t c = 0; c < lags_.size(); ++c) {
      const int back = static_cast<int>(i) - lags_[c];
      const double lagged = back < 0 ? transform_.To(past[past.size() + back])
                                     : scratch[static_cast<std::size_t>(back)];
      z += beta_(static_cast<Eigen::Index>(c) + 1) * lagged;
    }
    if (dummies_) {
      const int hour = HourOf(past, static_cast<int>(i) + 1);
      if (hour > 0) z += beta_(dummies_at + hour - 1);
    }
    scratch[i] = std::clamp(z, -kZMost, kZMost);
    out[i] = transform_.From(scratch[i]);
  }
}

}  // namespace foreshard::forecast

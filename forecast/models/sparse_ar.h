#pragma once

#include <Eigen/Dense>
#include <span>
#include <string_view>
#include <vector>

#include "forecast/past.h"
#include "forecast/transform.h"

// Sparse AR: z_t on an intercept, z_{t-l} for l in a set of lags, and 23 dummies of the hour of
// day; least absolute deviations; iterated to the horizon. The workhorse of the hourly pool.
//
//   beta = argmin sum_t w_t |z_t - x_t beta| + ridge,  z = standardised T(y)
//
// L1 and log together are worth more than any extra lag. Source: our own measurements on the M4
// hourly training part; the lags of a week are those of Doornik, Castle and Hendry (IJF 36(1),
// 2020). Cost: 1 ms for 900 rows.

namespace foreshard::forecast {

struct SparseArShape {
  std::string_view name;
  std::vector<int> lags;  // ascending, in bins
  Space space = Space::kLog1p;
  bool dummies = true;        // 23 hours of day
  double decay_per_week = 0;  // row weight exp(-decay * age in weeks)
  bool least_squares = false;
};

class SparseAr {
 public:
  // A lag is used only if l < 0.6 n. Without any lag or rows the forecast is day-1.
  static SparseAr Fit(const Past& past, const SparseArShape& shape);

  // out[h - 1] for h = 1..out.size(), clamped to the seen range and a bit; `scratch` needs
  // longest_lag() + out.size() places.
  void Forecast(const Past& past, std::span<double> out, std::span<double> scratch) const;

  int longest_lag() const { return lags_.empty() ? 0 : lags_.back(); }
  bool fitted() const { return beta_.size() > 0; }
  const std::vector<int>& lags() const { return lags_; }
  const Eigen::VectorXd& coefficients() const { return beta_; }
  const Transform& transform() const { return transform_; }
  bool dummies() const { return dummies_; }

  SparseAr() = default;
  SparseAr(std::vector<int> lags, Transform transform, bool dummies, Eigen::VectorXd beta)
      : lags_(std::move(lags)), transform_(transform), dummies_(dummies), beta_(std::move(beta)) {}

 private:
  std::vector<int> lags_;
  Transform transform_;
  bool dummies_ = true;
  Eigen::VectorXd beta_;  // intercept, lags, hours 1..23
};

}  // namespace foreshard::forecast

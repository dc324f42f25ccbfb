#pragma once

#include <Eigen/Dense>

#include "forecast/past.h"

// Ridge, direct per horizon, on recent bins, the same bins a day and two and three days ago, and
// (with two weeks) a week ago.
//
// Features at origin u for t = u + h: y(u - j), y(u - m1 - j) for j < m; y(t - m1), y(t - 2 m1),
// y(t - 3 m1); the mean of y(t - m1 - 1) and y(t - m1 + 1); with >= 14 days y(t - m2), y(u - m2),
// y(t - 2 m2), y(u - 2 m2); the mean of y(v) - y(v - m1) over the last quarter day; 1. Penalty on
// column j: 1e-3 N var_j. Row weights 1/y (mean 1, at most 20), so relative errors count. Robust: 4
// reweightings towards absolute errors. Source: our own, in the spirit of QB5000's linear model
// (SIGMOD 2018). Cost: 5 ms a fit of 900 rows.

namespace foreshard::forecast {

class Ridge {
 public:
  // `least_squares` switches the robust part off (ablation).
  static Ridge Fit(const Past& past, int step, bool least_squares);
  double Forecast(const Past& past) const;  // day-1 when there was too little to fit

  bool weekly() const { return weekly_; }
  const Eigen::VectorXd& coefficients() const { return beta_; }

  // How many coefficients a fitted one has.
  static int Size(int day, bool weekly);

  Ridge() = default;
  Ridge(int step, bool weekly, Eigen::VectorXd beta)
      : step_(step), weekly_(weekly), beta_(std::move(beta)) {}

 private:
  int step_ = 1;
  bool weekly_ = false;
  Eigen::VectorXd beta_;
};

}  // namespace foreshard::forecast

#pragma once

#include <Eigen/Dense>

#include "forecast/past.h"

// AR, direct: y(u + h) = sum_{j=0..m-1} b_j y(u - j) + c, one least squares fit a horizon. m = 6 at
// bins of minutes, else 3.
//
// Source: the AR of P-Store's comparison (SIGMOD 2018). Cost: 0.5 ms a fit.

namespace foreshard::forecast {

class Autoregression {
 public:
  static Autoregression Fit(const Past& past, int step);
  double Forecast(const Past& past) const;  // last value when there was too little to fit

  const Eigen::VectorXd& coefficients() const { return beta_; }  // b_0..b_{m-1}, c

  Autoregression() = default;
  Autoregression(int step, Eigen::VectorXd beta) : step_(step), beta_(std::move(beta)) {}

 private:
  int step_ = 1;
  Eigen::VectorXd beta_;
};

int RecentLags(int day_bins);  // m

}  // namespace foreshard::forecast

#pragma once

#include <Eigen/Dense>

#include "forecast/past.h"

// SPAR, sparse periodic autoregression: the usual shape of this hour plus how far the last bins are
// off it.
//
//   y(t) = sum_{k=1..n} a_k y(t - k m1) + sum_{j=0..m-1} b_j D(u - j),  D(v) = y(v) - (1/n) sum_k
//   y(v - k m1)
//
// u = t - h is the origin; one fit a horizon; no intercept; least squares; forecast max(0, .).
// Source: Chen et al. (NSDI 2008), as used by P-Store (SIGMOD 2018). This is the baseline we are
// compared with, so it has no improvements and the ensemble's own copy is this same function. Cost:
// 1 ms a fit of 900 rows.

namespace foreshard::forecast {

struct SparShape {
  int days = 7;    // n
  int recent = 6;  // m
};

// n = 7 with at least 14 days of history, else 3 (fewer when the history has fewer); m = 6 at
// 5-minute bins, 2 at 30, 3 hourly.
SparShape ShapeOfSpar(int history_bins, int day_bins);

class Spar {
 public:
  // Coefficients for `step` bins ahead from what is known. Without enough rows the forecast is
  // day-1.
  static Spar Fit(const Past& past, int step, const SparShape& shape);

  double Forecast(const Past& past) const;

  int step() const { return step_; }
  const SparShape& shape() const { return shape_; }
  const Eigen::VectorXd& coefficients() const {
    return beta_;
  }  // a_1..a_n, b_0..b_{m-1}; empty: day-1

  Spar() = default;
  Spar(int step, SparShape shape, Eigen::VectorXd beta)
      : step_(step), shape_(shape), beta_(std::move(beta)) {}

 private:
  int step_ = 1;
  SparShape shape_;
  Eigen::VectorXd beta_;
};

}  // namespace foreshard::forecast

#pragma once

#include <Eigen/Dense>
#include <span>

#include "forecast/past.h"

// Additive model with changepoints and seasons, fitted in transformed space.
//
//   z(t) = g(t) + s(t);  g piecewise linear with 25 changepoints over the first 80 % of the
//   history, Laplace prior of scale 0.05 on the changes of slope; s Fourier, order 10 for the day,
//   5 for the week
//
// One weighted ridge solve a round; the Laplace prior is reweighted (1 / (|change| + 1e-3))
// together with the robust weights, 5 rounds. Ahead the last slope fades by 0.9 a day. Source:
// Taylor and Letham, The American Statistician 72(1), 2018 (Prophet). Cost: 5 ms for 900 points.

namespace foreshard::forecast {

// `values` in transformed space (about unit deviation), as long as the past. out[h - 1] in the same
// space. Under two days: the same hour of the last day.
void Additive(const Past& past, std::span<const double> values, bool least_squares,
              std::span<double> out);

}  // namespace foreshard::forecast

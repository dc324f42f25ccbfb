#pragma once

#include <span>
#include <vector>

// ARMA(p, q), p, q <= 2, for what a seasonal forecast leaves over: the ARIMA of the pool.
//
//   x_t = a_1 x_{t-1} + a_2 x_{t-2} + e_t + b_1 e_{t-1} + b_2 e_{t-2}
//
// Conditional sum of squares; started by Hannan-Rissanen, refined by L-BFGS on tanh-transformed
// partial autocorrelations, so that roots stay outside the unit circle; p and q by AICc. When it
// does not converge in 50 steps it says so and forecasts zero, which leaves the seasonal base as it
// is. Source: Hannan and Rissanen, Biometrika 69, 1982; Monahan, Biometrika 71, 1984. Cost: 2 ms.

namespace foreshard::forecast {

struct Arma {
  std::vector<double> ar;  // a_1..a_p
  std::vector<double> ma;  // b_1..b_q
  double variance = 0;     // of e
  bool converged = false;

  // Expected x ahead, given the whole past of x. Zeros when it did not converge.
  void Forecast(std::span<const double> x, std::span<double> out) const;
};

// Needs at least 50 values; the mean of x is taken as zero.
Arma FitArma(std::span<const double> x, int p_most, int q_most);

// Coefficients of a stationary AR from numbers on the whole line, and what AR(2) they mean.
std::vector<double> StationaryFromFree(std::span<const double> free);

}  // namespace foreshard::forecast

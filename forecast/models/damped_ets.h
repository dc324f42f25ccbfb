#pragma once

#include <span>

#include "forecast/past.h"

// Damped exponential smoothing with an additive season.
//
//   l = l + phi b + alpha e,  b = phi b + beta e,  s[t] = s[t - m1] + gamma e,  e the one-step
//   error ahead: l + (phi + ... + phi^h) b + s
//
// alpha, beta, gamma, phi by coordinate search on the mean |e| after the first day, from 3 starts.
// Source: Gardner and McKenzie, Management Science 31(10), 1985. Cost: 1 ms for 900 points.

namespace foreshard::forecast {

struct EtsParameters {
  double alpha = 0.1;
  double beta = 0.01;
  double gamma = 0.1;
  double phi = 0.9;
};

// Searches from `start` only when it is given (a warm start), else from all three.
EtsParameters FitDampedEts(const Past& past, std::span<const double> values,
                           const EtsParameters* start);

// out[h - 1] in the units of `values`, which are y or log y, as long as the past. Under two days
// the forecast is the same hour of the last day.
void DampedEts(const Past& past, std::span<const double> values, const EtsParameters& parameters,
               std::span<double> out);

}  // namespace foreshard::forecast

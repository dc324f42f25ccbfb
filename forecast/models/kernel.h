#pragma once

#include <span>

#include "forecast/past.h"

// Kernel regression for rare spikes: what followed on days that were like the last one?
//
//   d(day) = mean |day / its mean - last day / its mean| + 0.1 when the place in the week differs
//   weight = exp(-(d / bandwidth)^2 / 2), bandwidth = half of the median distance
//   out(h) = level of the last day * sum weight (what followed that day at h / that day's mean)
//
// Only this predicts a spike that was seen once before; elsewhere the ensemble is better. So it has
// no weight in the ensemble: where it lies far above, it lifts the upper quantiles (hourly/pool.h).
// Source: QB5000 (SIGMOD 2018). Cost: 0.05 ms for 28 days of hours.

namespace foreshard::forecast {

// out[h - 1]; zeros with fewer than three days to compare.
void KernelRegression(const Past& past, std::span<double> out);

}  // namespace foreshard::forecast

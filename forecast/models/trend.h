#pragma once

#include <span>

#include "forecast/past.h"

// Short damped trend: level of the last hour + slope * (phi + phi^2 + ... + phi^h), for the first
// hours of a series and for ramps.
//
// slope: Theil-Sen over the last two hours, at most 24 bins; phi = 0.9 a bin.
// Source: Theil (1950), Sen (JASA 63, 1968); damping: Gardner and McKenzie, Management Science
// 31(10), 1985. Cost: 0.1 ms at most, no allocation. Never negative. REQUIRES: past not empty.

namespace foreshard::forecast {

// out[i] is the forecast for steps[i].
void DampedTrend(const Past& past, std::span<const int> steps, std::span<double> out);

}  // namespace foreshard::forecast

#pragma once

#include <span>

#include "forecast/past.h"

// The median of the same hour in the last weeks, moved to the present level.
//
//   y(t) = median_{k=1..K} y(t - k m2) + off 0.985^h,  K = min(5, weeks)
//   off  = median over the last day of y(v) - median_{k=1..K-1} y(v - k m2)
//
// Source: our own; the median makes a holiday or an outage one vote of five. Cost: 0.05 ms.

namespace foreshard::forecast {

// out[h - 1]. Before a week is known the forecast is day-1.
void HourOfWeek(const Past& past, std::span<double> out);

}  // namespace foreshard::forecast

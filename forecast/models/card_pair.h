#pragma once

#include <span>

#include "forecast/past.h"
#include "forecast/transform.h"

// Card pair: average two sparse autoregressions, append the average to the history as if it were
// data, and return what a calibrating regression fits there.
//
//   stage 1  f0 = (A9log + A17) / 2
//   stage 2  ridge least squares on log [y, f0] with lags 1 2 24 25 168 169 and hour dummies; the
//            forecast is the fitted value of the last H rows
//
// Source: Doornik, Castle and Hendry, IJF 36(1), 129-134, 2020 (best of M4 hourly). Cost: 0.5 ms on
// top of its two parts.

namespace foreshard::forecast {

// `first` and `second` are the two stage-1 forecasts of the steps out.size(). Clamped by the
// caller.
void CardPair(const Past& past, std::span<const double> first, std::span<const double> second,
              Space space, std::span<double> out);

}  // namespace foreshard::forecast

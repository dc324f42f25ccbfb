#pragma once

#include <span>

#include "forecast/past.h"

// Double-seasonal Holt-Winters with an autoregressive error, additive, without trend.
//
//   p = l + D[hour] + W[hour of week],  forecast p + phi e,  e = y - p
//   l += alpha e, D += gamma e, W += delta e;   ahead: l + D + W + phi^h e
//
// alpha, gamma, delta, phi by the least mean absolute one-step error over the points after the
// first two weeks, on a grid; a later fit looks only at the neighbours of the last choice. Source:
// Taylor, Journal of the Operational Research Society 54, 2003. Cost: 2.7 ms, 0.3 ms warm.

namespace foreshard::forecast {

// Places in the four grids; -1: not chosen yet.
struct DshwChoice {
  int alpha = -1;
  int gamma = -1;
  int delta = -1;
  int phi = -1;
  bool operator==(const DshwChoice&) const = default;
};

// `values` are y or log y, as long as the past (its grid is used for the seasons). out[h - 1] in
// the units of `values`. `choice` is read as the warm start and holds the new choice afterwards.
// Without a week the forecast is the same hour of the last day.
void Dshw(const Past& past, std::span<const double> values, DshwChoice& choice,
          std::span<double> out);

}  // namespace foreshard::forecast

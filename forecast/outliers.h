#pragma once

#include <functional>
#include <vector>

#include "forecast/past.h"

// Outliers, for fitting only: what a backup or a broken meter put into a bin or two must not bend
// the regressions. The forecast still sees it, and it still counts as an error.
//
//   r(i) = y(i) - median of y(i +- 1, 2, 3 days);   |r| > mads * median |r| in a run of at most 2
//   bins: y(i) is moved to where |r| is that
//
// A longer run is no outlier but news. A series that repeats itself exactly has no measure of what
// is far, so nothing of it is cut. Cost: 0.1 us a bin.

namespace foreshard::forecast {

// The values of `past` with outliers cut; those of bins that `exempt` names stay (a known event is
// no accident). Needs four days; else nothing is cut.
std::vector<double> WithoutOutliers(const Past& past, double mads,
                                    const std::function<bool(model::BinIndex)>& exempt);

}  // namespace foreshard::forecast

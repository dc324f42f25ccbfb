#pragma once

#include <optional>
#include <vector>

#include "base/random.h"
#include "forecast/forecaster.h"
#include "model/load.h"

// The day ahead of one shard's demand, in long steps (half-hours where a day has 24 hours): what
// the fan of the next bins does not reach.

namespace foreshard::op {

// Bins of one step: the fewest that cut a day of `day_bins` into at most 48 equal steps, and the
// week too (0: there is none). 0: a day so short cannot be cut into steps.
int DayStepBins(int day_bins, int week_bins);

// The series in whole steps, counted from 1970 as bins are; the mean of what is known of each. A
// step of which not more than half is known is missing. REQUIRES: step_bins > 0.
model::DemandSeries InSteps(const model::DemandSeries& series, int step_bins);
// Events and clock changes on the same grid.
forecast::Calendar InSteps(const forecast::Calendar& calendar, int step_bins);

// A value: copies are independent. It is not kept over restarts, which cost a fit.
class DayForecast {
 public:
  // What is asked of one pass, so that shards of one age do not all learn in the same one.
  struct Budget {
    int refits = 8;
  };

  // Brings it forward to the last whole step of `series`. `options` are those of the bins; `anew`:
  // the past is not what it was. A day that cannot be forecast is empty, which is no error.
  void Follow(const model::DemandSeries& series, const forecast::Calendar& calendar,
              const forecast::Options& options, bool anew, Budget& budget);

  // Quantiles of demand. The first step holds the bin after the newest, and may have begun before
  // it. Empty: fewer than two whole days are known.
  const std::vector<model::Quantiles>& steps() const { return steps_; }

 private:
  void Fit(const model::DemandSeries& steps, const forecast::Calendar& calendar,
           const forecast::Options& options);
  void Append(const model::DemandSeries& steps, Budget& budget);

  std::optional<forecast::Fitted> fitted_;
  std::vector<model::Quantiles> steps_;
};

}  // namespace foreshard::op

#pragma once

#include <span>
#include <vector>

#include "model/estimator.h"
#include "model/load.h"

// Learning what demand costs: non-negative, robust, forgetting, shrunk to what the whole set has
// learned.
//
//   used_t = background(slot of the day) + sum_k weight_k rate_k + error,   weight, background >= 0
//
// Least absolute deviations by reweighting; each round is a non-negative least squares problem
// solved by coordinate descent (exact for a convex quadratic). Rows forget with a half-life of 3
// days. Source: Lawson and Hanson, Solving Least Squares Problems, 1974, for the problem; the
// exclusion rule follows MongoDB's engineering notes on predictive scaling. Cost: 2 ms for 2,000
// rows. A background by slot of the day is only learned from three days on.

namespace foreshard::forecast {

// One bin of one shard; of a set, the bins of all its shards, ordered by time. Oldest first. Not
// measured: NaN. Bins during a copy, an outage or a hold are left out by the caller.
struct UsageRow {
  model::BinIndex at = 0;
  model::DemandPoint demand;
  double cpu_cores = 0;
  double io_per_second = 0;
  double latency_seconds = 0;  // p99
  double peak_ratio = 1;       // largest sample / mean of the bin
};

struct EstimatorOptions {
  int day_bins = 288;
  double half_life_days = 3;
  double prior_rows = 60;  // weight of the set's weights against a shard's own rows
  double capacity_cores = 1;
  double error_share_max =
      0.10;  // median error of the last day over this share of capacity: excluded
  double demand_ratio_min = 2;  // demand seen must cover at least this factor
  int rows_min = 12;
};

// Never fails: with too little to learn from, the value says that it is excluded, and why.
// `prior` is the estimator of the whole set, or none.
model::Estimator FitEstimator(std::span<const UsageRow> rows, const EstimatorOptions& options,
                              const model::Estimator* prior);

// Bytes of one shard by time, oldest first, one value a bin; robust slope of the last 7 days.
model::StorageTrend FitStorage(std::span<const double> bytes, int day_bins);

}  // namespace foreshard::forecast

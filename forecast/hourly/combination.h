#pragma once

#include <Eigen/Dense>
#include <vector>

#include "forecast/hourly/models.h"

// Weights of the hourly pool, from forecasts made at past origins.
//
//   w ~ (min E / E)^4 per bucket of a third of a day, E = (error of the bucket + whole error) / 2,
//   origins weighted exp(-0.2 (k - 1)), k = 1 the newest
//
// The reference rule (the golden 0.401 of M4): half the mean with w ~ (min E / E)^4 of the whole
// error, half the median of the best seven.

namespace foreshard::forecast {

// Forecasts of one past origin and what came.
struct PastForecast {
  model::BinIndex origin = 0;
  Eigen::ArrayXXd forecasts;  // steps x models
  Eigen::ArrayXd actual;      // steps; NaN where it is not known
};

enum class HourlyRule { kProduct, kReference, kSelectBest, kEqual };

struct HourlyCombination {
  HourlyRule rule = HourlyRule::kProduct;
  HourlyMask wanted = ProductModels();
  double power = 4;
  double recency = 0.2;
  int bucket_steps = 8;
};

// Weights over models for each step, fitted on origins without `left_out` (-1: on all). Origins are
// newest first. Rows: steps, columns: models; rows sum to 1.
Eigen::ArrayXXd HourlyWeights(const std::vector<PastForecast>& origins, int left_out, int horizon,
                              const HourlyCombination& rule);

// The combined forecast of `forecasts` (steps x models).
Eigen::ArrayXd Combine(const std::vector<PastForecast>& origins, int left_out,
                       const Eigen::ArrayXXd& forecasts, const HourlyCombination& rule);

}  // namespace foreshard::forecast

#pragma once

#include <Eigen/Dense>
#include <vector>

#include "forecast/shared.h"
#include "model/load.h"

// How wide the hourly fan is, from the errors at past origins, each made with weights that did not
// know the origin (else intervals are too narrow).
//
//   scale(h)    = 0.8 error of h's bucket + 0.2 whole error + 2 % of the seasonal-naive error
//   quantile(h) = median + (0.3 pooled + 0.7 own quantile of scaled errors) * scale(h)
//
// Own: all steps of this series; pooled: all series, steps h +- 2. The limits beyond 95 % are
// widened by 1.12: the sample is small and its tails are not in it. Source: split conformal
// prediction.

namespace foreshard::forecast {

struct IntervalRules {
  int bucket_steps = 8;
  double bucket_share = 0.8;
  double naive_share = 0.02;
  double own_share = 0.7;
  double widening = 1.12;
};

class HourlyIntervals {
 public:
  // `errors`: y - median at past origins, steps x origins, NaN where unknown; newest first.
  HourlyIntervals(const Eigen::ArrayXXd& errors, double naive_error, const IntervalRules& rules);

  double scale(int step) const { return scale_(step - 1); }
  // Scaled errors, steps x origins.
  const Eigen::ArrayXXd& scaled() const { return scaled_; }

  // Ascending; never below zero when `non_negative`. The entry of the median is `median` itself.
  model::Quantiles At(int step, double median, const PooledErrors& pooled, bool non_negative) const;
  // Largest scaled error within the first `bins` of each origin, as quantiles; with few origins
  // never below the single-step ones.
  model::Quantiles WindowFactor(int bins, const PooledErrors& pooled) const;
  // Share of the outcomes of each origin inside the central 90 % of the other origins' errors.
  double Coverage90() const;

 private:
  double Factor(int step, std::size_t level, const PooledErrors& pooled) const;

  IntervalRules rules_;
  Eigen::ArrayXXd scaled_;
  Eigen::ArrayXd scale_;
  model::Quantiles own_{};
  std::size_t own_count_ = 0;
};

}  // namespace foreshard::forecast

#pragma once

#include <vector>

#include "model/load.h"

// What a statement costs: cores = background + read cost * reads/s + write cost * writes/s, all
// costs >= 0, learned from what was seen. More demand never means less utilisation.

namespace foreshard::op {

struct CpuRow {
  model::DemandPoint demand;
  double cores = 0;
  double age_bins = 0;
};

struct CpuModel {
  double background_cores = 0;
  double cores_per_read = 0;  // cores for one statement a second
  double cores_per_write = 0;
  double median_error_cores = 0;
  double demand_ratio =
      0;  // largest statements/s seen over the smallest; below 2 nothing is known about more load
  std::size_t rows = 0;

  double Cores(const model::DemandPoint& demand) const;
  bool operator==(const CpuModel&) const = default;
};

inline constexpr std::size_t kCpuRowsMin = 12;
inline constexpr double kDemandRatioMin = 2;
inline constexpr double kErrorShareMax = 0.10;  // of the capacity

// Enough rows over enough different demand, and right to within a tenth of the capacity.
bool IsUsable(const CpuModel& model, double capacity_cores);

// Non-negative robust regression: iteratively reweighted least squares towards least absolute
// deviations (weights halve with `half_life_bins` of age). Source: Lawson and Hanson, Solving Least
// Squares Problems, 1974, chapter 23, by trying all active sets of three coefficients.
CpuModel FitCpuModel(const std::vector<CpuRow>& rows, double half_life_bins);

}  // namespace foreshard::op

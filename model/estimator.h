#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "model/load.h"

// The fitted Estimator: what a demand costs a shard. A plain value, so that a planner evaluates it
// for placements that do not exist yet without knowing how it was learned (forecast/estimator.h).

namespace foreshard::model {

// Capacity of one member, in the units of the weights below.
struct ShardSize {
  double cpu_cores = 1;
  double io_per_second = 0;  // 0: not limited
};

// used = background(hour) + sum of weight * rate, in absolute units (cores, I/O a second). More
// demand never means less.
struct ResourceModel {
  std::array<double, kDemandKinds> weight{};  // >= 0
  std::vector<double> background;  // >= 0, by slot of the day (vacuum, backup); empty: none
  Quantiles error{};               // of used - estimated
  double median_error = 0;         // |used - estimated| over the last day

  double Used(const DemandPoint& demand, int slot) const;
  bool operator==(const ResourceModel&) const = default;
};

// latency = base + queueing * u / (1 - u), u the utilisation of the CPU; for reports and as a soft
// price.
struct LatencyModel {
  double base_seconds = 0;
  double queueing_seconds = 0;

  double At(double utilisation) const;  // u is cut at 0.99
  bool operator==(const LatencyModel&) const = default;
};

struct Estimator {
  int day_bins = 288;
  ResourceModel cpu;  // cores
  ResourceModel io;   // operations a second
  LatencyModel latency;
  std::vector<double> peak_factor;  // by slot: how far the largest sample of a bin lies above its
                                    // mean; >= 1; empty: 1
  bool excluded = true;             // then capacity is the highest demand seen below the target
  std::string reason = "no data";   // why it is excluded
  double statements_seen_most = 0;  // largest read + write rate it learned from

  // Slot of the day of a bin, 0-based; there are as many slots as entries of background.
  int SlotOf(BinIndex bin, std::size_t slots) const;
  // Fractions of capacity at a bin, peak factor included. 1 is all of it.
  double CpuUtilisation(const DemandPoint& demand, const ShardSize& size, BinIndex bin) const;
  double IoUtilisation(const DemandPoint& demand, const ShardSize& size, BinIndex bin) const;
  bool operator==(const Estimator&) const = default;
};

// Bytes a day ahead: the newest size plus a robust slope with its spread.
struct StorageTrend {
  double bytes = 0;
  Quantiles bytes_per_day{};

  // Quantiles of the size after that many days; never below zero.
  Quantiles After(double days) const;
  bool operator==(const StorageTrend&) const = default;
};

}  // namespace foreshard::model

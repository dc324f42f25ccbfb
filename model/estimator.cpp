#include "model/estimator.h"

#include <algorithm>

namespace foreshard::model {

namespace {

constexpr double kUtilisationMost = 0.99;  // the queue is endless at 1

double PeakFactor(const Estimator& estimator, BinIndex bin) {
  if (estimator.peak_factor.empty()) return 1;
  return estimator
      .peak_factor[static_cast<std::size_t>(estimator.SlotOf(bin, estimator.peak_factor.size()))];
}

double Utilisation(const Estimator& estimator, const ResourceModel& resource,
                   const DemandPoint& demand, double capacity, BinIndex bin) {
  if (capacity <= 0) return 0;
  const int slot = estimator.SlotOf(bin, resource.background.size());
  return std::max(0.0, resource.Used(demand, slot) * PeakFactor(estimator, bin) / capacity);
}

}  // namespace

double ResourceModel::Used(const DemandPoint& demand, int slot) const {
  double used = background.empty() ? 0 : background[static_cast<std::size_t>(slot)];
  for (std::size_t kind = 0; kind < kDemandKinds; ++kind) used += weight[kind] * demand.rate[kind];
  return used;
}

double LatencyModel::At(double utilisation) const {
  const double u = std::clamp(utilisation, 0.0, kUtilisationMost);
  return base_seconds + queueing_seconds * u / (1 - u);
}

int Estimator::SlotOf(BinIndex bin, std::size_t slots) const {
  if (slots == 0 || day_bins <= 0) return 0;
  const BinIndex position = ((bin % day_bins) + day_bins) % day_bins;
  return static_cast<int>(position * static_cast<BinIndex>(slots) / day_bins);
}

double Estimator::CpuUtilisation(const DemandPoint& demand, const ShardSize& size,
                                 BinIndex bin) const {
  return Utilisation(*this, cpu, demand, size.cpu_cores, bin);
}

double Estimator::IoUtilisation(const DemandPoint& demand, const ShardSize& size,
                                BinIndex bin) const {
  return Utilisation(*this, io, demand, size.io_per_second, bin);
}

Quantiles StorageTrend::After(double days) const {
  Quantiles size{};
  for (std::size_t i = 0; i < kFanLevels; ++i)
    size[i] = std::max(0.0, bytes + days * bytes_per_day[i]);
  return size;
}

}  // namespace foreshard::model

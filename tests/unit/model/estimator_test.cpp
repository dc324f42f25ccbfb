#include "model/estimator.h"

#include <gtest/gtest.h>

namespace foreshard::model {
namespace {

TEST(Estimator, UsageIsWeightsTimesDemandPlusTheBackgroundOfTheHour) {
  Estimator estimator;
  estimator.day_bins = 48;
  estimator.cpu.weight = {1e-3, 2e-3, 0, 0, 0, 0};
  estimator.cpu.background.assign(24, 0.1);
  estimator.cpu.background[1] = 0.3;
  DemandPoint demand;
  demand[DemandKind::kReads] = 100;
  demand[DemandKind::kWrites] = 50;
  EXPECT_DOUBLE_EQ(estimator.CpuUtilisation(demand, {.cpu_cores = 1}, 48'000), 0.3);
  EXPECT_DOUBLE_EQ(estimator.CpuUtilisation(demand, {.cpu_cores = 2}, 48'002), 0.25)
      << "the second hour has a backup";
  EXPECT_DOUBLE_EQ(estimator.CpuUtilisation(demand, {.cpu_cores = 1}, -46), 0.5)
      << "before 1970 the day goes on";
  estimator.peak_factor.assign(24, 1.5);
  EXPECT_DOUBLE_EQ(estimator.CpuUtilisation(demand, {.cpu_cores = 1}, 48'000), 0.45);
}

TEST(Estimator, LatencyGrowsWithTheQueueAndStaysFinite) {
  const LatencyModel latency{.base_seconds = 0.002, .queueing_seconds = 0.001};
  EXPECT_DOUBLE_EQ(latency.At(0.5), 0.003);
  EXPECT_LT(latency.At(0.5), latency.At(0.9));
  EXPECT_NEAR(latency.At(5), 0.002 + 0.099, 1e-12);
}

TEST(Estimator, StorageNeverShrinksBelowNothing) {
  StorageTrend trend{.bytes = 100, .bytes_per_day = {}};
  trend.bytes_per_day.fill(-80);
  EXPECT_EQ(trend.After(2)[kMedian], 0);
  EXPECT_EQ(trend.After(1)[kMedian], 20);
}

}  // namespace
}  // namespace foreshard::model

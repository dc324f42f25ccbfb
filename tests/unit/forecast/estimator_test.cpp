#include "forecast/estimator.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace foreshard::forecast {
namespace {

using model::DemandKind;

constexpr int kDay = 96;

// cores = 0.05 + 0.2 ms a read + 0.8 ms a write, plus 0.1 cores of backup in the first two hours.
double Truth(const model::DemandPoint& demand, model::BinIndex at) {
  const double backup = at % kDay < 2 * kDay / 24 ? 0.1 : 0;
  return 0.05 + backup + 2e-4 * demand[DemandKind::kReads] + 8e-4 * demand[DemandKind::kWrites];
}

std::vector<UsageRow> Rows(int bins, double noise, std::uint64_t seed) {
  Random random(seed);
  std::vector<UsageRow> rows;
  for (int i = 0; i < bins; ++i) {
    UsageRow row;
    row.at = 1000 * kDay + i;
    row.demand[DemandKind::kReads] = 500 + 400 * std::sin(i / 15.0) + 50 * random.Unit();
    row.demand[DemandKind::kWrites] = 120 + 80 * std::sin(i / 9.0) + 20 * random.Unit();
    row.cpu_cores = Truth(row.demand, row.at) * std::exp(noise * random.Normal());
    row.io_per_second = 3 * row.demand[DemandKind::kWrites];
    const double u = row.cpu_cores;
    row.latency_seconds = 0.002 + 0.004 * u / (1 - u);
    row.peak_ratio = 1.2;
    rows.push_back(row);
  }
  return rows;
}

TEST(Estimator, RecoversWhatAStatementCosts) {
  const model::Estimator estimator =
      FitEstimator(Rows(5 * kDay, 0.03, 1), {.day_bins = kDay}, nullptr);
  ASSERT_FALSE(estimator.excluded) << estimator.reason;
  EXPECT_NEAR(estimator.cpu.weight[0], 2e-4, 2e-5);
  EXPECT_NEAR(estimator.cpu.weight[1], 8e-4, 8e-5);
  EXPECT_NEAR(estimator.cpu.background[0] - estimator.cpu.background[12], 0.1, 0.02)
      << "the backup at night";
  EXPECT_NEAR(estimator.io.weight[1], 3, 0.1);
  EXPECT_NEAR(estimator.latency.base_seconds, 0.002, 2e-4);
  EXPECT_NEAR(estimator.latency.queueing_seconds, 0.004, 4e-4);
  EXPECT_NEAR(estimator.peak_factor[3], 1.2, 1e-9);
}

// Minutes of data at two rates, CPU sampled every third bin and held in between, as a kubelet does:
// the rates follow the time, and still they, not the time, are what costs.
TEST(Estimator, AFewMinutesAtTwoRatesTeachTheSlopeAndNoHours) {
  Random random(7);
  std::vector<UsageRow> rows;
  double held = 0.05;
  for (int i = 0; i < 48; ++i) {
    UsageRow row;
    row.at = 1000 * kDay + i;
    const double rate = (i / 12 % 2 == 0 ? 200 : 1200) * (1 + 0.03 * random.Normal());
    row.demand[DemandKind::kReads] = 0.7 * rate;
    row.demand[DemandKind::kWrites] = 0.3 * rate;
    if (i % 3 == 0) held = 0.05 + 2e-4 * rate * (1 + 0.05 * random.Normal());
    row.cpu_cores = held;
    row.io_per_second = NAN;
    row.latency_seconds = NAN;
    rows.push_back(row);
  }
  const model::Estimator estimator = FitEstimator(rows, {.day_bins = kDay}, nullptr);
  ASSERT_FALSE(estimator.excluded) << estimator.reason;
  model::DemandPoint more;
  more[DemandKind::kReads] = 0.7 * 2400;
  more[DemandKind::kWrites] = 0.3 * 2400;
  EXPECT_NEAR(estimator.cpu.Used(more, 0), 0.05 + 2e-4 * 2400, 0.05) << "twice the most seen";
  for (const double background : estimator.cpu.background) {
    EXPECT_NEAR(background, estimator.cpu.background[0], 0.005);
  }
}

TEST(Estimator, KindsInAFixedProportionStillPredictTheirSum) {
  Random random(5);
  std::vector<UsageRow> rows;
  for (int i = 0; i < 100; ++i) {
    UsageRow row;
    row.at = i;
    const double statements = 100 + 900 * random.Unit();
    row.demand[DemandKind::kReads] = 0.7 * statements;
    row.demand[DemandKind::kWrites] = 0.3 * statements;
    row.cpu_cores = 0.02 + 2e-4 * statements;
    rows.push_back(row);
  }
  const model::Estimator estimator = FitEstimator(rows, {.day_bins = kDay}, nullptr);
  model::DemandPoint more;
  more[DemandKind::kReads] = 1400;
  more[DemandKind::kWrites] = 600;
  EXPECT_NEAR(estimator.cpu.Used(more, 0), 0.42, 0.01);
}

TEST(Estimator, OutliersDoNotMoveIt) {
  std::vector<UsageRow> rows = Rows(5 * kDay, 0.03, 2);
  for (std::size_t i = 0; i < rows.size(); i += 12) rows[i].cpu_cores = 0.99;
  const model::Estimator estimator = FitEstimator(rows, {.day_bins = kDay}, nullptr);
  EXPECT_NEAR(estimator.cpu.weight[1], 8e-4, 1e-4);
}

TEST(Estimator, MoreDemandNeverMeansLess) {
  // CPU that falls while demand grows: the weights stop at zero, and the estimator says that it is
  // of no use.
  std::vector<UsageRow> rows = Rows(2 * kDay, 0, 3);
  for (UsageRow& row : rows) row.cpu_cores = 0.9 - Truth(row.demand, row.at);
  const model::Estimator estimator = FitEstimator(rows, {.day_bins = kDay}, nullptr);
  for (const double weight : estimator.cpu.weight) EXPECT_GE(weight, 0);
  EXPECT_TRUE(estimator.excluded);
  EXPECT_FALSE(estimator.reason.empty());
}

TEST(Estimator, ExcludesItselfWhenItKnowsTooLittle) {
  EXPECT_TRUE(FitEstimator({}, {.day_bins = kDay}, nullptr).excluded);
  std::vector<UsageRow> flat = Rows(2 * kDay, 0, 4);
  for (UsageRow& row : flat) {
    row.demand[DemandKind::kReads] = 500 + row.demand[DemandKind::kReads] / 100;
    row.demand[DemandKind::kWrites] = 100;
  }
  EXPECT_NE(FitEstimator(flat, {.day_bins = kDay}, nullptr).reason.find("factor"),
            std::string::npos);

  std::vector<UsageRow> wild = Rows(2 * kDay, 0, 5);
  Random random(6);
  for (UsageRow& row : wild) row.cpu_cores = random.Unit();
  EXPECT_NE(FitEstimator(wild, {.day_bins = kDay}, nullptr).reason.find("error"),
            std::string::npos);
}

TEST(Estimator, ALieIsForgottenWithinDays) {
  std::vector<UsageRow> rows = Rows(12 * kDay, 0.02, 7);
  for (std::size_t i = 0; i < 6 * kDay; ++i) rows[i].cpu_cores /= 2;  // half the truth, long ago
  const model::Estimator estimator =
      FitEstimator(rows, {.day_bins = kDay, .half_life_days = 1}, nullptr);
  EXPECT_NEAR(estimator.cpu.weight[1], 8e-4, 1.5e-4);
}

TEST(Estimator, AYoungShardLeansOnItsSet) {
  const model::Estimator set = FitEstimator(Rows(5 * kDay, 0.02, 8), {.day_bins = kDay}, nullptr);
  const model::Estimator alone = FitEstimator(Rows(16, 0.3, 9), {.day_bins = kDay}, nullptr);
  const model::Estimator young = FitEstimator(Rows(16, 0.3, 9), {.day_bins = kDay}, &set);
  EXPECT_LT(std::abs(young.cpu.weight[1] - 8e-4), std::abs(alone.cpu.weight[1] - 8e-4) + 1e-6);
  EXPECT_NEAR(young.cpu.weight[1], 8e-4, 1.5e-4);
}

TEST(Estimator, UtilisationIsRelativeToTheSize) {
  const model::Estimator estimator =
      FitEstimator(Rows(5 * kDay, 0.01, 10), {.day_bins = kDay}, nullptr);
  model::DemandPoint demand;
  demand[DemandKind::kReads] = 800;
  demand[DemandKind::kWrites] = 150;
  const model::BinIndex noon = 1000 * kDay + kDay / 2;
  const double one = estimator.CpuUtilisation(demand, {.cpu_cores = 1}, noon);
  EXPECT_NEAR(one, 1.2 * Truth(demand, noon), 0.03);
  EXPECT_NEAR(estimator.CpuUtilisation(demand, {.cpu_cores = 4}, noon), one / 4, 1e-12);
  EXPECT_EQ(estimator.IoUtilisation(demand, {.cpu_cores = 1}, noon), 0) << "I/O is not limited";
}

TEST(Storage, GrowthIsTheRobustSlope) {
  std::vector<double> bytes;
  Random random(3);
  for (int i = 0; i < 10 * kDay; ++i) bytes.push_back(1e9 + 1e6 * i + 1e7 * random.Unit());
  const model::StorageTrend trend = FitStorage(bytes, kDay);
  EXPECT_NEAR(trend.bytes_per_day[model::kMedian], 1e6 * kDay, 5e6);
  EXPECT_GT(trend.After(1)[model::kMedian], trend.bytes);
  EXPECT_EQ(FitStorage({}, kDay).bytes, 0);
}

}  // namespace
}  // namespace foreshard::forecast

#include "operator/forecasts/cpu_model.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace foreshard::op {
namespace {

CpuRow Row(double reads, double writes, double cores) {
  CpuRow row{.demand = {}, .cores = cores, .age_bins = 0};
  row.demand[model::DemandKind::kReads] = reads;
  row.demand[model::DemandKind::kWrites] = writes;
  return row;
}

std::vector<CpuRow> Rows(Random& random, int count, double noise) {
  std::vector<CpuRow> rows;
  for (int i = 0; i < count; ++i) {
    const double reads = 100 + 900 * random.Unit();
    const double writes = 50 + 300 * random.Unit();
    rows.push_back(
        Row(reads, writes, 0.01 + 1e-4 * reads + 3e-4 * writes + noise * random.Normal()));
  }
  return rows;
}

TEST(CpuModel, RecoversWhatStatementsCost) {
  constexpr std::uint64_t kSeed = 2;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  const CpuModel model = FitCpuModel(Rows(random, 200, 0.003), 1'000);
  EXPECT_NEAR(model.cores_per_read, 1e-4, 1e-5);
  EXPECT_NEAR(model.cores_per_write, 3e-4, 2e-5);
  EXPECT_NEAR(model.background_cores, 0.01, 0.005);
  EXPECT_TRUE(IsUsable(model, 0.3));
}

TEST(CpuModel, IgnoresAFewWildSamples) {
  Random random(3);
  std::vector<CpuRow> rows = Rows(random, 200, 0.001);
  for (std::size_t i = 0; i < 20; ++i) rows[i * 10].cores = 3.0;
  const CpuModel model = FitCpuModel(rows, 1'000);
  EXPECT_NEAR(model.cores_per_read, 1e-4, 1e-5);
}

TEST(CpuModel, MoreDemandNeverMeansLessCpu) {
  Random random(4);
  std::vector<CpuRow> rows;
  for (int i = 0; i < 100; ++i) {
    const double reads = 100 + 900 * random.Unit();
    rows.push_back(Row(reads, 0, 0.5 - 1e-4 * reads));
  }
  const CpuModel model = FitCpuModel(rows, 1'000);
  EXPECT_GE(model.cores_per_read, 0);
  EXPECT_GE(model.background_cores, 0);
}

TEST(CpuModel, KindsInAFixedProportionStillPredictTheirSum) {
  Random random(5);
  std::vector<CpuRow> rows;
  for (int i = 0; i < 100; ++i) {
    const double statements = 100 + 900 * random.Unit();
    rows.push_back(Row(0.7 * statements, 0.3 * statements, 0.02 + 2e-4 * statements));
  }
  const CpuModel model = FitCpuModel(rows, 1'000);
  EXPECT_NEAR(model.Cores(Row(1'400, 600, 0).demand), 0.42, 0.01) << "twice the most that was seen";
}

TEST(CpuModel, ExcludesItselfWhereItKnowsNothing) {
  Random random(6);
  EXPECT_FALSE(IsUsable(FitCpuModel({}, 100), 1));
  EXPECT_FALSE(IsUsable(FitCpuModel(Rows(random, 5, 0), 100), 1)) << "too few rows";
  std::vector<CpuRow> narrow;
  for (int i = 0; i < 50; ++i) narrow.push_back(Row(100 + i, 0, 0.1));
  EXPECT_FALSE(IsUsable(FitCpuModel(narrow, 100), 1)) << "never saw twice the demand";
  EXPECT_FALSE(IsUsable(FitCpuModel(Rows(random, 100, 0.5), 100), 0.3))
      << "wrong by more than a tenth of the capacity";
}

}  // namespace
}  // namespace foreshard::op

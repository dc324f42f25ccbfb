#include "planner/grown_demand.h"

#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

class GrownDemandTest : public testing::Test {
 protected:
  GrownDemandTest() {
    problem_.shards[0].background = 0.1;
    SetLoad(problem_.shards[0], {.from = 0.3, .to = 0.53, .spread = 0.2});
  }

  Problem problem_ = TwoShards();  // now is 1,000; the forecast reaches 24 bins
  UsualLoad usual_{.step_bins = 2, .utilisation = {{{"s-aaaa"}, {0.2, 0.4, 0.6}}}};
  Growth growth_{.from = 1'010, .to = 1'100, .factor = 2, .shards = {{"s-aaaa"}}};
  GrownDemand demand_{problem_, usual_, growth_};
};

TEST_F(GrownDemandTest, TheForecastIsTakenWhereItReachesAndTheUsualLoadBeyond) {
  EXPECT_NEAR(demand_.Median(0, 1'001), 0.3 - 0.1, 1e-9) << "of clients, without background";
  EXPECT_NEAR(demand_.Median(0, 1'009), 0.38 - 0.1, 1e-9);
  EXPECT_NEAR(demand_.Median(0, 2'000), 0.4 - 0.1, 1e-9) << "place 1000 mod 3";
  EXPECT_NEAR(demand_.Median(0, 2'001), 0.4 - 0.1, 1e-9) << "two bins a place";
  EXPECT_NEAR(demand_.Median(0, 2'002), 0.6 - 0.1, 1e-9);
  EXPECT_NEAR(demand_.Median(1, 2'000), 0.3, 1e-9) << "nothing usual is known: as it is";
}

TEST_F(GrownDemandTest, ClientsOfTheNamedShardsAskMoreInThoseBins) {
  EXPECT_NEAR(demand_.Median(0, 1'010), 2 * (0.39 - 0.1), 1e-9);
  EXPECT_NEAR(demand_.Median(0, 1'010, false), 0.39 - 0.1, 1e-9);
  EXPECT_NEAR(demand_.Median(0, 1'100), demand_.Median(0, 1'100, false), 1e-9) << "half-open";
  EXPECT_NEAR(demand_.Median(1, 1'010), 0.3, 1e-9);
}

TEST_F(GrownDemandTest, PathsKeepTheForecastsOwnErrors) {
  EXPECT_DOUBLE_EQ(demand_.At(0, 1'010, 0, 5), demand_.Median(0, 1'010)) << "what is measured";
  const double low = demand_.At(0, 1'010, 10, 0);
  const double high = demand_.At(0, 1'010, 10, 63);
  EXPECT_LT(low, demand_.Median(0, 1'010));
  EXPECT_GT(high, demand_.Median(0, 1'010));
  // Beyond the horizon the spread is that at its end.
  EXPECT_NEAR(demand_.At(0, 3'000, 24, 63) / demand_.Median(0, 3'000),
              demand_.At(0, 3'000, 500, 63) / demand_.Median(0, 3'000), 1e-12);
}

}  // namespace
}  // namespace foreshard::planner

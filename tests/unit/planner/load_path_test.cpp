#include "planner/load_path.h"

#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

TEST(LoadPath, FindsTheFirstStepAboveAThreshold) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.0, .to = 1.0, .spread = 0});
  const LoadPath path = OwnPath(problem.shards[0]);
  const std::size_t step = FirstAbove(path, 0.95, 0.5, 1, kHorizon);
  EXPECT_EQ(step, 13u) << "medians are (h - 1) / 23";
  EXPECT_EQ(FirstAbove(path, 0.95, 2.0, 1, kHorizon), 0u);
  EXPECT_NEAR(HighestQuantile(path, 0.95, 1, kHorizon), 1.0, 1e-9);
}

TEST(LoadPath, PaysOneMarginForOneRisk) {
  const model::ScalingSpec policy = TwoShards().policy;  // 95, 70 and 80
  Options options;
  EXPECT_NEAR(PlannedLoad(policy, options, 0.5, 0.76), 0.76 * 70 / 80, 1e-9)
      << "a wide fan is held to the limit";
  EXPECT_NEAR(PlannedLoad(policy, options, 0.65, 0.66), 0.65, 1e-9) << "a narrow one to the target";
  options.margin_once = false;
  EXPECT_NEAR(PlannedLoad(policy, options, 0.5, 0.76), 0.76, 1e-9);
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.2, .to = 0.6, .spread = 0.25});
  const LoadPath path = OwnPath(problem.shards[0]);
  options.margin_once = true;
  const double quantile = HighestQuantile(path, 0.95, 1, kHorizon);
  EXPECT_NEAR(HighestPlanned(path, policy, options, 1, kHorizon), quantile * 70 / 80, 1e-9);
  EXPECT_LT(HighestPlanned(path, policy, options, 1, 2), 0.25) << "only the steps that are asked";
}

TEST(LoadPath, LooksAQuarterOfTheDayAheadHoweverLongThatIs) {
  Options options;
  EXPECT_EQ(AheadSteps(options, 48), 12u);
  EXPECT_EQ(AheadSteps(options, 7), 1u);
  EXPECT_EQ(AheadSteps(options, 0), 0u);
  options.ahead_day_share = 2;
  EXPECT_EQ(AheadSteps(options, 48), 48u) << "no further than is known";
}

}  // namespace
}  // namespace foreshard::planner

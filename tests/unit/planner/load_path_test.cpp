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

}  // namespace
}  // namespace foreshard::planner

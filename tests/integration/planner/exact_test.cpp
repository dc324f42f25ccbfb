#include "bench/planner_targets/exact.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/needs.h"

// The planner against the exact optimum of small fleets; see bench/planner_targets/exact.h.

namespace foreshard::bench {
namespace {

const support::Needs kNeeds({"cbc"});

constexpr int kSeeds = 100;

TEST(Exact, OnePlanIsAsGoodAsTheBestOne) {
  const ExactResult result = RunExactPlans(kSeeds);
  fmt::print(
      "one plan, {} fleets: {} are the optimum; of its gain is lost {:.2f} % (median), "
      "{:.2f} % (worst)\n",
      result.fleets, result.optimal, 100 * result.median, 100 * result.worst);
  EXPECT_EQ(result.problem, "");
  EXPECT_GE(result.fleets, 80);
  EXPECT_LE(result.median, 0.03);
  EXPECT_LE(result.worst, 0.10);
}

TEST(Exact, PlansOfAFewCyclesComeCloseToTheBestFleet) {
  const ExactResult result = RunExactFleets(kSeeds);
  fmt::print(
      "fleets after a few cycles: {:.2f} % more member-hours than the optimum (median), "
      "{:.2f} % (worst); if nothing were done {:.2f} % (median)\n",
      100 * result.median, 100 * result.worst, 100 * result.idle);
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.fleets, kSeeds);
  EXPECT_LE(result.median, 0.03);
  // The worst is printed: shards that a single range keeps above its target are left there.
}

}  // namespace
}  // namespace foreshard::bench

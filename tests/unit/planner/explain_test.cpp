#include "planner/explain.h"

#include <gtest/gtest.h>

#include "planner/planner.h"
#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

TEST(Explain, SaysWhatWhereWhenWhyAndWhatElse) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.4, .to = 1.1});
  problem.memory.troubled_cycles = 1;
  Random random(1);
  const std::string text = MakePlan(problem, Options{}, random).summary;
  for (const char* part :
       {"Split s-aaaa at 40 to a new shard before 01:2", "p95 CPU would reach", "limit 80 %",
        "breach probability", "Costs 5", "p80", "overload minutes", "would leave"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Explain, ExplainsDoingNothing) {
  Random random(1);
  const std::string text = MakePlan(TwoShards(), Options{}, random).summary;
  EXPECT_NE(text.find("No change: p95 CPU of the hottest shard"), std::string::npos) << text;
  EXPECT_NE(text.find("limit 80 %"), std::string::npos) << text;
}

}  // namespace
}  // namespace foreshard::planner

#include "planner/draft.h"

#include <gtest/gtest.h>

#include "planner/candidate.h"
#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

Problem Hot() {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.8, .to = 0.8, .spread = 0});
  SetLoad(problem.shards[1], {.from = 0.1, .to = 0.1, .spread = 0});
  return problem;
}

TEST(Draft, AppliedActionsMoveLoadAndKeepBothSidesBusy) {
  const Problem problem = Hot();
  const Options options;
  const Outlook outlook(problem, options);
  Draft draft(outlook);
  Candidate split{.type = model::ActionType::kSplit, .source = 0, .unit = 0, .destination = 1};
  split.part = 0.5;
  split.time = {.p50_seconds = 20, .p80_seconds = 20, .p90_seconds = 20};
  Evaluate(draft, split);
  draft.Apply(split);
  EXPECT_TRUE(draft.Sends(0));
  EXPECT_TRUE(draft.Receives(1));
  EXPECT_TRUE(draft.Moved(0, 0));
  EXPECT_EQ(draft.shards(), 2);
  EXPECT_NEAR(draft.Of(0).back(), 0.4, 1e-5);
  EXPECT_NEAR(draft.Of(1).back(), 0.5, 1e-5);
  EXPECT_NEAR(draft.Of(0).front(), 0.9, 1e-5) << "it carries everything and the copy until then";
  EXPECT_NEAR(draft.objective(), split.action_cost - split.benefit, 1e-12);
  EXPECT_NEAR(draft.ReadingOf(0).peak, 0.9, 1e-5);
}

TEST(Draft, CountsShardsThatAreMadeAndThoseThatGo) {
  const Problem problem = Hot();
  const Options options;
  const Outlook outlook(problem, options);
  Draft draft(outlook);
  Candidate fresh{.type = model::ActionType::kSplit, .source = 0, .unit = 0, .destination = -1};
  fresh.part = 0.5;
  Evaluate(draft, fresh);
  draft.Apply(fresh);
  EXPECT_EQ(draft.shards(), 3);
  Draft merged(outlook);
  Candidate merge{
      .type = model::ActionType::kMerge, .source = 1, .unit = kWholeShard, .destination = 0};
  Evaluate(merged, merge);
  merged.Apply(merge);
  EXPECT_EQ(merged.shards(), 1);
  EXPECT_NEAR(merged.Of(0).back(), 0.9, 1e-5);
  EXPECT_TRUE(merged.Moved(1, 0)) << "a merge takes every unit";
}

TEST(Draft, CutsOverWhenThePredictedDurationHasPassed) {
  const Problem problem = Hot();
  Candidate late;
  late.time.p80_seconds = 11;
  EXPECT_EQ(CutoverStep(problem, late), 3u) << "bins of five seconds";
  late.begin = 4;
  EXPECT_EQ(CutoverStep(problem, late), 7u);
}

}  // namespace
}  // namespace foreshard::planner

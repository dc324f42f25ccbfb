#include "planner/candidate.h"

#include <gtest/gtest.h>

#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

TEST(Candidate, NeverSendsLoadToATroubledBusyOrUnreadyShard) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.5, .to = 1.0});
  const auto destinations = [&] {
    const Options options;
    const Outlook outlook(problem, options);
    std::size_t existing = 0;
    for (const Candidate& candidate : CandidatesFor(Draft(outlook), 0, true, false).candidates)
      existing += candidate.destination >= 0;
    return existing;
  };
  EXPECT_EQ(destinations(), 1u);
  problem.shards[1].migrating = true;
  EXPECT_EQ(destinations(), 0u);
  problem.shards[1].migrating = false;
  problem.shards[1].ready = false;
  EXPECT_EQ(destinations(), 0u);
  problem.shards[1].ready = true;
  SetLoad(problem.shards[1], {.from = 0.3, .to = 0.75});
  EXPECT_EQ(destinations(), 0u) << "it peaks within the horizon itself";
}

TEST(Candidate, AShardWithSeveralRangesMayGiveAWholeOne) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.5, .to = 1.0});
  problem.shards[0].units = {EvenUnit("", "40", 0.5), EvenUnit("40", "80", 0.5)};
  const Options options;
  const Outlook outlook(problem, options);
  bool move = false;
  for (const Candidate& candidate : CandidatesFor(Draft(outlook), 0, true, false).candidates) {
    if (candidate.type != model::ActionType::kMove) continue;
    move = true;
    EXPECT_DOUBLE_EQ(candidate.share, 0.5);
    EXPECT_EQ(candidate.range, problem.shards[0].units[candidate.unit].range);
  }
  EXPECT_TRUE(move);
}

TEST(Candidate, ReliefComesAtTheCutoverNotBefore) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 1.0, .to = 1.0});
  Candidate early{.type = model::ActionType::kSplit, .source = 0, .unit = 0, .destination = -1};
  early.share = 0.5;
  early.part = 0.5;
  early.bytes = 1e6;
  Candidate late = early;
  early.time = {.p50_seconds = 10, .p80_seconds = 10, .p90_seconds = 10};
  late.time = {.p50_seconds = 90, .p80_seconds = 90, .p90_seconds = 90};
  const Options options;
  const Outlook outlook(problem, options);
  Evaluate(Draft(outlook), early);
  Evaluate(Draft(outlook), late);
  EXPECT_GT(early.benefit, late.benefit);
  EXPECT_GT(early.overload_minutes_avoided, late.overload_minutes_avoided);
  EXPECT_TRUE(early.keeps_target);
}

}  // namespace
}  // namespace foreshard::planner

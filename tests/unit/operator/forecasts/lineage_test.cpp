#include "operator/forecasts/lineage.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace foreshard::op {
namespace {

ShardDemand Demand(std::vector<double> reads) {
  ShardDemand demand;
  for (const double value : reads) {
    model::DemandPoint point;
    point[model::DemandKind::kReads] = std::max(0.0, value);
    demand.points.push_back(point);
    demand.known.push_back(value >= 0);
  }
  return demand;
}

std::vector<double> Reads(const ShardDemand& demand) {
  std::vector<double> reads;
  for (const model::DemandPoint& point : demand.points)
    reads.push_back(point[model::DemandKind::kReads]);
  return reads;
}

constexpr model::BinIndex kFirst = 100;

TEST(Lineage, AChildInheritsItsMeasuredShareOfTheParentsPast) {
  // The cutover is at the end of bin 103; afterwards the child does a quarter of both.
  const auto after = WithLineage(
      {{{"s-a"}, Demand({40, 80, 120, 160, 75, 90})}, {{"s-b"}, Demand({-1, -1, -1, -1, 25, 30})}},
      {{.migration = "m", .source = {"s-a"}, .destination = {"s-b"}, .at = 103}}, kFirst);
  EXPECT_EQ(Reads(after.at({"s-b"})), (std::vector<double>{10, 20, 30, 40, 25, 30}));
  EXPECT_EQ(Reads(after.at({"s-a"})), (std::vector<double>{30, 60, 90, 120, 75, 90}));
  EXPECT_EQ(after.at({"s-b"}).known, std::vector<bool>(6, true));
}

TEST(Lineage, NothingIsLostOrInvented) {
  const auto before = std::map<model::ShardId, ShardDemand>{
      {{"s-a"}, Demand({40, 80, 120, 160, 75, 90})}, {{"s-b"}, Demand({-1, -1, -1, -1, 25, 30})}};
  const auto after = WithLineage(
      before, {{.migration = "m", .source = {"s-a"}, .destination = {"s-b"}, .at = 103}}, kFirst);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(Reads(after.at({"s-a"}))[i] + Reads(after.at({"s-b"}))[i],
                Reads(before.at({"s-a"}))[i], 1e-9);
  }
}

TEST(Lineage, RightAfterTheCutoverHalfIsAssumed) {
  const auto after = WithLineage(
      {{{"s-a"}, Demand({40, 80})}},
      {{.migration = "m", .source = {"s-a"}, .destination = {"s-b"}, .at = 101}}, kFirst);
  EXPECT_EQ(Reads(after.at({"s-b"})), (std::vector<double>{20, 40}));
}

TEST(Lineage, AChangeBeforeAllThatIsKnownChangesNothing) {
  const auto before = std::map<model::ShardId, ShardDemand>{{{"s-a"}, Demand({40, 80})}};
  const auto after = WithLineage(
      before, {{.migration = "m", .source = {"s-a"}, .destination = {"s-b"}, .at = 42}}, kFirst);
  EXPECT_EQ(after.size(), 1u);
  EXPECT_EQ(Reads(after.at({"s-a"})), (std::vector<double>{40, 80}));
}

TEST(Lineage, ReadsCutoversFromConditionsAndLeavesOutRolledBackOnes) {
  model::ShardMigration done;
  done.name = "split";
  done.spec.source = {"s-a"};
  done.status.destination = {"s-b"};
  done.status.conditions.push_back({.type = "CutOver",
                                    .status = "True",
                                    .reason = "",
                                    .message = "",
                                    .observed_generation = 1,
                                    .last_transition_time = "1970-01-01T00:08:23Z"});
  model::ShardMigration back = done;
  back.status.conditions.push_back({.type = "RolledBack",
                                    .status = "True",
                                    .reason = "",
                                    .message = "",
                                    .observed_generation = 1,
                                    .last_transition_time = "1970-01-01T00:09:00Z"});
  const std::vector<OwnerChange> changes = OwnerChanges({back, done}, std::chrono::seconds(5));
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(
      changes[0],
      (OwnerChange{.migration = "split", .source = {"s-a"}, .destination = {"s-b"}, .at = 100}));
}

TEST(Lineage, WhatAMigrationCostIsNotTakenForTheCostOfStatements) {
  const std::map<model::ShardId, ShardDemand> before = {
      {{"s-a"}, Demand(std::vector<double>(12, 40))},
      {{"s-b"}, Demand(std::vector<double>(12, 5))},
      {{"s-c"}, Demand(std::vector<double>(12, 7))}};
  model::ShardMigration split;
  split.spec.source = {"s-a"};
  split.status.destination = {"s-b"};
  split.status.start_time = "1970-01-01T00:08:33Z";       // in bin 102
  split.status.completion_time = "1970-01-01T00:08:41Z";  // in bin 104; CPU is a mean over 30 s
  const auto after = Undisturbed(before, {split}, std::chrono::seconds(5), kFirst);
  const std::vector<bool> known = {true,  true,  false, false, false, false,
                                   false, false, false, false, false, true};
  EXPECT_EQ(after.at({"s-a"}).known, known);
  EXPECT_EQ(after.at({"s-b"}).known, known);
  EXPECT_EQ(after.at({"s-c"}).known, std::vector<bool>(12, true));
  split.status.completion_time.clear();
  const auto running = Undisturbed(before, {split}, std::chrono::seconds(5), kFirst);
  EXPECT_FALSE(running.at({"s-a"}).known.back());
  EXPECT_TRUE(running.at({"s-a"}).known[1]);
}

}  // namespace
}  // namespace foreshard::op

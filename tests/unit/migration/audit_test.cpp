#include "migration/audit.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

const model::ShardId kA{"s-aaaa"};
const model::ShardId kB{"s-bbbb"};

model::RoutingTable Table() {
  model::RoutingTable table;
  table.epoch = {12};
  table.key_space = {model::Strategy::kRange, model::KeyType::kBigint};
  table.ranges = {{{"", "100"}, kA}, {{"100", ""}, kB}};
  return table;
}

TEST(Audit, WhatNoRangeOfTheShardHoldsIsStray) {
  EXPECT_EQ(StraySql(Table(), kA, "k"), "NOT ((k < '100'::bigint))");
  EXPECT_EQ(StraySql(Table(), kB, "k"), "NOT ((k >= '100'::bigint))");
  EXPECT_EQ(StraySql(Table(), {"s-cccc"}, "k"), "true") << "it owns nothing";
}

TEST(Audit, APinnedKeyIsStrayWhereItsRangeIs) {
  model::RoutingTable table = Table();
  table.pins = {{"7", kB}};
  EXPECT_EQ(StraySql(table, kA, "k"), "NOT ((k < '100'::bigint AND k NOT IN ('7'::bigint)))");
  EXPECT_EQ(StraySql(table, kB, "k"), "NOT ((k >= '100'::bigint) OR (k IN ('7'::bigint)))");
}

TEST(Audit, NobodyJudgesRowsThatMove) {
  model::RoutingTable table = Table();
  table.moving.push_back({.migration = "split", .number = {7}, .range = {"50", "100"}, .keys = {}});
  table.moving.push_back({.migration = "hot", .number = {8}, .range = {}, .keys = {"7"}});
  EXPECT_EQ(StraySql(table, kB, "k"),
            "NOT ((k >= '100'::bigint) OR (k >= '50'::bigint AND k < '100'::bigint) OR (k IN "
            "('7'::bigint)))");
}

TEST(Audit, ADifferenceThatStillChangesIsAWriteUnderWay) {
  const ReferenceDigests equal = {{kA, {3, "x"}}, {kB, {3, "x"}}};
  const ReferenceDigests behind = {{kA, {3, "x"}}, {kB, {2, "y"}}};
  const ReferenceDigests further = {{kA, {4, "z"}}, {kB, {3, "x"}}};
  EXPECT_EQ(Compare({}, equal), Agreement::kSame);
  EXPECT_EQ(Compare({}, behind), Agreement::kLookAgain);
  EXPECT_EQ(Compare(behind, further), Agreement::kLookAgain);
  EXPECT_EQ(Compare(behind, behind), Agreement::kDiffer);
}

TEST(Audit, AChangeOfOwnersMeanwhileMakesItWorthless) {
  EXPECT_TRUE(SameOwners(Table(), Table()));
  model::RoutingTable other = Table();
  other.epoch = {13};
  EXPECT_FALSE(SameOwners(Table(), other));
  other = Table();
  other.moving.push_back({.migration = "m", .number = {1}, .range = {"", "5"}, .keys = {}});
  EXPECT_FALSE(SameOwners(Table(), other));
}

}  // namespace
}  // namespace foreshard::migration

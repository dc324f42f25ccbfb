#include "operator/controllers/restore_record.h"

#include <gtest/gtest.h>

#include "tests/unit/operator/controllers/restored_point.h"

namespace foreshard::op {
namespace {

const SetName kSet{.name_space = "shop", .name = "copy", .uid = "77aa"};
constexpr model::KeySpace kSpace{model::Strategy::kHash, model::KeyType::kBigint};

TEST(RestoreRecord, SaysTheSameToWhoLeadsNext) {
  const backup::Point point = PointOf(17, "2026-05-01T09:10:00.250000Z");
  Value written = BuildRestoreRecord(kSet, "old", point);
  EXPECT_EQ(written.At("metadata.name").Text(), "copy-restore");
  auto read = ParseRestoreRecord(written);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->from, "old");
  EXPECT_EQ(read->point.shards, point.shards);
  EXPECT_EQ(read->point.made_at, point.made_at);
  EXPECT_EQ(read->ended, "");
  written.Member("data").Set("ended", RestoreEndedPatch("all").At("data.ended"));
  EXPECT_EQ(ParseRestoreRecord(written)->ended, "all");
  EXPECT_FALSE(ParseRestoreRecord(Value::Object({{"data", Value::Object({{"point", "{"}})}})));
}

TEST(RestoreRecord, AShardOfThePointHasItsPlaceInTheWal) {
  const auto record = ParseRestoreRecord(
      BuildRestoreRecord(kSet, "old", PointOf(17, "2026-05-01T09:10:00.000000Z")));
  ASSERT_TRUE(record);
  const auto shard = RestoreOfShard(*record, {"s-bbbb"});
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->target, "foreshard/0f3c/17");
  EXPECT_EQ(shard->point.system_identifier, "7s-bbbb");
  EXPECT_FALSE(RestoreOfShard(*record, {"s-dddd"})) << "one that is made later begins empty";
}

TEST(RestoreRecord, TheTableIsThePointsWithoutWhatWasUnderWay) {
  const auto table =
      RestoredTable(kSet, kSpace, PointOf(17, "2026-05-01T09:10:00.000000Z"));
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->shard_set_name, "copy");
  EXPECT_EQ(table->epoch, model::Epoch{13}) << "above what any shard of then can know";
  EXPECT_TRUE(table->moving.empty());
  ASSERT_EQ(table->shards.size(), 2U) << "s-cccc owned nothing yet";
  EXPECT_EQ(table->shards[0].primary_service, "copy-s-aaaa");
  EXPECT_EQ(table->shards[1].replica_service, "copy-s-bbbb-pods");
  EXPECT_EQ(model::OwnerOfKey(*table, "5"), model::ShardId{"s-bbbb"});
}

TEST(RestoreRecord, ATableOfAnotherKeySpaceIsNone) {
  backup::Point point = PointOf(17, "2026-05-01T09:10:00.000000Z");
  const std::string good = point.state.routing_table;
  point.state.routing_table.replace(good.find("\"80\""), 4, "\"zz\"");
  EXPECT_FALSE(RestoredTable(kSet, kSpace, point));
  point.state.routing_table = "{";
  EXPECT_FALSE(RestoredTable(kSet, kSpace, point));
}

}  // namespace
}  // namespace foreshard::op

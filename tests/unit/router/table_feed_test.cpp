#include "router/table_feed.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

model::RoutingTable AtEpoch(std::int64_t epoch) {
  model::RoutingTable table = FourQuarters();
  table.epoch = {epoch};
  return table;
}

TEST(TableFeed, EpochsOnlyGrow) {
  TableFeed feed;
  EXPECT_EQ(feed.Current(), nullptr);
  ASSERT_TRUE(feed.Offer(AtEpoch(5), 1).ok());
  const Status older = feed.Offer(AtEpoch(4), 9);
  ASSERT_FALSE(older.ok());
  EXPECT_EQ(older.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(older.error().code, "409");
  EXPECT_EQ(feed.Current()->epoch().value, 5);
  ASSERT_TRUE(feed.Offer(AtEpoch(6), -1).ok());
  EXPECT_EQ(feed.Current()->epoch().value, 6);
}

TEST(TableFeed, OneEpochHasOneOwner) {
  TableFeed feed;
  ASSERT_TRUE(feed.Offer(AtEpoch(5), 1).ok());
  model::RoutingTable other = AtEpoch(5);
  std::swap(other.ranges[0].shard, other.ranges[1].shard);
  const Status refused = feed.Offer(other, 2);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(feed.Current()->table().ranges[0].shard.value, "s-0");
}

TEST(TableFeed, MovingChangesWithoutAnEpochAndNeverGoesBack) {
  TableFeed feed;
  ASSERT_TRUE(feed.Offer(AtEpoch(5), 3).ok());
  model::RoutingTable moving = AtEpoch(5);
  moving.moving = {{"m", {7}, {"40", "80"}, {}}};
  ASSERT_TRUE(feed.Offer(moving, 4).ok());
  EXPECT_EQ(feed.Current()->table().moving.size(), 1U);
  EXPECT_FALSE(feed.Offer(AtEpoch(5), 3).ok());  // an old watch event
  EXPECT_EQ(feed.Current()->table().moving.size(), 1U);
}

TEST(TableFeed, WhoTellsWhatIsKnownIsRightAndTakesNothingBack) {
  TableFeed feed;
  model::RoutingTable moving = AtEpoch(5);
  moving.moving = {{"m", {7}, {"40", "80"}, {}}};
  ASSERT_TRUE(feed.Offer(moving, 4).ok());
  EXPECT_TRUE(feed.Offer(AtEpoch(5), -1).ok());  // a release that comes after the watch
  EXPECT_EQ(feed.Current()->table().moving.size(), 1U);
}

TEST(TableFeed, AnInvalidTableLeavesTheLastGoodOne) {
  TableFeed feed;
  ASSERT_TRUE(feed.Offer(AtEpoch(5), 1).ok());
  model::RoutingTable broken = AtEpoch(6);
  broken.ranges.pop_back();
  EXPECT_FALSE(feed.Offer(broken, 2).ok());
  EXPECT_EQ(feed.Current()->epoch().value, 5);
}

TEST(TableFeed, AReaderSeesANewTableAtItsNextStatement) {
  TableFeed feed;
  TableReader reader(feed);
  EXPECT_EQ(reader.Current(), nullptr);
  ASSERT_TRUE(feed.Offer(AtEpoch(1), 1).ok());
  EXPECT_EQ(reader.Current()->epoch().value, 1);
  ASSERT_TRUE(feed.Offer(AtEpoch(2), 2).ok());
  EXPECT_EQ(reader.Current()->epoch().value, 2);
}

TEST(TableFeed, ReadersAndAWriterShareItFromThreads) {
  TableFeed feed;
  ASSERT_TRUE(feed.Offer(AtEpoch(1), 1).ok());
  std::vector<std::jthread> readers;
  std::atomic<int> backwards{0};
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&feed, &backwards](std::stop_token stop) {
      TableReader reader(feed);
      std::int64_t last = 0;
      while (!stop.stop_requested() && last < 200) {
        const std::int64_t epoch = reader.Current()->epoch().value;
        if (epoch < last) ++backwards;
        last = epoch;
      }
    });
  }
  for (std::int64_t epoch = 2; epoch <= 200; ++epoch)
    ASSERT_TRUE(feed.Offer(AtEpoch(epoch), epoch).ok());
  readers.clear();
  EXPECT_EQ(backwards, 0);
  EXPECT_EQ(feed.Current()->epoch().value, 200);
}

constexpr const char* kSpec = R"({
  "shardSetName": "orders", "epoch": 12,
  "ranges": [{"from": "", "to": "8000", "shard": "s-4kq7"},
             {"from": "80", "to": "", "shard": "s-9x2d"}],
  "pins": [{"key": "4711", "shard": "s-9x2d"}, {"key": "+15", "shard": "s-9x2d"}],
  "shards": [{"id": "s-4kq7", "primaryService": "orders-s-4kq7",
              "replicaService": "orders-s-4kq7-replicas"},
             {"id": "s-9x2d", "primaryService": "127.0.0.1:6543"}],
  "moving": [{"migration": "orders-split", "range": {"from": "40", "to": "80"}, "keys": []}]})";

TEST(RoutingTableSpec, IsReadAsTheApiWritesIt) {
  const auto table = ParseRoutingTableSpec(kSpec, {});
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->epoch.value, 12);
  EXPECT_EQ(table->ranges[0].range.to, "80");
  EXPECT_EQ(table->pins[0].key, "15");  // canonical and in order
  EXPECT_EQ(table->shards[1].primary_service, "127.0.0.1:6543");
  EXPECT_EQ(table->moving[0].range.from, "40");
  EXPECT_TRUE(model::Validate(*table).ok());
}

TEST(RoutingTableSpec, WhatIsWrongIsNamed) {
  const auto refused = [](const std::string& json, const std::string& expected) {
    const auto table = ParseRoutingTableSpec(json, {});
    ASSERT_FALSE(table.ok()) << json;
    EXPECT_NE(table.error().message.find(expected), std::string::npos) << table.error().message;
  };
  refused("", "spec: not a JSON object");
  refused("[]", "spec: not a JSON object");
  refused(R"({"epoch":"12"})", "spec.epoch: not a whole number");
  refused(R"({"ranges":[{"from":"zz","to":"","shard":"a"}]})", "spec.from");
  refused(R"({"ranges":[{"from":"","to":""}]})", "spec.shard: missing");
  refused(R"({"ranges":5})", "spec.ranges: not a list");
  refused(R"({"pins":[{"key":"x","shard":"a"}]})", "pins.key");
  refused(R"({"pins":[{"shard":"a"}]})", "spec.pins");
  refused(R"({"shards":[{"id":"a"}]})", "primaryService: missing");
}

}  // namespace
}  // namespace foreshard::router

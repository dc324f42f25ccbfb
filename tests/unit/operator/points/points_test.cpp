#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/kinds.h"
#include "operator/points/kube_point_book.h"
#include "operator/points/kube_set_source.h"
#include "operator/points/point_controller.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr const char* kUid = "0f0e";

class PointsTest : public testing::Test {
 protected:
  Deadline Soon() { return Deadline::After(clock_, 60s); }
  backup::Point Made(std::int64_t number, std::chrono::seconds at, std::size_t bytes = 10) {
    return {.number = {number},
            .made_at = WallTime(at),
            .state = {.set_uid = kUid,
                      .shards = {{"s-a"}},
                      .epoch = {7},
                      .routing_table = std::string(bytes, 't'),
                      .migrations = "[]",
                      .cutovers = {},
                      .number_max = {3},
                      .record_max = 9,
                      .lease_transitions = 2},
            .shards = {{{"s-a"}, "77", 1, "0/16B3748", "000000010000000000000001"}}};
  }
  std::vector<std::int64_t> Kept() {
    std::vector<std::int64_t> numbers;
    const auto points = book_.List(kUid, Soon());
    EXPECT_TRUE(points) << points.error().message;
    for (const backup::Point& point : *points) numbers.push_back(point.number.value);
    return numbers;
  }

  fakes::FakeClock clock_;
  fakes::FakeKubeApi kube_{clock_};
  KubePointBook book_{{.kube = kube_, .set = {"shop", "orders"}, .oldest = {}}};
};

TEST_F(PointsTest, NoNumberIsGivenTwice) {
  EXPECT_EQ(book_.Begin(kUid, Soon())->value, 1);
  EXPECT_EQ(book_.Begin(kUid, Soon())->value, 2);
  ASSERT_TRUE(book_.Keep(Made(2, 100s), Soon()));
  EXPECT_EQ(book_.Begin(kUid, Soon())->value, 3);
  KubePointBook another({.kube = kube_, .set = {"shop", "orders"}, .oldest = {}});
  EXPECT_EQ(another.Begin("another-uid", Soon())->value, 4) << "also for a set of the same name";
  const auto map = kube_.Get(kube::kConfigMaps, {"shop", "orders-points"}, Soon());
  ASSERT_TRUE(map && *map);
  EXPECT_TRUE((**map).metadata.owners.empty()) << "it would go with the ShardSet";
  EXPECT_FALSE((**map).metadata.labels.contains("foreshard.dev/shardset")) << "the same";
}

TEST_F(PointsTest, APointIsKeptOnceAsItWas) {
  ASSERT_TRUE(book_.Begin(kUid, Soon()));
  const backup::Point point = Made(1, 100s);
  ASSERT_TRUE(book_.Keep(point, Soon()));
  EXPECT_TRUE(book_.Keep(point, Soon()));
  EXPECT_EQ(book_.Keep(Made(1, 200s), Soon()).error().kind, Error::Kind::kFenced);
  const auto points = book_.List(kUid, Soon());
  ASSERT_TRUE(points);
  EXPECT_EQ(points->front(), point);
  EXPECT_TRUE(book_.List("another-uid", Soon())->empty());
}

TEST_F(PointsTest, WhatNoBackupCanReachGoes) {
  ASSERT_TRUE(book_.Begin(kUid, Soon()));
  for (int i = 1; i <= 4; ++i) ASSERT_TRUE(book_.Keep(Made(i, i * 100s), Soon()));
  KubePointBook later({.kube = kube_, .set = {"shop", "orders"}, .oldest = WallTime(250s)});
  ASSERT_TRUE(later.Keep(Made(5, 500s), Soon()));
  EXPECT_EQ(Kept(), (std::vector<std::int64_t>{3, 4, 5}));
}

TEST_F(PointsTest, TheBookNeverOutgrowsAConfigMap) {
  ASSERT_TRUE(book_.Begin(kUid, Soon()));
  for (int i = 1; i <= 12; ++i) ASSERT_TRUE(book_.Keep(Made(i, i * 100s, 100 << 10), Soon()));
  const std::vector<std::int64_t> kept = Kept();
  EXPECT_EQ(kept.back(), 12);
  EXPECT_EQ(kept.size(), 6U);
  EXPECT_EQ(kept.front(), 7) << "the oldest go first";
}

constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"shardSetName":"orders","epoch":12,"ranges":[{"from":"","to":"80","shard":"s-b"},
   {"from":"80","to":"","shard":"s-a"}],"pins":[],
 "shards":[{"id":"s-b","primaryService":"b","replicaService":""},{"id":"s-a",
   "primaryService":"a","replicaService":""}],"moving":[]}})";

TEST_F(PointsTest, TheStateSaysWhatARestoreNeeds) {
  ASSERT_TRUE(kube_.Create(kube::kRoutingTables, {"shop", "orders"}, kTable, Soon()));
  for (const auto& [name, set, phase, number] : {std::tuple{"a", "orders", "Cutover", 7},
                                                 {"b", "orders", "Completed", 9},
                                                 {"c", "others", "Cutover", 100}}) {
    ASSERT_TRUE(kube_.Create(
        kube::kShardMigrations, {"shop", name},
        fmt::format(R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration","metadata":
          {{"name":"{}","namespace":"shop"}},"spec":{{"shardSetName":"{}","type":"Move",
          "source":"s-a"}}}})",
                    name, set),
        Soon()));
    ASSERT_TRUE(kube_.Patch(kube::kShardMigrations, {"shop", name},
                            fmt::format(R"({{"status":{{"phase":"{}","number":{},"record":{}}}}})",
                                        phase, number, number * 10),
                            {.subresource = "status"}, Soon()));
  }
  model::ShardSet set;
  set.name_space = "shop";
  set.name = "orders";
  set.uid = kUid;
  KubeSetSource source(kube_, set, [] { return 5; });
  const auto state = source.Read(Soon());
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->set_uid, kUid);
  EXPECT_EQ(state->shards, (std::vector<model::ShardId>{{"s-a"}, {"s-b"}}));
  EXPECT_EQ(state->epoch.value, 12);
  EXPECT_EQ(state->cutovers, std::vector<std::string>{"a"});
  EXPECT_EQ(state->number_max.value, 9);
  EXPECT_EQ(state->record_max, 90);
  EXPECT_EQ(state->lease_transitions, 5);
  EXPECT_NE(state->migrations.find("\"name\":\"a\""), std::string::npos);
  EXPECT_EQ(state->migrations.find("\"name\":\"b\""), std::string::npos) << "it is over";
  EXPECT_NE(state->routing_table.find("\"epoch\":12"), std::string::npos);
}

TEST(UntilNextPoint, WaitsForABackupOfEveryShard) {
  const WallTime now(1'000'000s);
  const std::set<model::ShardId> shards = {{"s-a"}, {"s-b"}};
  model::ShardSet set;
  EXPECT_FALSE(UntilNextPoint(set, shards, now));
  set.spec.backup.emplace();
  set.status.backup.emplace();
  model::ShardBackup backup;
  backup.id = {"s-a"};
  set.status.backup->shards = {backup};
  EXPECT_FALSE(UntilNextPoint(set, shards, now)) << "s-b could not be restored";
  backup.id = {"s-b"};
  set.status.backup->shards.push_back(backup);
  EXPECT_EQ(UntilNextPoint(set, shards, now), 0ms);
  set.status.backup->last_point = model::BackupPoint{1, FormatRfc3339(now)};
  EXPECT_EQ(UntilNextPoint(set, shards, now), 5min);
  EXPECT_EQ(UntilNextPoint(set, shards, now + 4min), 1min);
  EXPECT_EQ(UntilNextPoint(set, shards, now + 1h), 0ms);
  EXPECT_EQ(UntilNextPoint(set, shards, now - 10h), 5min) << "a clock that was set back";
}

}  // namespace
}  // namespace foreshard::op

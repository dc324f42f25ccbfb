#include "operator/controllers/kube_migration_store.h"

#include <gtest/gtest.h>

#include "kube/kinds.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"

namespace foreshard::op {
namespace {

constexpr const char* kSet =
    R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"sharding":{"strategy":"Range","keyType":"Text",
   "tables":[{"name":"public.customers","column":"id"},{"name":"public.orders",
     "column":"customer_id"}],
   "referenceTables":["public.countries"],"initialShards":2},
  "shardTemplate":{"members":1,"synchronousReplication":false,"storage":{"size":"1Gi"}}}})";

constexpr const char* kTable =
    R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"shardSetName":"orders","epoch":4,"ranges":[{"from":"","to":"m","shard":"s-a"},
   {"from":"m","to":"","shard":"s-b"}],
 "pins":[],"shards":[{"id":"s-a","primaryService":"a","replicaService":"b"},{"id":"s-b",
   "primaryService":"c","replicaService":"d"}],
 "moving":[]}})";

TEST(KubeMigrationStore, ASetBringsTheTablesAndTheKeySpaceThatDecideWhatMoves) {
  fakes::FakeClock clock;
  fakes::FakeKubeApi kube(clock);
  const Deadline soon = Deadline::After(clock, std::chrono::seconds(1));
  ASSERT_TRUE(kube.Create(kube::kShardSets, {"shop", "orders"}, kSet, soon));
  ASSERT_TRUE(kube.Create(kube::kRoutingTables, {"shop", "orders"}, kTable, soon));
  KubeMigrationStore store(kube, Images{});

  const auto view = store.ReadSet("shop", "orders", soon);
  ASSERT_TRUE(view) << view.error().message;
  ASSERT_TRUE(*view);
  const model::ShardingSpec& sharding = (*view)->set.spec.sharding;
  ASSERT_EQ(sharding.tables.size(), 2u);
  EXPECT_EQ(sharding.tables[1].name, "public.orders");
  EXPECT_EQ(sharding.tables[1].column, "customer_id");
  EXPECT_EQ(sharding.key_space.strategy, model::Strategy::kRange);
  EXPECT_EQ(sharding.key_space.key_type, model::KeyType::kText);
  EXPECT_EQ((*view)->table->key_space, sharding.key_space);
  EXPECT_EQ((*view)->table->epoch.value, 4);
}

TEST(KubeMigrationStore, WhoSwitchesIsKeptBesideTheTable) {
  fakes::FakeClock clock;
  fakes::FakeKubeApi kube(clock);
  const Deadline soon = Deadline::After(clock, std::chrono::seconds(1));
  ASSERT_TRUE(kube.Create(kube::kShardSets, {"shop", "orders"}, kSet, soon));
  ASSERT_TRUE(kube.Create(kube::kRoutingTables, {"shop", "orders"}, kTable, soon));
  KubeMigrationStore store(kube, Images{});

  const auto before = store.ReadSet("shop", "orders", soon);
  model::RoutingTable table = *(*before)->table;
  table.switching = {.number = {7}, .record = 12};
  ASSERT_TRUE(store.PublishTable("shop", table, (*before)->table_version, soon));
  EXPECT_FALSE(store.PublishTable("shop", table, (*before)->table_version, soon));

  const auto taken = store.ReadSet("shop", "orders", soon);
  EXPECT_EQ((*taken)->table->switching, table.switching);
  table.switching.reset();
  ASSERT_TRUE(store.PublishTable("shop", table, (*taken)->table_version, soon));
  EXPECT_FALSE((*store.ReadSet("shop", "orders", soon))->table->switching);
}

TEST(KubeMigrationStore, AJobTellsWhichKeysItsMoverWasTold) {
  fakes::FakeClock clock;
  fakes::FakeKubeApi kube(clock);
  const Deadline soon = Deadline::After(clock, std::chrono::seconds(1));
  ASSERT_TRUE(kube.Create(kube::kShardSets, {"shop", "orders"}, kSet, soon));
  ASSERT_TRUE(kube.Create(kube::kRoutingTables, {"shop", "orders"}, kTable, soon));
  KubeMigrationStore store(kube, Images{});
  const auto view = store.ReadSet("shop", "orders", soon);
  model::ShardMigration migration;
  migration.name_space = "shop";
  migration.name = "m1";
  migration.uid = "uid-m1";
  migration::MigrationSpec spec;
  spec.name = "m1";
  spec.uid = "uid-m1";
  spec.number = {7};
  spec.source = {"s-a"};
  spec.destination = {"s-b"};
  spec.range = {"", "m"};
  spec.excluded_keys = {"c", "k"};
  ASSERT_TRUE(store.CreateJob(migration, (*view)->set, spec, soon));
  const auto seen = store.ReadJob(migration, soon);
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_TRUE(seen->spec);
  EXPECT_EQ(seen->spec->range, spec.range);
  EXPECT_EQ(seen->spec->excluded_keys, spec.excluded_keys);
}

TEST(KubeMigrationStore, ASetThatIsNotThereIsAnAnswer) {
  fakes::FakeClock clock;
  fakes::FakeKubeApi kube(clock);
  KubeMigrationStore store(kube, Images{});
  const auto view =
      store.ReadSet("shop", "orders", Deadline::After(clock, std::chrono::seconds(1)));
  ASSERT_TRUE(view);
  EXPECT_FALSE(*view);
}

}  // namespace
}  // namespace foreshard::op

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "operator/api/shard_set_json.h"
#include "operator/builders/access.h"
#include "operator/builders/disruption_budget.h"
#include "operator/builders/events.h"
#include "operator/builders/patroni_config.h"
#include "operator/builders/router_deployment.h"
#include "operator/builders/routing_table.h"
#include "operator/builders/secrets.h"
#include "operator/builders/services.h"
#include "operator/builders/stateful_set.h"
#include "tests/support/golden.h"

namespace foreshard::op {
namespace {

using support::IsGolden;

// Everything that a user can say about a shard and a router.
constexpr const char* kSpec =
    R"({"metadata":{"name":"orders","namespace":"shop","uid":"7f0d"},"spec":{
  "postgres":{"parameters":[
    {"name":"shared_buffers","value":"96MB"},{"name":"work_mem","value":"8MB"}]},
  "sharding":{"strategy":"Hash","keyType":"Bigint",
    "tables":[{"name":"public.customers","column":"id"},
      {"name":"public.orders","column":"customer_id"}],
    "referenceTables":["public.countries"],"initialShards":2},
  "shardTemplate":{"members":2,
    "storage":{"size":"20Gi","maxSize":"200Gi","storageClassName":"fast"},
    "resources":{"requests":{"cpu":"1","memory":"2Gi"},"limits":{"cpu":"1","memory":"2Gi"}},
    "zones":["a","b"],"tolerations":[{"key":"db","operator":"Exists"}],
    "nodeSelector":{"disk":"ssd"},
    "priorityClassName":"high"},
  "router":{"replicas":2,"resources":{"requests":{"cpu":"500m","memory":"128Mi"}},
    "tls":{"mode":"Require"},"accessLog":{"oneIn":1000,"keys":true}}}})";

class BuildersTest : public testing::Test {
 protected:
  const model::ShardSet set = *ParseShardSet(kSpec);
  const SetName name = NameOf(set);
  const model::ShardId shard{"s-4kq7"};
};

TEST_F(BuildersTest, StatefulSet) {
  EXPECT_TRUE(IsGolden("operator/stateful_set.json",
                       ToPrettyJson(BuildStatefulSet(name, shard, set.spec, Images{}))));
}

TEST_F(BuildersTest, Patroni) {
  EXPECT_TRUE(IsGolden("operator/patroni.json", ToPrettyJson(PatroniFile(name, shard, set.spec))));
}

TEST_F(BuildersTest, Services) {
  const Value all =
      Value::Array({BuildPrimaryService(name, shard), BuildReplicaService(name, shard),
                    BuildPodsService(name, shard), BuildRouterService(name, set.spec.router)});
  EXPECT_TRUE(IsGolden("operator/services.json", ToPrettyJson(all)));
  EXPECT_TRUE(BuildPrimaryService(name, shard).At("spec.selector").is_null())
      << "with a selector the endpoints controller would overwrite Patroni's leader";
}

TEST_F(BuildersTest, Budgets) {
  EXPECT_TRUE(IsGolden(
      "operator/budgets.json",
      ToPrettyJson(Value::Array({BuildShardBudget(name, shard), BuildRouterBudget(name)}))));
}

TEST_F(BuildersTest, Access) {
  Value::List all;
  for (const Value& object : BuildShardAccess(name)) all.push_back(object);
  for (const Value& object : BuildRouterAccess(name)) all.push_back(object);
  EXPECT_TRUE(IsGolden("operator/access.json", ToPrettyJson(Value(all))));
}

TEST_F(BuildersTest, Router) {
  EXPECT_TRUE(IsGolden("operator/router_deployment.json",
                       ToPrettyJson(BuildRouterDeployment(name, set.spec, Images{}))));
  EXPECT_TRUE(IsGolden("operator/router.json", ToPrettyJson(RouterConfig(name, set.spec))));
}

TEST_F(BuildersTest, SecretsOfClientsAndCertificates) {
  const Value secret =
      BuildSecret(name, ClientSecret(name), Component::kRouter, ClientData(name, set.spec, "pw"));
  EXPECT_EQ(SecretData(secret)["uri"], "postgresql://app:pw@orders-router.shop.svc:5432/app");
  EXPECT_TRUE(secret["metadata"]["annotations"].is_null()) << "no hash of a secret";
  const CertificateRequest request = ShardCertificate(name, {shard});
  EXPECT_NE(std::ranges::find(request.dns_names, "orders-s-4kq7.shop.svc"),
            request.dns_names.end());
  EXPECT_TRUE(OperatorCertificate().client);
  EXPECT_EQ(OperatorCertificate().common_name, "foreshard-operator");
}

TEST_F(BuildersTest, NoNameIsLongerThanALabelMayBe) {
  const SetName longest{"shop", std::string(40, 'x'), ""};
  EXPECT_LE(ReplicasName(longest, shard).size(), 63U);
  // The controller of StatefulSets adds its hash as a label: 11 characters more.
  EXPECT_LE(ShardName(longest, shard).size() + 11, 63U);
}

TEST_F(BuildersTest, TheFirstTableIsEvenAndWhole) {
  for (int count = 1; count <= 64; ++count) {
    model::ShardingSpec sharding = set.spec.sharding;
    const model::RoutingTable table = FirstRoutingTable(name, sharding, NewShardIds("uid", count));
    EXPECT_TRUE(model::Validate(table).ok()) << count;
    EXPECT_EQ(table.ranges.size(), static_cast<std::size_t>(count));
  }
  EXPECT_EQ(FirstRoutingTable(name, set.spec.sharding, NewShardIds("uid", 2)).ranges[0].range.to,
            "80");
  EXPECT_EQ(FirstRoutingTable(name, set.spec.sharding, NewShardIds("uid", 4)).ranges[1].range.from,
            "40");
}

TEST_F(BuildersTest, WithRangeTheFirstShardOwnsAll) {
  model::ShardingSpec sharding = set.spec.sharding;
  sharding.key_space.strategy = model::Strategy::kRange;
  const model::RoutingTable table = FirstRoutingTable(name, sharding, NewShardIds("uid", 3));
  ASSERT_EQ(table.ranges.size(), 1U);
  EXPECT_EQ(table.shards.size(), 3U);
  EXPECT_TRUE(model::Validate(table).ok());
}

TEST_F(BuildersTest, ShardIdsAreAFunctionOfTheUid) {
  EXPECT_EQ(NewShardIds("a", 3), NewShardIds("a", 3));
  EXPECT_NE(NewShardIds("a", 3), NewShardIds("b", 3));
  const std::vector<model::ShardId> ids = NewShardIds("a", 256);
  EXPECT_EQ(std::set<model::ShardId>(ids.begin(), ids.end()).size(), 256U);
}

TEST_F(BuildersTest, AnotherObjectHasAnotherHash) {
  model::ShardSetSpec other = set.spec;
  other.shard_template.node_selector.clear();
  const auto hash = [&](const model::ShardSetSpec& spec) {
    return BuildStatefulSet(name, shard, spec, Images{})["metadata"]["annotations"][kHashAnnotation]
        .Text();
  };
  EXPECT_EQ(hash(set.spec), hash(set.spec));
  EXPECT_NE(hash(set.spec), hash(other));
}

TEST_F(BuildersTest, TheSameEventHasTheSameName) {
  const EventText text{.name = "orders", .uid = "7f0d", .reason = "Ready", .message = "2 shards"};
  EventText other = text;
  other.message = "3 shards";
  EXPECT_EQ(EventName(text), EventName(text));
  EXPECT_NE(EventName(text), EventName(other));
  EXPECT_EQ(BuildEvent("shop", text, WallTime{})["type"].Text(), "Normal");
}

TEST_F(BuildersTest, SmallVolumesHaveRoomForTheirWal) {
  model::ShardSetSpec small = set.spec;
  small.postgres.parameters.clear();
  small.shard_template.storage.size_bytes = std::int64_t{512} << 20;
  small.shard_template.resources = {};
  const Value parameters = PostgresParameters(small);
  EXPECT_EQ(parameters["max_wal_size"].Text(), "85MB");
  EXPECT_EQ(parameters["max_slot_wal_keep_size"].Text(), "128MB");
  EXPECT_EQ(parameters["wal_level"].Text(), "logical");
}

TEST_F(BuildersTest, SynchronousModeIsStrictOrOff) {
  model::ShardSetSpec spec = set.spec;
  EXPECT_TRUE(DynamicConfig(spec)["synchronous_mode_strict"].Bool());
  spec.shard_template.synchronous_replication = false;
  EXPECT_FALSE(DynamicConfig(spec)["synchronous_mode"].Bool(true));
}

}  // namespace
}  // namespace foreshard::op

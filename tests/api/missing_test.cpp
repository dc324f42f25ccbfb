#include "tests/api/shardset_fixture.h"

// A cluster that lacks something: a right, a storage class that can grow, a Prometheus. The set
// says what to do, the rest goes on, and so does the rest of it once it is put right.

namespace foreshard::api_tests {
namespace {

// All that the operator needs but for StatefulSets and Deployments, which it may only look at.
constexpr const char* kNarrowRights = R"({"apiVersion":"v1","kind":"List","items":[
  {"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"narrow",
    "namespace":"foreshard-system"}},
  {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"narrow"},
    "rules":[
    {"apiGroups":["","foreshard.dev","policy","batch","coordination.k8s.io",
    "rbac.authorization.k8s.io"],
     "resources":["*"],"verbs":["*"]},
    {"apiGroups":["apps"],"resources":["*"],"verbs":["get","list","watch"]}]},
  {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding",
    "metadata":{"name":"narrow"},
   "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"narrow"},
   "subjects":[{"kind":"ServiceAccount","name":"narrow","namespace":"foreshard-system"}]}]})";

TEST_F(ShardSetTest, AMissingRightIsNamedAndItGoesOnOnceItIsGiven) {
  World().Kubectl({"apply", "-f", "-"}, kNarrowRights);
  const support::TemporaryDirectory directory("narrow");
  Start("narrow", {"--kubeconfig=" + World().KubeconfigOf("narrow", directory)});
  Apply();
  EXPECT_TRUE(Tells("Ready", "Forbidden", R"(cannot patch resource "statefulsets")"));
  const std::string told = World().Condition("orders", "Ready", "message");
  EXPECT_TRUE(told.starts_with("StatefulSet orders-s-")) << told;
  EXPECT_TRUE(
      told.ends_with("; the operator lacks this right: upgrade its chart, or add it to its role"))
      << told;
  EXPECT_EQ(World().Count(kube::kSecrets), 7U) << "what it may do is done";
  World().Kubectl({"patch", "clusterrole", "narrow", "--type=json", "-p",
                   R"([{"op":"add","path":"/rules/1/verbs/-","value":"*"}])"});
  // Without a change it looks again after a minute.
  Patch(R"({"spec":{"router":{"replicas":2}}})");
  EXPECT_TRUE(Settles());
}

TEST_F(ShardSetTest, VolumesGrowByHandOrSayWhyTheyCannotWhileTheRestGoesOn) {
  World().Kubectl({"apply", "-f", "-"}, R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass",
      "metadata":{"name":"fast"},"provisioner":"example.com/fast","allowVolumeExpansion":false})");
  Start();
  std::string set = kSet;
  set.replace(set.find(R"("size":"1Gi")"), 12, R"("size":"1Gi","storageClassName":"fast")");
  Apply(set);
  ASSERT_TRUE(Settles());
  PlayPods();
  EXPECT_TRUE(Tells("Ready", "ShardNotReady",
                    "has no volume: StorageClass fast must exist and be able to make one"));
  for (const Value& claim : World().All(kube::kPersistentVolumeClaims)) {
    World().Kubectl({"-n", "shop", "patch", "pvc", claim.At("metadata.name").Text(),
                     "--subresource=status", "--type=merge", "-p",
                     R"({"status":{"phase":"Bound"}})"});
  }
  Patch(R"({"spec":{"router":{"replicas":3},"shardTemplate":{"storage":{"size":"2Gi"}}}})");
  EXPECT_TRUE(Tells("Degraded", "StorageCannotGrow",
                    "; set allowVolumeExpansion: true in its StorageClass"));
  EXPECT_EQ(World().Get(kube::kDeployments, "orders-router").At("spec.replicas").Int(), 3)
      << "the rest goes on";
  EXPECT_EQ(World().Count(kube::kStatefulSets), 2U);

  World().Kubectl({"patch", "storageclass", "fast", "-p", R"({"allowVolumeExpansion":true})"});
  Patch(R"({"spec":{"router":{"replicas":2}}})");
  EXPECT_TRUE(WaitFor("claims and StatefulSets have the new size", seconds(40), [] {
    std::string other;
    for (const Value& claim : World().All(kube::kPersistentVolumeClaims)) {
      if (claim.At("spec.resources.requests.storage").Text() != "2Gi")
        other += claim.At("metadata.name").Text() + " ";
    }
    const std::vector<Value> sets = World().All(kube::kStatefulSets);
    for (const Value& one : sets) {
      // What the garbage collector does with an owner that is removed around its pods.
      if (!one.At("metadata.deletionTimestamp").is_null()) {
        World().Kubectl({"-n", "shop", "patch", "statefulset", one.At("metadata.name").Text(),
                         "--type=merge", "-p", R"({"metadata":{"finalizers":null}})"});
      }
      const Value& claim = one.At("spec.volumeClaimTemplates").Items().at(0);
      if (claim.At("spec.resources.requests.storage").Text() != "2Gi")
        other += one.At("metadata.name").Text() + " ";
    }
    return Seen(other.empty() && sets.size() == 2, other);
  }));
  EXPECT_EQ(World().Count(kube::kPods), 4U) << "no pod was stopped for it";
}

// behaviour-19
TEST_F(ShardSetTest, WithoutAPrometheusItSaysSoAndPlansNothing) {
  Start();
  std::string set = kSet;
  set.replace(set.find(R"("mode":"Off")"), 12, R"("mode":"Auto","bin":"1s","horizon":"1m")");
  Apply(set);
  ASSERT_TRUE(Settles());
  // As if the shards had come up: the table makes the set one that can be planned for.
  Value::List shards;
  Value::List ranges;
  for (const Value& shard : World().Set("orders").At("status.shardStatuses").Items()) {
    const std::string id = shard["id"].Text();
    ranges.push_back(Value::Object(
        {{"from", ranges.empty() ? "" : "80"}, {"to", ranges.empty() ? "80" : ""}, {"shard", id}}));
    shards.push_back(Value::Object({{"id", id}, {"primaryService", "orders-" + id}}));
  }
  const Value table =
      Value::Object({{"apiVersion", "foreshard.dev/v1alpha1"},
                     {"kind", "RoutingTable"},
                     {"metadata", Value::Object({{"name", "orders"}, {"namespace", "shop"}})},
                     {"spec", Value::Object({{"shardSetName", "orders"},
                                             {"epoch", 1},
                                             {"ranges", Value(ranges)},
                                             {"shards", Value(shards)}})}});
  World().Kubectl({"create", "-f", "-"}, op::ToJson(table));
  EXPECT_TRUE(Tells("MetricsFresh", "Unreachable",
                    "metrics.prometheusURL is not set and this installation has no Prometheus"));
  Patch(R"({"spec":{"metrics":{"prometheusURL":"http://127.0.0.1:1"}}})");
  EXPECT_TRUE(Tells("MetricsFresh", "Unreachable", "Prometheus at 127.0.0.1 cannot be read"));
  EXPECT_EQ(World().Count(kube::kShardMigrations), 0U);
}

}  // namespace
}  // namespace foreshard::api_tests

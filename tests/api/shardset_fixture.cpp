#include "tests/api/shardset_fixture.h"

namespace foreshard::api_tests {

void ShardSetTest::TearDown() {
  if (operator_ == nullptr || !operator_->Running()) operator_ = World().StartOperator("cleaner");
  World().Kubectl(
      {"-n", "shop", "delete", "shardset", "orders", "--ignore-not-found", "--wait=false"});
  EXPECT_TRUE(WaitFor("the set is gone", seconds(60), [this] {
    const bool gone = World().Set("orders").is_null();
    if (!gone) RemovePods();
    if (!gone) ReleaseClaims();
    return Seen(gone, World().Condition("orders", "Ready", "message"));
  }));
  // A clean end gives the lease back, so that the next test need not wait for it.
  EXPECT_TRUE(operator_->Stop(seconds(20)).ok());
}

testing::AssertionResult ShardSetTest::Settles() {
  return WaitFor("every object is there and the status says so", seconds(40), [] {
    const Value set = World().Set("orders");
    const bool told =
        set.At("status.observedGeneration").Int() == set.At("metadata.generation").Int();
    return Seen(
        told && World().Count(kube::kStatefulSets) == 2 && World().Count(kube::kDeployments) == 1,
        op::ToJson(set["status"]));
  });
}

testing::AssertionResult ShardSetTest::Tells(const std::string& type, const std::string& reason,
                                             const std::string& words, seconds limit) {
  return WaitFor(fmt::format("{} tells {}: {}", type, reason, words), limit, [&] {
    const std::string message = World().Condition("orders", type, "message");
    return Seen(World().Condition("orders", type, "reason") == reason &&
                    message.find(words) != std::string::npos,
                fmt::format("{}: {}", World().Condition("orders", type, "reason"), message));
  });
}

void ShardSetTest::PlayPods() {
  Value::List made;
  for (const Value& set : World().All(kube::kStatefulSets)) {
    for (int i = 0; i < set.At("spec.replicas").Int(); ++i) {
      const std::string name = fmt::format("{}-{}", set.At("metadata.name").Text(), i);
      Value pod = set.At("spec.template");
      pod.Set("apiVersion", "v1").Set("kind", "Pod");
      pod.Member("metadata").Set("name", name).Set("namespace", "shop");
      Value volumes = pod.At("spec.volumes");
      volumes.Add(Value::Object(
          {{"name", "data"},
           {"persistentVolumeClaim", Value::Object({{"claimName", "data-" + name}})}}));
      pod.Member("spec").Set("volumes", std::move(volumes));
      made.push_back(std::move(pod));
      Value claim = set.At("spec.volumeClaimTemplates").Items().at(0);
      claim.Set("apiVersion", "v1").Set("kind", "PersistentVolumeClaim");
      claim.Member("metadata").Set("name", "data-" + name).Set("namespace", "shop");
      claim.Remove("status");
      made.push_back(std::move(claim));
    }
  }
  const Value list =
      Value::Object({{"apiVersion", "v1"}, {"kind", "List"}, {"items", Value(std::move(made))}});
  World().Kubectl({"create", "-f", "-"}, op::ToJson(list));
}

void ShardSetTest::RemovePods() {
  World().Kubectl({"-n", "shop", "delete", "pods", "--all", "--force", "--grace-period=0"});
}

void ShardSetTest::ReleaseClaims() {
  for (const Value& claim : World().All(kube::kPersistentVolumeClaims)) {
    if (claim.At("metadata.deletionTimestamp").is_null()) continue;
    World().Kubectl({"-n", "shop", "patch", "pvc", claim.At("metadata.name").Text(), "--type=merge",
                     "-p", R"({"metadata":{"finalizers":null}})"});
  }
}

}  // namespace foreshard::api_tests

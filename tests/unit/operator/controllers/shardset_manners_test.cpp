#include <gtest/gtest.h>

#include "operator/builders/annotations.h"
#include "operator/builders/names.h"
#include "operator/controllers/shardset_controller.h"
#include "tests/unit/operator/controllers/shardset_world.h"

// What the controller leaves alone: objects of others, a set that is paused, passwords it cannot
// know; and what it says then.

namespace foreshard::op {
namespace {

class ShardSetManners : public testing::Test {
 protected:
  void MakeReady() {
    for (int i = 0; i < 3; ++i) {
      world.Settle();
      world.StartPods();
    }
    world.Settle();
    ASSERT_EQ(world.Condition("Ready"), "True") << world.ConditionMessage("Ready");
  }
  void Annotate(const std::string& name, const std::string& value) {
    world.Patch(kube::kShardSets, "orders",
                R"({"metadata":{"annotations":{")" + name + "\":" + value + "}}}");
  }
  void AddForeign(const kube::ResourceKind& kind, const std::string& name,
                  const std::string& labels = "{}") {
    world.Create(kind, name,
                 R"({"apiVersion":"v1","kind":")" + kind.kind + R"(","metadata":{"name":")" + name +
                     R"(","namespace":"shop","labels":)" + labels +
                     R"(},"data":{"whose":"mine"}})");
  }

  ShardSetWorld world;
};

// behaviour-08
TEST_F(ShardSetManners, AnObjectOfSomebodyElseKeepsItsName) {
  AddForeign(kube::kSecrets, "orders-app");
  world.Settle();
  EXPECT_EQ(world.Get(kube::kSecrets, "orders-app").At("data.whose").Text(), "mine");
  EXPECT_EQ(world.Get(kube::kSecrets, "orders-app").At("data.password").Text(), "");
  EXPECT_EQ(world.ConditionReason("Ready"), "NameTaken");
  EXPECT_EQ(world.ConditionMessage("Ready"),
            "Secret orders-app: it is there already and does not belong to this ShardSet; rename "
            "or delete it, or let it be taken over: kubectl -n shop annotate secrets orders-app "
            "foreshard.dev/adopt=orders");
  world.Remove(kube::kSecrets, "orders-app");
  MakeReady();
}

TEST_F(ShardSetManners, ItIsTakenOverWhenItIsAsked) {
  AddForeign(kube::kSecrets, "orders-app");
  AddForeign(kube::kServices, "orders-router");
  world.Settle();
  ASSERT_EQ(world.ConditionReason("Ready"), "NameTaken");
  for (const kube::ResourceKind& kind : {kube::kSecrets, kube::kServices}) {
    const std::string name = kind == kube::kSecrets ? "orders-app" : "orders-router";
    world.Patch(kind, name, R"({"metadata":{"annotations":{"foreshard.dev/adopt":"others"}}})");
    world.Settle();
    ASSERT_EQ(world.ConditionReason("Ready"), "NameTaken") << "another set was asked for";
    world.Patch(kind, name, R"({"metadata":{"annotations":{"foreshard.dev/adopt":"orders"}}})");
    world.Settle();
  }
  MakeReady();
  EXPECT_NE(world.Get(kube::kSecrets, "orders-app").At("data.password").Text(), "");
}

TEST_F(ShardSetManners, AnObjectOfAnEarlierSetOfThisNameIsNotTaken) {
  AddForeign(kube::kServices, "orders-router",
             R"({"foreshard.dev/shardset":"orders",
                 "app.kubernetes.io/managed-by":"foreshard-operator"})");
  world.Patch(kube::kServices, "orders-router",
              R"({"metadata":{"ownerReferences":[{"apiVersion":"foreshard.dev/v1alpha1",
                 "kind":"ShardSet","name":"orders","uid":"an-older-one","controller":true}]}})");
  world.Settle();
  EXPECT_EQ(world.ConditionReason("Ready"), "NameTaken");
  EXPECT_EQ(world.Get(kube::kServices, "orders-router").At("data.whose").Text(), "mine");
}

// behaviour-09
TEST_F(ShardSetManners, DeletionRemovesNothingThatAPersonOnlyLabelled) {
  std::string spec = kQuickSpec;
  spec.insert(1, R"("deletionPolicy":"Delete",)");
  world.Write(spec);
  MakeReady();
  AddForeign(kube::kConfigMaps, "dashboards", R"({"foreshard.dev/shardset":"orders"})");
  AddForeign(kube::kSecrets, "backup-key",
             R"({"foreshard.dev/shardset":"orders","foreshard.dev/shard":"s-none"})");
  world.Remove(kube::kShardSets, "orders");
  world.Settle();
  world.StopPods();
  world.Settle();
  EXPECT_FALSE(world.Exists(kube::kShardSets, "orders"));
  EXPECT_TRUE(world.Exists(kube::kConfigMaps, "dashboards"));
  EXPECT_TRUE(world.Exists(kube::kSecrets, "backup-key"));
  EXPECT_EQ(world.Count(kube::kSecrets), 1U);
}

TEST_F(ShardSetManners, APausedSetIsToldAboutAndNotChanged) {
  MakeReady();
  Annotate(kPauseAnnotation, "\"true\"");
  world.Remove(kube::kDeployments, "orders-router");
  std::string spec = kQuickSpec;
  spec.replace(spec.find("\"1Gi\""), 5, "\"2Gi\"");
  world.Write(spec);
  Annotate(kPauseAnnotation, "\"true\"");
  world.Settle();
  EXPECT_FALSE(world.Exists(kube::kDeployments, "orders-router"));
  EXPECT_EQ(world.Condition("Paused"), "True");
  EXPECT_EQ(world.ConditionMessage("Paused"),
            "nothing is changed; to go on: kubectl -n shop annotate shardset orders "
            "foreshard.dev/pause-");
  EXPECT_EQ(world.Condition("RoutersReady"), "False") << "it is still watched";
  const Value set = world.Get(kube::kShardSets, "orders");
  EXPECT_LT(set.At("status.observedGeneration").Int(), set.At("metadata.generation").Int());
  const std::int64_t before = world.kube.write_calls();
  for (int minute = 0; minute < 10; ++minute) {
    world.clock.Advance(std::chrono::minutes(1));
    ASSERT_TRUE(world.Pass().ok());
  }
  EXPECT_EQ(world.kube.write_calls(), before);

  Annotate(kPauseAnnotation, "null");
  world.Settle();
  EXPECT_TRUE(world.Exists(kube::kDeployments, "orders-router"));
  EXPECT_EQ(world.Condition("Paused"), "");
}

TEST_F(ShardSetManners, ThePauseHoldsADeletionToo) {
  MakeReady();
  Annotate(kPauseAnnotation, "\"true\"");
  world.Remove(kube::kShardSets, "orders");
  world.Settle();
  EXPECT_EQ(world.Count(kube::kStatefulSets), 2U);
  EXPECT_EQ(world.ConditionReason("Paused"), "DeletionWaits");
  Annotate(kPauseAnnotation, "null");
  world.Settle();
  EXPECT_EQ(world.Count(kube::kDeployments), 0U);
}

// PostgreSQL has these passwords since its first start; new ones would lock everybody out.
TEST_F(ShardSetManners, LostPasswordsAreNotInvented) {
  MakeReady();
  const Value secret = world.Get(kube::kSecrets, "orders-internal");
  world.Remove(kube::kSecrets, "orders-internal");
  world.Settle();
  EXPECT_FALSE(world.Exists(kube::kSecrets, "orders-internal"));
  EXPECT_EQ(world.ConditionReason("Ready"), "PasswordsLost");
  EXPECT_NE(world.ConditionMessage("Ready").find("orders-internal has no superuser"),
            std::string::npos)
      << world.ConditionMessage("Ready");
  EXPECT_EQ(world.Count(kube::kStatefulSets), 2U) << "it goes on serving";
  Value restored = secret;
  restored.Member("metadata").Remove("uid");
  restored.Member("metadata").Remove("resourceVersion");
  world.Create(kube::kSecrets, "orders-internal", ToJson(restored));
  world.Settle();
  EXPECT_EQ(world.Condition("Ready"), "True") << world.ConditionMessage("Ready");
}

TEST_F(ShardSetManners, AShardThatCannotStartSaysWhatWouldHelp) {
  world.Settle();
  EXPECT_NE(world.ConditionMessage("Ready").find("no pod was made yet: kubectl -n shop describe"),
            std::string::npos)
      << world.ConditionMessage("Ready");
  world.StartPods();
  for (const Value& pod : world.All(kube::kPods)) {
    world.Patch(kube::kPods, pod.At("metadata.name").Text(),
                R"({"status":{"conditions":[{"type":"PodScheduled","status":"False",
                    "reason":"Unschedulable",
                    "message":"0/3 nodes are available: 3 Insufficient cpu."}]}})",
                "status");
  }
  world.Settle();
  EXPECT_NE(world.ConditionMessage("Ready").find(
                "Unschedulable (0/3 nodes are available: 3 Insufficient cpu.)"),
            std::string::npos)
      << world.ConditionMessage("Ready");
  for (const Value& claim : world.All(kube::kPersistentVolumeClaims)) {
    const std::string name = claim.At("metadata.name").Text();
    world.Patch(kube::kPersistentVolumeClaims, name, R"({"spec":{"storageClassName":"fast"}})");
    world.Patch(kube::kPersistentVolumeClaims, name, R"({"status":{"phase":"Pending"}})", "status");
  }
  world.Settle();
  EXPECT_NE(world.ConditionMessage("Ready").find("has no volume: StorageClass fast must exist"),
            std::string::npos)
      << world.ConditionMessage("Ready");
}

// behaviour-08
TEST_F(ShardSetManners, AFieldOfAnotherManagerSurvivesAHundredPasses) {
  MakeReady();
  const std::string pods = "orders-" + world.Shards()[0];
  const char* mine = R"({"metadata":{"annotations":{"team":"payments"},"labels":{"cost":"7"}}})";
  for (const kube::ResourceKind& kind : {kube::kStatefulSets, kube::kPodDisruptionBudgets})
    world.Patch(kind, pods, mine);
  for (int pass = 0; pass < 50; ++pass) {  // two each
    // Each pass has something to do to these very objects.
    std::string spec = kQuickSpec;
    spec.replace(spec.find("\"members\": 2"), 12,
                 pass % 2 == 0 ? "\"members\": 3" : "\"members\": 2");
    world.Write(spec);
    world.Remove(kube::kConfigMaps, pods + "-patroni");
    world.Settle();
  }
  for (const kube::ResourceKind& kind : {kube::kStatefulSets, kube::kPodDisruptionBudgets}) {
    const Value object = world.Get(kind, pods);
    EXPECT_EQ(object.At("metadata.annotations.team").Text(), "payments") << kind.kind;
    EXPECT_EQ(object.At("metadata.labels.cost").Text(), "7") << kind.kind;
  }
}

}  // namespace
}  // namespace foreshard::op

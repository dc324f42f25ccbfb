#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "operator/controllers/shardset_controller.h"
#include "tests/unit/operator/controllers/rolling_world.h"

// Which pod goes when the pods' template changes.

namespace foreshard::op {
namespace {

class RollingTest : public RollingWorld {};

// behaviour-14
TEST_F(RollingTest, ReplicasGoFirstThePrimaryLastAndOneShardAfterTheOther) {
  SetLeader("orders-" + world.Shards()[0], "orders-" + world.Shards()[0] + "-1");
  WantCpu("2000m");
  world.Settle();
  EXPECT_TRUE(Missing().empty()) << "the StatefulSets do not know the new template yet";
  PlayRevisions();
  std::vector<std::string> order;
  for (std::string pod = Taken(); !pod.empty(); pod = Taken()) {
    order.push_back(pod);
    ASSERT_LE(order.size(), 4U);
    EXPECT_EQ(Taken(), pod) << "nobody else goes before it is back";
    ComesBack();
  }
  ASSERT_EQ(order.size(), 4U);
  EXPECT_EQ(std::set<std::string>(order.begin(), order.end()), all_);
  const std::string first = order[0].substr(0, order[0].rfind('-'));
  for (std::size_t i = 0; i < 4; i += 2) {
    const std::string shard = order[i].substr(0, order[i].rfind('-'));
    const bool leads_by_one = shard == "orders-" + world.Shards()[0];
    EXPECT_EQ(order[i], shard + (leads_by_one ? "-0" : "-1")) << "the replica";
    EXPECT_EQ(order[i + 1], shard + (leads_by_one ? "-1" : "-0")) << "the primary";
  }
  EXPECT_FALSE(order[2].starts_with(first));
  EXPECT_EQ(handed_over_, std::vector<std::string>({order[1], order[3]})) << "each primary, once";
}

// behaviour-14
TEST_F(RollingTest, ThePrimaryHandsOverToAMemberInSyncBeforeItGoes) {
  const std::string shard = UntilThePrimaryIsLeft();
  ASSERT_NE(shard, "");
  EXPECT_EQ(Asked(shard), std::pair(shard + "-0", shard + "-1"));
  const Value asked = world.Get(kube::kEndpoints, shard + "-failover");
  EXPECT_EQ(asked["metadata"]["labels"][kClusterLabel].Text(), shard) << "or Patroni sees it not";
  world.clock.Advance(std::chrono::seconds(20));
  world.Settle();
  EXPECT_TRUE(Missing().empty()) << "Patroni is still about it";
  SetLeader(shard, shard + "-1");
  Forget(shard);
  EXPECT_EQ(Taken(), shard + "-0");
}

// behaviour-14
TEST_F(RollingTest, WhoIsNotInSyncIsNotAskedToLead) {
  for (const std::string& id : world.Shards()) SetInSync("orders-" + id, "orders-" + id + "-0", "");
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  EXPECT_EQ(Taken(), "") << "a primary with nobody in sync takes no writes (yet)";
  for (const std::string& id : world.Shards())
    SetInSync("orders-" + id, "orders-" + id + "-0", "orders-" + id + "-1");
  const std::string replica = Taken();
  const std::string shard = replica.substr(0, replica.rfind('-'));
  SetInSync(shard, shard + "-0", "");
  ComesBack();
  for (const char* members : {"", "orders-s-else-1"}) {
    SetInSync(shard, shard + "-0", members);
    world.clock.Advance(std::chrono::seconds(60));
    world.Settle();
    EXPECT_EQ(Asked(shard), std::nullopt);
    EXPECT_TRUE(Missing().empty()) << "and the primary stays until somebody is";
  }
  SetInSync(shard, shard + "-1", shard + "-1");  // of an earlier leader
  world.Settle();
  EXPECT_EQ(Asked(shard), std::nullopt);
  SetInSync(shard, shard + "-0", "orders-s-else-1," + shard + "-1");
  world.Settle();
  EXPECT_EQ(Asked(shard), std::pair(shard + "-0", shard + "-1"));
}

// behaviour-14
TEST_F(RollingTest, ASwitchoverThatPatroniRefusesIsAskedForOnceAndThenThePrimaryGoes) {
  const std::string shard = UntilThePrimaryIsLeft();
  ASSERT_NE(shard, "");
  Forget(shard);  // it does so when it refuses
  world.clock.Advance(std::chrono::seconds(20));
  world.Settle();
  EXPECT_EQ(Asked(shard), std::nullopt);
  EXPECT_TRUE(Missing().empty());
  world.clock.Advance(std::chrono::seconds(11));
  EXPECT_EQ(Taken(), shard + "-0");
}

// behaviour-14
TEST_F(RollingTest, WhoIsHandingOverIsNotTakenForBroken) {
  const std::string shard = UntilThePrimaryIsLeft();
  ASSERT_NE(shard, "");
  world.SetPodReady(shard + "-0", false);  // it stops
  for (const char* leader : {"", "-1"}) {  // nobody, then another one
    if (*leader != '\0') Forget(shard);
    SetLeader(shard, *leader == '\0' ? "" : shard + leader);
    world.clock.Advance(std::chrono::seconds(5));
    world.Settle();
    EXPECT_TRUE(Missing().empty()) << "it becomes a replica";
  }
  world.clock.Advance(std::chrono::seconds(21));
  EXPECT_EQ(Taken(), shard + "-0") << "it does not come back";
}

// behaviour-14
TEST_F(RollingTest, NobodyGoesWhileAMemberOfAnyShardIsMissing) {
  const std::string sick = "orders-" + world.Shards()[1] + "-1";
  world.SetPodReady(sick, false);
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  // It is outdated and serves nobody, so it may go itself.
  EXPECT_EQ(Taken(), sick);
  world.StartPods();
  world.SetPodReady(sick, false);
  PlayRevisions();
  EXPECT_EQ(Taken(), "");
  world.SetPodReady(sick, true);
  EXPECT_NE(Taken(), "");
}

// behaviour-14
TEST_F(RollingTest, NobodyGoesWhileKeysChangeHands) {
  Moves("Cutover");
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  EXPECT_EQ(Taken(), "");
  Moves("Soaking");
  EXPECT_NE(Taken(), "");
}

// What a shard is to a migration: where the object says so, and the object.
struct Role {
  const char* name;
  const char* spec;
  const char* status;
};

class RollingRoleTest : public RollingTest, public testing::WithParamInterface<Role> {};

INSTANTIATE_TEST_SUITE_P(
    Roles, RollingRoleTest,
    testing::Values(Role{"Source", R"("source":"BUSY")", ""},
                    Role{"Destination", R"("source":"s-none","destination":"BUSY")", ""},
                    Role{"NewShard", R"("source":"s-none")", R"(,"destination":"BUSY")"}),
    [](const auto& role) { return std::string(role.param.name); });

// behaviour-14 behaviour-25
TEST_P(RollingRoleTest, ThePrimaryOfAShardThatAMigrationCopiesStaysUntilItsEnd) {
  const std::string busy = world.Shards()[0];
  const auto with_shard = [&](std::string text) {
    if (const auto at = text.find("BUSY"); at != std::string::npos) text.replace(at, 4, busy);
    return text;
  };
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  for (const char* phase :
       {"Preparing", "Copying", "CatchingUp", "Verifying", "Ready", "Soaking"}) {
    SCOPED_TRACE(phase);
    Moves(phase, with_shard(GetParam().spec), with_shard(GetParam().status));
    for (std::string pod = Taken(); !pod.empty(); pod = Taken()) ComesBack();
    EXPECT_FALSE(Asked("orders-" + busy)) << "its primary was asked to hand over";
    EXPECT_EQ(handed_over_.size(), 1U) << "the other shard's primary need not wait";
    EXPECT_EQ(world.ConditionReason("RolledOut"), "MigrationNeedsPrimary");
    EXPECT_EQ(world.ConditionMessage("RolledOut"),
              "1 of 4 pods have an older template; the primary of shard " + busy +
                  " goes when move has ended");
  }
  Moves("Completed");
  EXPECT_NE(Taken(), "");
  EXPECT_EQ(handed_over_.size(), 2U);
}

// behaviour-14
TEST_F(RollingTest, ATemplateThatBreaksStopsAtItsFirstPodAndIsRepairedByTheNext) {
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  const std::string first = Taken();
  ASSERT_NE(first, "");
  world.StartPods();
  world.SetPodReady(first, false);
  PlayRevisions();
  EXPECT_EQ(Taken(), "") << "the others keep the old template";
  WantCpu("3000m");
  world.Settle();
  PlayRevisions();
  EXPECT_EQ(Taken(), first);
}

// behaviour-14
TEST_F(RollingTest, AShardOfWhichNobodyIsReadyIsRepairedToo) {
  const std::string shard = "orders-" + world.Shards().front();
  world.SetPodReady(shard + "-0", false);
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  EXPECT_EQ(Taken(), "") << "who leads may come back while another one is ready";
  world.SetPodReady(shard + "-1", false);
  EXPECT_EQ(Taken(), shard + "-1") << "who does not lead, first";
  world.StartPods();
  world.SetPodReady(shard + "-1", false);
  PlayRevisions();
  EXPECT_EQ(Taken(), shard + "-0");
}

// behaviour-14
TEST_F(RollingTest, AFleetWithoutRoomIsWaitedForAndTheRestGoesOn) {
  ShardSetController held(world.kube, world.admin, world.clock, Images{}, {.rolling_sets_max = 0});
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  world.Remove(kube::kDeployments, "orders-router");
  Result<Outcome> last = Outcome::Done();
  for (int i = 0; i < 10; ++i) last = held.Reconcile(world.ref, world.Soon());
  ASSERT_TRUE(last.ok());
  EXPECT_GE(last->look_again_after, std::chrono::seconds(2));
  EXPECT_TRUE(Missing().empty());
  EXPECT_TRUE(world.Exists(kube::kDeployments, "orders-router"));
  EXPECT_EQ(world.ConditionReason("RolledOut"), "WaitsForOtherSets");
  EXPECT_NE(Taken(), "") << "with room it goes on";
}

// behaviour-14
TEST_F(RollingTest, ANewLeaderCountsTheSetsThatTheOldOneBegan) {
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  const kube::ObjectRef other{"shop", "bills"};
  Value set = world.Get(kube::kShardSets, "orders");
  set.Set("metadata", Value::Object({{"name", "bills"}, {"namespace", "shop"}}));
  world.Create(kube::kShardSets, "bills", ToJson(set));
  world.Create(kube::kStatefulSets, "bills-s-aaaa",
               R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"bills-s-aaaa",
      "namespace":"shop","labels":{"foreshard.dev/shardset":"bills"}},"spec":{"replicas":2}})");
  world.Patch(kube::kStatefulSets, "bills-s-aaaa", R"({"status":{"replicas":2,"readyReplicas":2,
      "updatedReplicas":1,"currentRevision":"a","updateRevision":"b","observedGeneration":1}})",
              "status");
  ShardSetController next(world.kube, world.admin, world.clock, Images{}, {.rolling_sets_max = 1});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(next.Reconcile(world.ref, world.Soon()).ok());
  EXPECT_TRUE(Missing().empty()) << "the only place is that of the set in the middle of a change";
  world.Remove(kube::kShardSets, "bills");
  EXPECT_TRUE(next.Reconcile(other, world.Soon()).ok());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(next.Reconcile(world.ref, world.Soon()).ok());
  EXPECT_EQ(Missing().size(), 1U);
}

// behaviour-13
TEST_F(RollingTest, ABudgetThatForbidsItIsWaitedForWithoutACondition) {
  WantCpu("2000m");
  world.Settle();
  PlayRevisions();
  for (const Value& budget : world.All(kube::kPodDisruptionBudgets)) {
    world.Patch(kube::kPodDisruptionBudgets, budget.At("metadata.name").Text(),
                R"({"status":{"disruptionsAllowed":0}})", "status");
  }
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(world.Pass().ok());
  EXPECT_TRUE(Missing().empty());
  EXPECT_EQ(world.Condition("Ready"), "True");
}

}  // namespace
}  // namespace foreshard::op

#include <gtest/gtest.h>

#include "operator/api/conditions.h"
#include "operator/builders/names.h"
#include "operator/controllers/shardset_controller.h"
#include "operator/scram_verifier.h"
#include "tests/unit/operator/controllers/shardset_world.h"

namespace foreshard::op {
namespace {

class ShardSetControllerTest : public testing::Test {
 protected:
  void MakeReady() {
    world.Settle();
    world.StartPods();
    world.Settle();
    world.StartPods();
    world.Settle();
    ASSERT_EQ(world.Condition("Ready"), "True") << world.ConditionMessage("Ready");
  }

  ShardSetWorld world;
};

// behaviour-03
TEST_F(ShardSetControllerTest, BecomesADatabaseWithTwoShards) {
  world.Settle();
  EXPECT_EQ(world.Condition("Ready"), "False");
  EXPECT_EQ(world.Count(kube::kStatefulSets), 2U);
  EXPECT_EQ(world.Count(kube::kSecrets), 7U);
  EXPECT_EQ(world.Count(kube::kRoutingTables), 0U)
      << "before the shards are set up nobody may be routed to them";
  MakeReady();
  const std::vector<std::string> shards = world.Shards();
  ASSERT_EQ(shards.size(), 2U);
  EXPECT_NE(shards[0], shards[1]);
  const Value set = world.Get(kube::kShardSets, "orders");
  EXPECT_EQ(set.At("status.epoch").Int(), 1);
  EXPECT_EQ(set.At("status.readyShards").Int(), 2);
  EXPECT_EQ(set.At("status.members").Int(), 4);
  EXPECT_EQ(set.At("status.endpoint").Text(), "orders-router.shop.svc:5432");
  EXPECT_EQ(set.At("status.observedGeneration").Int(), set.At("metadata.generation").Int());
  EXPECT_EQ(world.Condition("Degraded"), "False");
}

// behaviour-01
TEST_F(ShardSetControllerTest, ASettledSetWritesNothing) {
  MakeReady();
  const std::int64_t before = world.kube.write_calls();
  for (int minute = 0; minute < 10; ++minute) {
    world.clock.Advance(std::chrono::minutes(1));
    ASSERT_TRUE(world.Pass().ok());
  }
  EXPECT_EQ(world.kube.write_calls(), before);
}

// behaviour-04
TEST_F(ShardSetControllerTest, NotReadyNamesTheShardWhosePrimaryIsDown) {
  MakeReady();
  const std::string shard = world.Shards()[1];
  world.SetPodReady("orders-" + shard + "-0", false);
  world.Settle();
  EXPECT_EQ(world.Condition("Ready"), "False");
  EXPECT_EQ(world.ConditionReason("Ready"), "ShardNotReady");
  EXPECT_NE(world.ConditionMessage("Ready").find(shard), std::string::npos)
      << world.ConditionMessage("Ready");
}

// behaviour-08
TEST_F(ShardSetControllerTest, WhatSomebodyChangedComesBack) {
  MakeReady();
  const std::string name = "orders-" + world.Shards()[0];
  world.Patch(kube::kPodDisruptionBudgets, name, R"({"spec":{"maxUnavailable":5}})");
  world.Remove(kube::kServices, name);
  world.Settle();
  EXPECT_EQ(world.Get(kube::kPodDisruptionBudgets, name).At("spec.maxUnavailable").Int(), 1);
  EXPECT_TRUE(world.Exists(kube::kServices, name));
}

// behaviour-06
TEST_F(ShardSetControllerTest, AnInvalidSpecIsNamedAndTheRestKeepsServing) {
  MakeReady();
  world.Write(
      R"({"sharding":{"tables":[{"name":"orders","column":"id"}]},
      "shardTemplate":{"storage":{"size":"1Gi"}}})");
  world.Settle();
  EXPECT_EQ(world.ConditionReason("Ready"), "InvalidSpec");
  EXPECT_NE(world.ConditionMessage("Ready").find("spec.sharding.tables[0].name: 'orders'"),
            std::string::npos)
      << world.ConditionMessage("Ready");
  EXPECT_EQ(world.Count(kube::kStatefulSets), 2U);
}

TEST_F(ShardSetControllerTest, AChangedPasswordReachesEveryShardAndTheRouters) {
  MakeReady();
  const Value users = world.Get(kube::kSecrets, "orders-router-users")["data"];
  world.Patch(kube::kSecrets, "orders-app", R"({"data":{"password":"bmV3LXBhc3N3b3Jk"}})");
  world.Settle();
  world.clock.Advance(std::chrono::seconds(60));
  world.Settle();
  EXPECT_NE(world.Get(kube::kSecrets, "orders-router-users")["data"], users);
  for (const auto& [host, database] : world.admin.databases) EXPECT_EQ(database.set_ups, 2) << host;
  EXPECT_EQ(world.Condition("Ready"), "True");
}

TEST_F(ShardSetControllerTest, AParameterReachesPatroniWithoutARestart) {
  MakeReady();
  const std::string shard = "orders-" + world.Shards()[0];
  const Value before = world.Get(kube::kStatefulSets, shard).At("spec.template");
  std::string spec = kQuickSpec;
  spec.insert(1, R"("postgres":{"parameters":[{"name":"work_mem","value":"7MB"}]},)");
  world.Write(spec);
  world.Settle();
  const std::string config =
      world.Get(kube::kEndpoints, shard + "-config")["metadata"]["annotations"]["config"].Text();
  EXPECT_EQ(ParseJson(config)->At("postgresql.parameters.work_mem").Text(), "7MB");
  EXPECT_EQ(world.Get(kube::kStatefulSets, shard).At("spec.template"), before);
  world.Write(kQuickSpec);
  world.Settle();
  const std::string after =
      world.Get(kube::kEndpoints, shard + "-config")["metadata"]["annotations"]["config"].Text();
  EXPECT_TRUE(ParseJson(after)->At("postgresql.parameters.work_mem").is_null());
}

TEST_F(ShardSetControllerTest, VolumesGrowClaimsFirstAndKeepTheirPods) {
  MakeReady();
  std::string spec = kQuickSpec;
  spec.replace(spec.find("\"1Gi\""), 5, "\"2Gi\"");
  world.Write(spec);
  world.Settle();
  for (const Value& claim : world.All(kube::kPersistentVolumeClaims)) {
    EXPECT_EQ(claim.At("spec.resources.requests.storage").Text(), "2Gi");
  }
  while (world.kube.CollectGarbage() > 0) {
  }
  world.Settle();
  EXPECT_EQ(world.Count(kube::kPods), 4U);
  for (const Value& stateful_set : world.All(kube::kStatefulSets)) {
    EXPECT_EQ(stateful_set.At("spec.volumeClaimTemplates")
                  .Items()[0]
                  .At("spec.resources.requests.storage")
                  .Text(),
              "2Gi");
  }
}

// behaviour-18
TEST_F(ShardSetControllerTest, ADryRunMakesNoShard) {
  MakeReady();
  world.Create(kube::kShardMigrations, "split",
               R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration",
      "metadata":{"name":"split","namespace":"shop"},
      "spec":{"shardSetName":"orders","type":"Split","source":"x","dryRun":true}})");
  world.Patch(kube::kShardMigrations, "split",
              R"({"status":{"phase":"Planned","destination":"s-new1"}})", "status");
  const std::int64_t before = world.kube.write_calls();
  world.Settle();
  EXPECT_EQ(world.kube.write_calls(), before);
  EXPECT_FALSE(world.Exists(kube::kStatefulSets, "orders-s-new1"));
}

// behaviour-10
TEST_F(ShardSetControllerTest, AShardForAMigrationExistsAsLongAsItIsNamed) {
  MakeReady();
  world.Create(kube::kShardMigrations, "split",
               R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardMigration",
      "metadata":{"name":"split","namespace":"shop"},
      "spec":{"shardSetName":"orders","type":"Split","source":"x"}})");
  world.Patch(kube::kShardMigrations, "split",
              R"({"status":{"phase":"Planned","destination":"s-new1"}})", "status");
  world.Settle();
  ASSERT_TRUE(world.Exists(kube::kStatefulSets, "orders-s-new1"));
  world.StartPods();
  world.Settle();
  const std::string host = "orders-s-new1.shop.svc";
  EXPECT_EQ(world.admin.databases[host].set_ups, 1);
  EXPECT_EQ(world.Condition("Resharding"), "True");

  world.admin.databases[host].has_rows = true;
  world.Patch(kube::kShardMigrations, "split", R"({"status":{"phase":"Aborted"}})", "status");
  world.clock.Advance(std::chrono::minutes(2));
  world.Settle();
  EXPECT_TRUE(world.Exists(kube::kStatefulSets, "orders-s-new1")) << "it still holds rows";
  const Value orphans = world.Get(kube::kShardSets, "orders").At("status.orphanedShards");
  ASSERT_EQ(orphans.Items().size(), 1U);
  EXPECT_EQ(orphans.Items()[0]["id"].Text(), "s-new1");

  world.admin.databases[host].has_rows = false;
  world.clock.Advance(std::chrono::minutes(2));
  world.Settle();
  world.StopPods();
  world.Settle();
  EXPECT_FALSE(world.Exists(kube::kStatefulSets, "orders-s-new1"));
  EXPECT_FALSE(world.Exists(kube::kServices, "orders-s-new1"));
  EXPECT_TRUE(world.Exists(kube::kPersistentVolumeClaims, "data-orders-s-new1-0"))
      << "Retain keeps every claim";
  EXPECT_EQ(world.Condition("Ready"), "True");
}

TEST(ShardSetObserver, LooksIntoAtMostAHundredShardsAMinute) {
  EXPECT_EQ(InspectionAge(0), std::chrono::minutes(1));
  EXPECT_EQ(InspectionAge(100), std::chrono::minutes(1));
  EXPECT_EQ(InspectionAge(1'000), std::chrono::minutes(10));
}

// behaviour-07
TEST_F(ShardSetControllerTest, ANewLeaderActsBeforeItHasLookedIntoEveryShard) {
  MakeReady();
  world.Remove(kube::kPodDisruptionBudgets, "orders-router");
  ShardSetController successor(world.kube, world.admin, world.clock, Images{});
  const int before = world.admin.inspections;
  ASSERT_TRUE(successor.Reconcile(world.ref, world.Soon()).ok());
  EXPECT_EQ(world.admin.inspections, before + 1);
  EXPECT_EQ(world.Condition("Ready"), "True") << "it believes what is told";
  EXPECT_TRUE(world.Exists(kube::kPodDisruptionBudgets, "orders-router"));
  // And it looks into the other one soon, whatever is told.
  world.admin.databases["orders-" + world.Shards()[1] + ".shop.svc"].fingerprint = "another";
  world.admin.databases["orders-" + world.Shards()[0] + ".shop.svc"].fingerprint = "another";
  ShardSetController third(world.kube, world.admin, world.clock, Images{});
  for (int i = 0; i < 10; ++i) {
    const Result<Outcome> pass = third.Reconcile(world.ref, world.Soon());
    ASSERT_TRUE(pass.ok());
    EXPECT_LE(pass->look_again_after, std::chrono::minutes(1));
  }
  for (const auto& [host, database] : world.admin.databases)
    EXPECT_NE(database.fingerprint, "another") << host;
}

// The second of two shards loses its ranges in the table.
std::string LeaveOnlyTheFirst(ShardSetWorld& world) {
  const std::string rest = world.Shards()[0];
  std::string shard = world.Shards()[1];
  world.Patch(kube::kRoutingTables, "orders",
              R"({"spec":{"epoch":2,"ranges":[{"from":"","to":"","shard":")" + rest +
                  R"("}],"shards":[{"id":")" + rest + R"(","primaryService":"x"}]}})");
  return shard;
}

// behaviour-10
TEST_F(ShardSetControllerTest, AnOrphanIsAskedAnewBeforeItIsRemoved) {
  MakeReady();
  world.clock.Advance(std::chrono::minutes(2));
  world.Settle();  // every shard was looked into, and had no rows
  for (auto& [host, database] : world.admin.databases) database.has_rows = true;
  const std::string shard = LeaveOnlyTheFirst(world);
  world.Settle();
  EXPECT_TRUE(world.Exists(kube::kStatefulSets, "orders-" + shard));
}

// behaviour-10
TEST_F(ShardSetControllerTest, AnUnreachableOrphanIsKept) {
  MakeReady();
  world.admin.databases["orders-" + world.Shards()[1] + ".shop.svc"].down = true;
  const std::string shard = LeaveOnlyTheFirst(world);
  world.clock.Advance(std::chrono::minutes(2));
  world.Settle();
  EXPECT_TRUE(world.Exists(kube::kStatefulSets, "orders-" + shard));
  EXPECT_EQ(world.Get(kube::kShardSets, "orders").At("status.orphanedShards").Items().size(), 1U);
}

TEST_F(ShardSetControllerTest, ALostRoutingTableIsNotInvented) {
  MakeReady();
  world.Remove(kube::kRoutingTables, "orders");
  world.Settle();
  EXPECT_FALSE(world.Exists(kube::kRoutingTables, "orders"));
  EXPECT_EQ(world.ConditionReason("Ready"), "RoutingTableMissing");
}

// behaviour-09
TEST_F(ShardSetControllerTest, DeletionKeepsTheClaimsAndThePasswords) {
  MakeReady();
  world.Remove(kube::kShardSets, "orders");
  world.Settle();
  EXPECT_EQ(world.Count(kube::kDeployments), 0U);
  EXPECT_EQ(world.Condition("Ready"), "False");
  EXPECT_NE(world.ConditionMessage("Ready").find("is stopping"), std::string::npos)
      << "it says what it waits for";
  EXPECT_EQ(world.Count(kube::kServices), 7U + 2U)
      << "as long as a pod runs, its Services stay: ours and Patroni's";
  world.StopPods();
  world.Settle();
  EXPECT_FALSE(world.Exists(kube::kShardSets, "orders"));
  EXPECT_EQ(world.Count(kube::kServices), 0U);
  EXPECT_EQ(world.Count(kube::kEndpoints), 0U);
  EXPECT_EQ(world.Count(kube::kRoutingTables), 0U);
  EXPECT_EQ(world.Count(kube::kPersistentVolumeClaims), 4U);
  EXPECT_EQ(world.Count(kube::kSecrets), 1U);
  EXPECT_TRUE(world.Exists(kube::kSecrets, "orders-internal"));
}

// behaviour-09
TEST_F(ShardSetControllerTest, DeletionWithPolicyDeleteLeavesNothing) {
  std::string spec = kQuickSpec;
  spec.insert(1, R"("deletionPolicy":"Delete",)");
  world.Write(spec);
  MakeReady();
  world.Remove(kube::kShardSets, "orders");
  world.Settle();
  world.StopPods();
  world.Settle();
  EXPECT_FALSE(world.Exists(kube::kShardSets, "orders"));
  EXPECT_EQ(world.Count(kube::kPersistentVolumeClaims), 0U);
  EXPECT_EQ(world.Count(kube::kSecrets), 0U);
  EXPECT_EQ(world.Count(kube::kServices), 0U) << "Patroni's too";
  EXPECT_EQ(world.Count(kube::kEndpoints), 0U);
}

// behaviour-22
TEST_F(ShardSetControllerTest, CertificatesAreRenewedAfterTwoThirdsOfTheirLife) {
  MakeReady();
  const std::string before =
      world.Get(kube::kSecrets, "orders-router-tls")["data"]["tls.crt"].Text();
  world.clock.Advance(kCertificateLifetime / 2);
  world.Settle();
  EXPECT_EQ(world.Get(kube::kSecrets, "orders-router-tls")["data"]["tls.crt"].Text(), before);
  world.clock.Advance(kCertificateLifetime / 4);
  world.Settle();
  EXPECT_NE(world.Get(kube::kSecrets, "orders-router-tls")["data"]["tls.crt"].Text(), before);
}

std::string WithBackup() {
  std::string spec = kQuickSpec;
  spec.insert(1, R"("backup":{"repository":{"volume":{"claimName":"backups"}},
                    "encryptionSecretName":"passphrase"},)");
  return spec;
}

TEST_F(ShardSetControllerTest, ABackupWaitsForItsSecretAndTheSetDoesNot) {
  const auto prepared = [&] {
    const std::string stateful_set = ToJson(world.All(kube::kStatefulSets).at(0));
    return stateful_set.find("pgbackrest server") != std::string::npos;
  };
  world.Write(WithBackup());
  MakeReady();
  EXPECT_EQ(world.Condition("Ready"), "True");
  EXPECT_FALSE(prepared()) << "its pods could not start";
  EXPECT_FALSE(world.Exists(kube::kSecrets, "orders-backup"));

  world.Create(kube::kSecrets, "passphrase",
               R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"passphrase",
                   "namespace":"shop"},"data":{"passphrase":"YWJj"}})");
  world.clock.Advance(std::chrono::minutes(2));
  world.Settle();
  EXPECT_TRUE(prepared());
  const Value files = world.Get(kube::kSecrets, "orders-backup")["data"];
  EXPECT_EQ(DecodeBase64(files["secret.conf"].Text()), "[global]\nrepo1-cipher-pass=abc\n");
  EXPECT_TRUE(world.Exists(kube::kSecrets, "orders-backup-tls"));
  const std::string map = world.Shards().at(0);
  EXPECT_TRUE(world.Exists(kube::kConfigMaps, "orders-" + map + "-backup"));

  world.Remove(kube::kSecrets, "passphrase");
  world.Settle();
  EXPECT_TRUE(prepared()) << "what was there once goes on";

  world.Write(kQuickSpec);
  world.Settle();
  EXPECT_FALSE(prepared());
  EXPECT_FALSE(world.Exists(kube::kSecrets, "orders-backup")) << "nobody needs the passphrase";
  EXPECT_FALSE(world.Exists(kube::kSecrets, "orders-backup-tls"));
  EXPECT_FALSE(world.Exists(kube::kConfigMaps, "orders-" + map + "-backup"));
}

}  // namespace
}  // namespace foreshard::op

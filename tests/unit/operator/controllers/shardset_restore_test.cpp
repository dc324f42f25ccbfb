#include <gtest/gtest.h>

#include "backup/point_json.h"
#include "operator/builders/names.h"
#include "operator/builders/restore.h"
#include "operator/controllers/shardset_controller.h"
#include "operator/scram_verifier.h"
#include "tests/unit/operator/controllers/restored_point.h"
#include "tests/unit/operator/controllers/shardset_world.h"

// spec.restoreFrom: a set that begins as another one was at one of its points.

namespace foreshard::op {
namespace {

std::string SpecFrom(const std::string& point, const std::string& more = "") {
  std::string spec = kQuickSpec;
  spec.insert(1, R"("restoreFrom":{"set":"old","point":")" + point +
                     R"(","repository":{"volume":{"claimName":"backups"}})" + more + "},");
  return spec;
}

class ShardSetRestoreTest : public testing::Test {
 protected:
  ShardSetRestoreTest() {
    world.Remove(kube::kShardSets, "orders");
    world.Create(kube::kPersistentVolumeClaims, "backups",
                 R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"backups",
                     "namespace":"shop"},"spec":{}})");
  }

  void KeepPoints(const std::vector<backup::Point>& points) {
    Value data = Value::Object({{"last", "20"}});
    for (const backup::Point& point : points)
      data.Set("point-" + std::to_string(point.number.value), backup::PointToJson(point));
    world.Create(kube::kConfigMaps, "old-points",
                 ToJson(Value::Object({{"apiVersion", "v1"},
                                       {"kind", "ConfigMap"},
                                       {"metadata", Value::Object({{"name", "old-points"},
                                                                   {"namespace", "shop"}})},
                                       {"data", std::move(data)}})));
  }
  void KeepTwoPoints() {
    KeepPoints({PointOf(16, "2026-05-01T09:05:00.000000Z"),
                PointOf(17, "2026-05-01T09:10:00.000000Z")});
  }
  void Come() {
    for (int i = 0; i < 4; ++i) {
      world.Settle();
      world.StartPods();
    }
    world.Settle();
  }
  void ExpectNothingMade() {
    EXPECT_EQ(world.Count(kube::kStatefulSets), 0U);
    EXPECT_EQ(world.Count(kube::kRoutingTables), 0U);
    EXPECT_EQ(world.Count(kube::kPods), 0U);
  }

  ShardSetWorld world;
};

TEST_F(ShardSetRestoreTest, BeginsWithShardsAndTableOfThePoint) {
  KeepTwoPoints();
  world.Write(SpecFrom("2026-05-01T09:09:00Z"));
  world.Settle();
  EXPECT_EQ(world.ConditionReason("Restored"), "Restoring");
  EXPECT_EQ(world.Count(kube::kRoutingTables), 0U) << "routers serve nothing before all is ended";
  for (const char* shard : {"s-aaaa", "s-bbbb", "s-cccc"}) {
    const std::string name = std::string("orders-") + shard;
    ASSERT_TRUE(world.Exists(kube::kStatefulSets, name)) << "with its old id";
    const Value settings =
        *ParseJson(world.Get(kube::kConfigMaps, name + "-restore")["data"]["restore.json"].Text());
    EXPECT_EQ(settings["target"].Text(), "foreshard/0f3c/16") << "the newest before that time";
    EXPECT_EQ(settings["stanza"].Text(), shard);
    const Value patroni =
        *ParseJson(world.Get(kube::kConfigMaps, name + "-patroni")["data"]["patroni.yml"].Text());
    EXPECT_EQ(patroni.At("bootstrap.method").Text(), "foreshard_restore");
  }
  Come();
  ASSERT_EQ(world.admin.endings.size(), 1U);
  EXPECT_EQ(world.admin.endings[0].shards.size(), 3U) << "also who owned nothing: it may decide";
  EXPECT_EQ(world.admin.endings[0].number_max, model::MigrationNumber{7});
  const Value table = world.Get(kube::kRoutingTables, "orders");
  EXPECT_EQ(table.At("spec.epoch").Int(), 13);
  EXPECT_EQ(world.Shards(), (std::vector<std::string>{"s-aaaa", "s-bbbb"}));
  EXPECT_EQ(world.Condition("Ready"), "True") << world.ConditionMessage("Ready");
  EXPECT_EQ(world.Condition("Restored"), "True");
  EXPECT_NE(world.ConditionMessage("Restored").find("foreshard/0f3c/16 of 2026-05-01T09:05:00Z"),
            std::string::npos)
      << world.ConditionMessage("Restored");
  const std::int64_t writes = world.kube.write_calls();
  world.clock.Advance(std::chrono::minutes(1));
  ASSERT_TRUE(world.Pass().ok());
  EXPECT_EQ(world.kube.write_calls(), writes) << "it is settled";
}

TEST_F(ShardSetRestoreTest, WhoLeadsNextGoesOnAtAnyLine) {
  KeepTwoPoints();
  world.Write(SpecFrom("2026-05-01T09:30:00Z"));
  world.admin.lose_ending = true;
  for (int pass = 0; pass < 400 && world.Condition("Restored") != "True"; ++pass) {
    ShardSetController next{world.kube, world.admin, world.clock, Images{}};
    static_cast<void>(next.Reconcile(world.ref, world.Soon()));
    if (pass % 7 == 6) world.StartPods();
    if (pass == 20)  // a newer point changes nothing any more
      world.Patch(kube::kConfigMaps, "old-points",
                  ToJson(Value::Object(
                      {{"data", Value::Object({{"point-18",
                                                backup::PointToJson(PointOf(
                                                    18, "2026-05-01T09:15:00.000000Z"))}})}})));
  }
  for (int pass = 0; pass < 20; ++pass) static_cast<void>(world.Pass());
  EXPECT_EQ(world.admin.endings.size(), 2U) << "once more after the lost answer, and never again";
  EXPECT_EQ(world.Condition("Restored"), "True") << world.ConditionMessage("Restored");
  EXPECT_NE(world.ConditionMessage("Restored").find("foreshard/0f3c/17 "), std::string::npos);
  EXPECT_EQ(world.Get(kube::kRoutingTables, "orders").At("spec.epoch").Int(), 13);
}

TEST_F(ShardSetRestoreTest, NoTableWhileSomethingIsInDoubt) {
  KeepTwoPoints();
  world.admin.ending_fails = Error::Retry("s-bbbb does not answer");
  world.Write(SpecFrom("17"));
  Come();
  EXPECT_EQ(world.Count(kube::kRoutingTables), 0U);
  EXPECT_NE(world.Condition("Restored"), "True");
  EXPECT_NE(world.ConditionMessage("Ready").find("s-bbbb does not answer"), std::string::npos)
      << world.ConditionMessage("Ready");
  world.admin.ending_fails.reset();
  Come();
  EXPECT_EQ(world.Condition("Restored"), "True");
}

TEST_F(ShardSetRestoreTest, NamesWhatIsMissing) {
  world.Write(SpecFrom("2026-05-01T09:00:00Z"));
  world.Settle();
  EXPECT_EQ(world.ConditionReason("Restored"), "PointNotFound");
  EXPECT_NE(world.ConditionMessage("Restored").find("spec.restoreFrom.set: 'old'"),
            std::string::npos);
  EXPECT_EQ(world.ConditionReason("Ready"), "PointNotFound") << "kubectl get shows why";
  ExpectNothingMade();
  KeepTwoPoints();
  world.Settle();
  EXPECT_EQ(world.ConditionMessage("Restored"),
            "spec.restoreFrom.point: '2026-05-01T09:00:00Z': there is no such point; there are 2, "
            "from foreshard/0f3c/16 of 2026-05-01T09:05:00Z to foreshard/0f3c/17 of "
            "2026-05-01T09:10:00Z");
  ExpectNothingMade();
}

TEST_F(ShardSetRestoreTest, WaitsForThePassphrase) {
  KeepTwoPoints();
  world.Write(SpecFrom("17", R"(,"encryptionSecretName":"passphrase")"));
  world.Settle();
  EXPECT_EQ(world.ConditionReason("Restored"), "SecretMissing");
  EXPECT_NE(world.ConditionMessage("Restored").find("there is no Secret passphrase"),
            std::string::npos);
  ExpectNothingMade();
  world.Create(kube::kSecrets, "passphrase",
               R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"passphrase",
                   "namespace":"shop"},"data":{"passphrase":"YWJj"}})");
  Come();
  EXPECT_EQ(world.Condition("Restored"), "True");
  const Value secret = world.Get(kube::kSecrets, "orders-restore");
  EXPECT_EQ(DecodeBase64(secret["data"]["secret.conf"].Text()), "[global]\nrepo1-cipher-pass=abc\n");
}

TEST_F(ShardSetRestoreTest, ASetWithDataGoesOnAsItIs) {
  world.Write(kQuickSpec);
  Come();
  ASSERT_EQ(world.Condition("Ready"), "True");
  const std::vector<std::string> shards = world.Shards();
  KeepTwoPoints();
  world.Write(SpecFrom("17"));  // a server without the schema's rule
  Come();
  EXPECT_EQ(world.Condition("Ready"), "True") << world.ConditionMessage("Ready");
  EXPECT_EQ(world.ConditionReason("Restored"), "NotEmpty");
  EXPECT_EQ(world.Shards(), shards);
  EXPECT_TRUE(world.admin.endings.empty());
}

TEST_F(ShardSetRestoreTest, ClaimsOfAnEarlierSetOfThisNameAreNotTaken) {
  KeepTwoPoints();
  const SetName name{.name_space = "shop", .name = "orders", .uid = {}};
  Value claim = Value::Object(
      {{"apiVersion", "v1"},
       {"kind", "PersistentVolumeClaim"},
       {"metadata", Value::Object({{"name", "data-orders-s-aaaa-0"},
                                   {"namespace", "shop"},
                                   {"labels", Labels(name, Component::kShard, {"s-aaaa"})}})}});
  world.Create(kube::kPersistentVolumeClaims, "data-orders-s-aaaa-0", ToJson(claim));
  world.Write(SpecFrom("17"));
  world.Settle();
  EXPECT_EQ(world.ConditionReason("Restored"), "NotEmpty");
  EXPECT_NE(world.ConditionMessage("Restored").find("PersistentVolumeClaim data-orders-s-aaaa-0"),
            std::string::npos)
      << world.ConditionMessage("Restored");
  ExpectNothingMade();
  world.Remove(kube::kPersistentVolumeClaims, "data-orders-s-aaaa-0");
  Come();
  EXPECT_EQ(world.Condition("Restored"), "True");
}

TEST_F(ShardSetRestoreTest, TellsWhatTheScriptSaid) {
  KeepTwoPoints();
  world.Write(SpecFrom("17"));
  world.Settle();
  world.Create(
      kube::kPods, "orders-s-aaaa-0",
      ToJson(Value::Object(
          {{"apiVersion", "v1"},
           {"kind", "Pod"},
           {"metadata",
            Value::Object({{"name", "orders-s-aaaa-0"},
                           {"namespace", "shop"},
                           {"labels", world.Get(kube::kStatefulSets, "orders-s-aaaa")
                                          .At("spec.template.metadata.labels")}})}})));
  world.Patch(kube::kPods, "orders-s-aaaa-0",
              R"({"status":{"containerStatuses":[{"name":"postgres","lastState":{"terminated":{
                  "message":"restore: no backup ended before the point"}}}]}})",
              "status");
  world.Settle();
  EXPECT_NE(world.ConditionMessage("Restored").find(
                "shard s-aaaa: no backup ended before the point"),
            std::string::npos)
      << world.ConditionMessage("Restored");
}

}  // namespace
}  // namespace foreshard::op

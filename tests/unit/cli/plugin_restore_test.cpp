#include "cli/plugin/restore.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operator/api/shard_set_json.h"

namespace foreshard::plugin {
namespace {

backup::Point At(std::int64_t number, const std::string& time) {
  backup::Point point;
  point.number = {number};
  point.made_at = *ParseRfc3339(time);
  point.state.set_uid = "0f3c";
  point.state.epoch = {12};
  point.shards.resize(2);
  point.shards[0].shard = {"s-a"};
  point.shards[1].shard = {"s-b"};
  return point;
}

const std::vector<backup::Point> kPoints = {At(7, "2026-05-01T09:10:00.700000Z"),
                                            At(8, "2026-05-01T09:20:00.000000Z")};

op::Value Other(const std::string& backup) {
  return *op::ParseJson(R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
    "metadata":{"name":"orders","namespace":"shop","uid":"0f3c","resourceVersion":"77",
      "finalizers":["foreshard.dev/shardset"]},
    "spec":{"sharding":{"tables":[{"name":"public.customers","column":"id"}]},
      "shardTemplate":{"members":2,"storage":{"size":"20Gi"}})" +
                        backup + R"(},"status":{"epoch":12}})");
}

TEST(PluginRestore, ShowsThePoints) {
  EXPECT_EQ(PointsText("orders", kPoints),
            "TIME                    NUMBER  SHARDS   EPOCH  NAME\n"
            "2026-05-01T09:20:00Z         8       2      12  foreshard/0f3c/8\n"
            "2026-05-01T09:10:00Z         7       2      12  foreshard/0f3c/7\n");
  EXPECT_EQ(PointsText("orders", {}), "orders has no point to restore to\n");
  const auto json = nlohmann::json::parse(PointsJson(kPoints));
  EXPECT_EQ(json[0]["name"], "foreshard/0f3c/8");
  EXPECT_EQ(json[1]["shards"][1], "s-b");
}

TEST(PluginRestore, SaysWhatItWillDo) {
  EXPECT_EQ(RestorePlan("copy", "orders", kPoints[0]),
            "a new ShardSet copy begins as orders was at foreshard/0f3c/7 of "
            "2026-05-01T09:10:00Z: 2 shards (s-a, s-b), routing table of epoch 12\n"
            "orders itself is not touched\n");
}

TEST(PluginRestore, TheNewSetIsAsTheOtherIsWanted) {
  const auto set = RestoredSet(Other(R"(,"backup":{"repository":{"volume":{"claimName":"backups"}},
      "encryptionSecretName":"passphrase"})"),
                               "copy", kPoints[0]);
  ASSERT_TRUE(set) << set.error().message;
  const auto parsed = op::ParseShardSet(op::ToJson(*set));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->name, "copy");
  EXPECT_EQ(parsed->name_space, "shop");
  EXPECT_EQ(parsed->uid, "");
  EXPECT_TRUE((*set)["status"].is_null());
  ASSERT_TRUE(parsed->spec.restore_from);
  EXPECT_EQ(parsed->spec.restore_from->set, "orders");
  EXPECT_EQ(parsed->spec.restore_from->point, "foreshard/0f3c/7");
  EXPECT_EQ(parsed->spec.restore_from->repository.claim_name, "backups");
  EXPECT_EQ(parsed->spec.restore_from->repository.encryption_secret_name, "passphrase");
  EXPECT_EQ(parsed->spec.backup->claim_name, "backups") << "it has backups too, below its own name";
}

TEST(PluginRestore, TwoSetsNeverShareAPlace) {
  const auto set = RestoredSet(
      Other(R"(,"backup":{"repository":{"s3":{"endpoint":"s3","bucket":"b","region":"r",
      "path":"/shop","credentialsSecretName":"keys"}}})"),
      "copy", kPoints[0]);
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->At("spec.restoreFrom.repository.s3.path").Text(), "/shop");
  EXPECT_TRUE(set->At("spec.backup.repository.s3.path").is_null());
  op::Value shared = *set;
  shared.Member("spec").Member("backup").Member("repository").Member("s3").Set("path", "/shop");
  const auto refused = op::ParseShardSet(op::ToJson(shared));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("spec.backup.repository.s3.path: '/shop'"),
            std::string::npos)
      << refused.error().message;
}

TEST(PluginRestore, NeedsToKnowWhereTheBackupsAre) {
  EXPECT_EQ(RestoredSet(Other(""), "copy", kPoints[0]).error().message,
            "orders has no spec.backup, which says where its backups are");
}

}  // namespace
}  // namespace foreshard::plugin

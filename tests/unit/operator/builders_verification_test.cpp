#include <gtest/gtest.h>

#include "operator/api/shard_set_json.h"
#include "operator/builders/backup.h"
#include "operator/builders/verification.h"
#include "tests/support/golden.h"

namespace foreshard::op {
namespace {

constexpr const char* kSpec =
    R"({"metadata":{"name":"orders","namespace":"shop","uid":"7f0d"},"spec":{
  "sharding":{"tables":[{"name":"public.customers","column":"id"}]},
  "shardTemplate":{"members":2,"storage":{"size":"20Gi","storageClassName":"fast"},
    "nodeSelector":{"disk":"ssd"}},
  "backup":{"repository":{"volume":{"claimName":"backups"}},"encryptionSecretName":"passphrase",
    "verification":{}}}})";

class VerificationBuilders : public testing::Test {
 protected:
  Value Job() { return BuildVerificationJob(name_, set_.spec, job_, Images{}); }

  model::ShardSet set_ = *ParseShardSet(kSpec);
  const SetName name_ = NameOf(set_);
  VerificationJob job_{
      .shard = {"s-4kq7"},
      .run = "7",
      .point = backup::Point{.number = backup::PointNumber{17},
                             .made_at = {},
                             .state = {.set_uid = "7f0d",
                                       .shards = {},
                                       .epoch = model::Epoch{12},
                                       .routing_table = {},
                                       .migrations = {},
                                       .cutovers = {},
                                       .number_max = {}},
                             .shards = {{{"s-4kq7"}, "7711", 2, "0/402A6F8", "2"}}}};
};

// tests/integration/backup/verify.py runs what stands there.
TEST_F(VerificationBuilders, TheJobAndItsFiles) {
  Value files = BuildBackupConfigMap(name_, job_.shard, set_.spec)["data"];
  Value::Members kept;
  for (const auto& [name, text] : files.Fields())
    if (name == "verify.conf") kept.emplace(name, text);
  EXPECT_TRUE(support::IsGolden("operator/verification.json",
                                ToPrettyJson(Value::Array({Job(), Value(std::move(kept))}))));
  EXPECT_NE(files["verify.py"].Text().find("def verify():"), std::string::npos);
  EXPECT_NE(files["restore.py"].Text().find("def restore():"), std::string::npos);
}

TEST_F(VerificationBuilders, ItReachesNoShardAndHasNoRight) {
  const Value pod = Job().At("spec.template.spec");
  EXPECT_FALSE(pod["automountServiceAccountToken"].Bool());
  const std::string text = ToJson(Job());
  for (const char* other : {"orders-internal", "backup-tls", "-pods", "PGBACKREST_PG1_HOST"})
    EXPECT_EQ(text.find(other), std::string::npos) << other;
  for (const Value& mount : pod["containers"].Items().at(0)["volumeMounts"].Items()) {
    const std::string name = mount["name"].Text();
    EXPECT_EQ(mount["readOnly"].Bool(), name != "scratch" && name != "tmp") << name;
  }
  const Value labels = Job().At("spec.template.metadata.labels");
  EXPECT_TRUE(labels[kShardLabel].is_null()) << "it would be a member";
  EXPECT_EQ(labels[kComponentLabel].Text(), "verification") << "not let in where backups are";
  EXPECT_EQ(labels[kRepositoryLabel].Text(), "volume");
}

TEST_F(VerificationBuilders, ABucketIsNotMounted) {
  set_.spec.backup->claim_name = "";
  set_.spec.backup->s3 = model::S3Repository{.endpoint = "s3",
                                             .bucket = "b",
                                             .region = "r",
                                             .path = "",
                                             .credentials_secret_name = "k",
                                             .ca_secret_name = ""};
  EXPECT_EQ(ToJson(Job()).find("persistentVolumeClaim\""), std::string::npos);
  EXPECT_EQ(Job().At("spec.template.metadata.labels")[kRepositoryLabel].Text(), "s3");
}

TEST_F(VerificationBuilders, WhoDoesNotVerifyHasNothingOfIt) {
  set_.spec.backup->verification_schedule.reset();
  EXPECT_EQ(BuildBackupConfigMap(name_, job_.shard, set_.spec)["data"].Fields().size(), 2U);
}

TEST_F(VerificationBuilders, TheResultIsRead) {
  const auto good = ParseVerificationResult(
      job_.shard, "2026-05-01T12:00:00Z",
      R"({"label":"L","point":"p","lsn":"0/1","rows":2,"pages":3,"seconds":4})");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->pages, 3);
  for (const char* bad : {"", "{}", "verify: ERROR", R"({"label":"L"})"})
    EXPECT_FALSE(ParseVerificationResult(job_.shard, "", bad)) << bad;
}

}  // namespace
}  // namespace foreshard::op

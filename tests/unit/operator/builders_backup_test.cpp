#include <gtest/gtest.h>

#include "operator/api/shard_set_json.h"
#include "operator/builders/backup.h"
#include "operator/builders/patroni_config.h"
#include "operator/builders/stateful_set.h"
#include "tests/support/golden.h"

namespace foreshard::op {
namespace {

constexpr const char* kSpec =
    R"({"metadata":{"name":"orders","namespace":"shop","uid":"7f0d"},"spec":{
  "sharding":{"tables":[{"name":"public.customers","column":"id"}]},
  "shardTemplate":{"members":2,"storage":{"size":"20Gi"},"nodeSelector":{"disk":"ssd"},
    "tolerations":[{"key":"db","operator":"Exists"}]},
  "backup":{"repository":{"volume":{"claimName":"backups"}},"encryptionSecretName":"passphrase",
    "retention":{"full":3},"points":{"interval":"90s"}}}})";

using Data = std::map<std::string, std::string>;

class BackupBuilders : public testing::Test {
 protected:
  BackupBuilders() {
    store_.spec.backup->claim_name = "";
    store_.spec.backup->s3 = model::S3Repository{.endpoint = "s3.example.com",
                                                 .bucket = "b",
                                                 .region = "eu-1",
                                                 .path = "",
                                                 .credentials_secret_name = "keys",
                                                 .ca_secret_name = "authority",
                                                 .path_style = true};
  }
  SecretReader Reader() {
    return [this](const std::string& name) -> Result<Data> {
      const auto found = secrets_.find(name);
      if (found == secrets_.end()) return Error::Retry("no " + name, "BackupSecretMissing");
      return found->second;
    };
  }

  const model::ShardSet set_ = *ParseShardSet(kSpec);
  model::ShardSet store_ = set_;
  const SetName name_ = NameOf(set_);
  const model::ShardId shard_{"s-4kq7"};
  std::map<std::string, Data> secrets_ = {
      {"passphrase", {{"passphrase", "of-this-test\n"}}},
      {"keys", {{"accessKeyId", "id"}, {"secretAccessKey", "key"}}},
      {"authority", {{"ca.crt", "PEM"}}}};
};

TEST_F(BackupBuilders, OnAVolume) {
  const Value all = Value::Array(
      {BuildBackupConfigMap(name_, shard_, set_.spec),
       BuildBackupJob(name_, set_.spec, {.shard = shard_, .primary = "orders-s-4kq7-1", .run = "7"},
                      Images{}),
       BuildStatefulSet(name_, shard_, set_.spec, Images{})});
  EXPECT_TRUE(support::IsGolden("operator/backup.json", ToPrettyJson(all)));
}

TEST_F(BackupBuilders, InAStore) {
  const Value map = BuildBackupConfigMap(name_, shard_, store_.spec);
  EXPECT_TRUE(support::IsGolden("operator/backup_s3.conf", map["data"]["shard.conf"].Text()));
  const std::string pod = ToJson(BuildStatefulSet(name_, shard_, store_.spec, Images{}));
  EXPECT_EQ(pod.find("\"repository\""), std::string::npos) << "nothing is mounted for it";
}

TEST_F(BackupBuilders, NothingSecretIsOutsideSecrets) {
  const auto files = BackupSecretFiles(*store_.spec.backup, Reader());
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->at("secret.conf"),
            "[global]\nrepo1-cipher-pass=of-this-test\nrepo1-s3-key=id\nrepo1-s3-key-secret=key\n");
  EXPECT_EQ(files->at("ca.crt"), "PEM");
  const std::string all =
      ToJson(BuildBackupConfigMap(name_, shard_, store_.spec)) +
      ToJson(BuildStatefulSet(name_, shard_, store_.spec, Images{})) +
      ToJson(BuildBackupJob(name_, store_.spec, {.shard = shard_, .primary = "p", .run = "7"},
                            Images{})) +
      ToJson(PatroniFile(name_, shard_, store_.spec));
  for (const char* secret : {"of-this-test", "cipher-pass", "s3-key"})
    EXPECT_EQ(all.find(secret), std::string::npos) << secret;
}

TEST_F(BackupBuilders, ASecretThatIsMissingIsNamed) {
  secrets_["passphrase"] = {{"password", "a"}};
  const auto files = BackupSecretFiles(*set_.spec.backup, Reader());
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().reason, "BackupSecretMissing");
  EXPECT_EQ(files.error().message,
            "Secret passphrase needs a key passphrase with one line of letters, digits and signs, "
            "no spaces");
  secrets_["passphrase"] = {{"passphrase", "a\nrepo1-path=/other"}};
  EXPECT_FALSE(BackupSecretFiles(*set_.spec.backup, Reader())) << "it would be another option";
  secrets_.erase("passphrase");
  EXPECT_EQ(BackupSecretFiles(*set_.spec.backup, Reader()).error().message, "no passphrase");
}

TEST_F(BackupBuilders, WalIsArchivedOnlyWhereABackupIsWanted) {
  const Value with = PostgresParameters(set_.spec);
  EXPECT_EQ(with["archive_mode"].Text(), "on");
  EXPECT_EQ(with["archive_command"].Text(), "pgbackrest archive-push %p");
  EXPECT_EQ(with["archive_timeout"].Text(), "90s");
  model::ShardSetSpec without = set_.spec;
  without.backup.reset();
  EXPECT_TRUE(PostgresParameters(without)["archive_mode"].is_null());
  EXPECT_EQ(ToJson(BuildStatefulSet(name_, shard_, without, Images{})).find("pgbackrest"),
            std::string::npos);
}

TEST_F(BackupBuilders, APodOfABackupIsNoMember) {
  const Value job =
      BuildBackupJob(name_, set_.spec, {.shard = shard_, .primary = "p", .run = "7"}, Images{});
  const Value& labels = job.At("spec.template.metadata.labels");
  EXPECT_TRUE(labels[kShardLabel].is_null());
  EXPECT_TRUE(labels[kClusterLabel].is_null());
  EXPECT_EQ(labels[kBackupShardLabel].Text(), "s-4kq7");
  EXPECT_EQ(labels[kComponentLabel].Text(), "backup");
  const SetName longest{"shop", std::string(40, 'x'), ""};
  EXPECT_LE(BackupJobName(longest, shard_).size(), 63U);
}

TEST_F(BackupBuilders, AResultIsReadAsTheJobWritesIt) {
  const auto read = ParseBackupResult(
      shard_,
      R"({"type": "incr", "label": "a_b", "start": 1777600000, "stop": 1777600060, "size": 1000,
          "added": 10, "oldest": 1777500000})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, (model::ShardBackup{.id = shard_,
                                       .type = "incr",
                                       .label = "a_b",
                                       .start_time = "2026-05-01T01:46:40Z",
                                       .time = "2026-05-01T01:47:40Z",
                                       .size_bytes = 1000,
                                       .repository_bytes = 10,
                                       .oldest_time = "2026-04-29T22:00:00Z"}));
  EXPECT_FALSE(ParseBackupResult(shard_, ""));
  EXPECT_FALSE(ParseBackupResult(shard_, "{}"));
}

}  // namespace
}  // namespace foreshard::op

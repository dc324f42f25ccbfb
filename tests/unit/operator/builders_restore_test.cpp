#include <gtest/gtest.h>

#include "operator/api/shard_set_json.h"
#include "operator/builders/backup.h"
#include "operator/builders/patroni_config.h"
#include "operator/builders/restore.h"
#include "operator/builders/stateful_set.h"

namespace foreshard::op {
namespace {

class RestoreBuilders : public testing::Test {
 protected:
  static model::ShardSet Set(const std::string& claim) {
    return *ParseShardSet(R"({"metadata":{"name":"copy","namespace":"shop","uid":"7f0d"},"spec":{
      "sharding":{"tables":[{"name":"public.customers","column":"id"}]},
      "shardTemplate":{"storage":{"size":"20Gi"}},
      "backup":{"repository":{"volume":{"claimName":"mine"}}},
      "restoreFrom":{"set":"old","point":"17","repository":{"volume":{"claimName":")" +
                          claim + R"("}},"encryptionSecretName":"passphrase"}}})");
  }
  Value Config(const model::ShardSet& set) const {
    return BuildRestoreConfigMap(NameOf(set), shard_, set.spec, restore_)["data"];
  }
  static std::size_t Count(const std::string& text, const std::string& part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
      ++count;
    return count;
  }

  const model::ShardId shard_{"s-4kq7"};
  const ShardRestore restore_{.point = {.shard = shard_,
                                        .system_identifier = "77",
                                        .timeline = 3,
                                        .lsn = "0/5000280",
                                        .wal_file = "w"},
                              .target = "foreshard/0f3c/17"};
};

TEST_F(RestoreBuilders, TheScriptIsToldWhereAndWhen) {
  const model::ShardSet set = Set("theirs");
  const Value data = Config(set);
  const Value wish = *ParseJson(data["restore.json"].Text());
  EXPECT_EQ(wish["target"].Text(), "foreshard/0f3c/17");
  EXPECT_EQ(wish["timeline"].Int(), 3);
  EXPECT_EQ(wish["systemIdentifier"].Text(), "77");
  EXPECT_EQ(wish["scope"].Text(), "copy-s-4kq7") << "of Patroni, in this set";
  EXPECT_NE(data["restore.conf"].Text().find("repo1-path=/restore-repository/old\n"),
            std::string::npos)
      << data["restore.conf"].Text();
  EXPECT_NE(data["restore.conf"].Text().find("repo1-cipher-type=aes-256-cbc\n"),
            std::string::npos);
  EXPECT_TRUE(data["restore.py"].Text().starts_with("#!/usr/bin/python3\n"));
}

// Two volumes of one claim would keep the pod from starting.
TEST_F(RestoreBuilders, OneClaimIsOneVolume) {
  for (const char* claim : {"mine", "theirs"}) {
    const model::ShardSet set = Set(claim);
    const std::string pod =
        ToJson(BuildStatefulSet(NameOf(set), shard_, set.spec, Images{}, true));
    EXPECT_EQ(Count(pod, std::string(R"("claimName":")") + claim + "\""), 1U) << claim;
    EXPECT_EQ(Count(pod, R"("secretName":"copy-restore")"), 1U);
    EXPECT_NE(pod.find("restore.py again; umask 077"), std::string::npos)
        << "before Patroni looks at the volume";
  }
  EXPECT_NE(Config(Set("mine"))["restore.conf"].Text().find("repo1-path=/repository/old\n"),
            std::string::npos);
}

TEST_F(RestoreBuilders, OnlyWhoIsRestoredHasIt) {
  const model::ShardSet set = Set("theirs");
  const Value with = PatroniFile(NameOf(set), shard_, set.spec, true);
  EXPECT_EQ(with.At("bootstrap.method").Text(), "foreshard_restore");
  EXPECT_TRUE(with.At("bootstrap.foreshard_restore.keep_existing_recovery_conf").Bool());
  EXPECT_TRUE(PatroniFile(NameOf(set), shard_, set.spec).At("bootstrap.method").is_null())
      << "a shard of a later split begins empty";
  EXPECT_EQ(ToJson(BuildStatefulSet(NameOf(set), shard_, set.spec, Images{})).find("restore"),
            std::string::npos);
}

}  // namespace
}  // namespace foreshard::op

#include <gtest/gtest.h>

#include "operator/api/shard_set_json.h"

// `spec.restoreFrom`: what is accepted, and what is said of the rest.

namespace foreshard::op {
namespace {

Result<model::ShardSet> Parse(const std::string& fields) {
  return ParseShardSet(R"({"metadata":{"name":"copy","namespace":"shop"},"spec":{
    "sharding":{"tables":[{"name":"public.customers","column":"id"}]},
    "shardTemplate":{"storage":{"size":"1Gi"}},)" +
                       fields + "}}");
}

std::string Refusal(const std::string& fields) {
  const auto set = Parse(fields);
  EXPECT_FALSE(set) << fields;
  return set ? "" : set.error().message;
}

constexpr const char* kBackup =
    R"("backup":{"repository":{"volume":{"claimName":"mine"}},"encryptionSecretName":"p"})";

TEST(RestoreSpec, ItsRepositoryIsThatOfTheBackupsUnlessSaid) {
  const auto same = Parse(std::string(R"("restoreFrom":{"set":"old","point":"17"},)") + kBackup);
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->spec.restore_from->repository.claim_name, "mine");
  EXPECT_EQ(same->spec.restore_from->repository.encryption_secret_name, "p");
  const auto other = Parse(std::string(R"("restoreFrom":{"set":"old","point":"17",
      "repository":{"volume":{"claimName":"theirs"}}},)") +
                           kBackup);
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(other->spec.restore_from->repository.claim_name, "theirs");
  EXPECT_EQ(other->spec.restore_from->repository.encryption_secret_name, "") << "not encrypted";
  EXPECT_FALSE(Parse(R"("router":{})")->spec.restore_from);
}

TEST(RestoreSpec, NamesFieldValueAndWhatIsAccepted) {
  EXPECT_NE(Refusal(R"("restoreFrom":{"set":"old","point":"17"})")
                .find("spec.restoreFrom.repository: '{}' is not accepted; give exactly one of "
                      "volume and s3, or spec.backup"),
            std::string::npos);
  EXPECT_NE(Refusal(std::string(R"("restoreFrom":{"set":"old","point":"newest"},)") + kBackup)
                .find("spec.restoreFrom.point: 'newest' is not accepted; give a point's name "
                      "(foreshard/UID/17), its number (17), or a time like 2026-05-01T09:10:00Z"),
            std::string::npos);
  EXPECT_NE(Refusal(std::string(R"("restoreFrom":{"set":"a/b","point":"17"},)") + kBackup)
                .find("spec.restoreFrom.set: 'a/b'"),
            std::string::npos);
  EXPECT_NE(Refusal(std::string(R"("restoreFrom":{"set":"old","point":"17",
      "encryptionSecretName":"q"},)") +
                    kBackup)
                .find("spec.restoreFrom.encryptionSecretName: 'q'"),
            std::string::npos);
}

}  // namespace
}  // namespace foreshard::op

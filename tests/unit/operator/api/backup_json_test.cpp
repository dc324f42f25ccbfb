#include "operator/api/backup_json.h"

#include <gtest/gtest.h>

#include "operator/api/conditions.h"
#include "operator/api/shard_set_json.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSet = R"({"metadata":{"name":"orders","namespace":"shop"},"spec":{
 "sharding":{"tables":[{"name":"public.customers","column":"id"}]},
 "shardTemplate":{"storage":{"size":"1Gi"}}}})";

model::ShardSet With(const std::string& backup) {
  Value object = *ParseJson(kSet);
  object.Member("spec").Set("backup", *ParseJson(backup));
  const Result<model::ShardSet> set = ParseShardSet(ToJson(object));
  EXPECT_TRUE(set.ok()) << set.error().message;
  return set ? *set : model::ShardSet();
}

TEST(BackupSpec, IsNoneUntilItIsAskedFor) { EXPECT_FALSE(ParseShardSet(kSet)->spec.backup); }

TEST(BackupSpec, TakesTheDefaultsOfTheSchema) {
  const model::ShardSet set = With(R"({"repository":{"volume":{"claimName":"backups"}}})");
  model::BackupSpec wanted;
  wanted.claim_name = "backups";
  EXPECT_EQ(set.spec.backup, wanted);
  EXPECT_EQ(wanted.point_interval, 5min);
}

TEST(BackupSpec, ReadsEveryField) {
  const model::ShardSet set = With(R"({"repository":{"s3":{"endpoint":"s3:9000","bucket":"b",
    "region":"r","path":"/p","credentialsSecretName":"c","caSecretName":"ca","uriStyle":"Path"}},
    "encryptionSecretName":"e","schedule":{"full":"0 2 * * 6","incremental":"30 2 * * *",
    "timeZone":"Europe/Berlin"},"retention":{"full":3},"points":{"interval":"1m"}})");
  const model::BackupSpec wanted{.claim_name = "",
                                 .s3 = model::S3Repository{.endpoint = "s3:9000",
                                                           .bucket = "b",
                                                           .region = "r",
                                                           .path = "/p",
                                                           .credentials_secret_name = "c",
                                                           .ca_secret_name = "ca",
                                                           .path_style = true},
                                 .encryption_secret_name = "e",
                                 .full_schedule = "0 2 * * 6",
                                 .incremental_schedule = "30 2 * * *",
                                 .time_zone = "Europe/Berlin",
                                 .retain_full = 3,
                                 .point_interval = 1min};
  EXPECT_EQ(set.spec.backup, wanted);
}

model::BackupStatus Full() {
  const model::ShardBackup shard{.id = {"s-a"},
                                 .type = "full",
                                 .label = "20260501-010000F",
                                 .start_time = "2026-05-01T01:00:00Z",
                                 .time = "2026-05-01T01:02:00Z",
                                 .size_bytes = 100,
                                 .repository_bytes = 10,
                                 .oldest_time = "2026-04-01T01:02:00Z"};
  return {.request = "one",
          .last_full = model::BackupDone{"2026-05-01T01:00:00Z", "2026-05-01T01:02:00Z", 100, 10},
          .last_incremental = model::BackupDone{"2026-05-02T01:00:00Z", "", 1, 2},
          .shards = {shard},
          .oldest_time = "2026-04-01T01:02:00Z",
          .failures = 4,
          .running = model::BackupRun{.request = "two",
                                      .type = model::BackupType::kIncremental,
                                      .start_time = "2026-05-03T01:00:00Z",
                                      .done = {shard},
                                      .failures = 2,
                                      .retry_time = "2026-05-03T01:05:00Z",
                                      .problem = "no space"},
          .last_point = model::BackupPoint{7, "2026-05-03T01:00:00Z"},
          .point_problem = "RoutersNotHeld",
          .verification = model::VerificationStatus{
              .request = "three",
              .start_time = "2026-05-03T05:00:00Z",
              .time = "2026-05-03T05:10:00Z",
              .seconds = 600,
              .due_time = "2026-05-10T05:00:00Z",
              .shards = {{{"s-a"}, "2026-05-03T05:05:00Z", "L", "foreshard/u/7", 5, 90, 300, ""},
                         {{"s-b"}, "2026-05-03T05:10:00Z", "", "", 0, 0, 0, "broken"}},
              .failures = 3,
              .running = model::VerificationRun{.request = "four",
                                                .start_time = "2026-05-10T05:00:00Z",
                                                .done = {model::ShardId{"s-a"}},
                                                .failures = 1,
                                                .retry_time = "2026-05-10T05:01:00Z",
                                                .problem = "no space"}}};
}

TEST(BackupStatus, IsReadAsItWasWritten) {
  const model::BackupStatus backup = Full();
  Value json = BackupJson(backup);
  const model::ShardSet set;
  const Value points = PointStatusApply(set, backup)["status"]["backup"];
  for (const auto& [name, item] : points.Fields()) {
    EXPECT_TRUE(json[name].is_null()) << name << " has two owners";
    json.Set(name, item);
  }
  EXPECT_TRUE(json["verification"].is_null()) << "it has two owners";
  json.Set("verification", VerificationJson(*backup.verification));
  EXPECT_EQ(ReadBackup(json), backup);
  EXPECT_EQ(ReadBackup(BackupJson({})), model::BackupStatus());
}

TEST(BackupSpec, VerificationIsAskedForAndHasADefault) {
  EXPECT_EQ(With(R"({"repository":{"volume":{"claimName":"b"}},"verification":{}})")
                .spec.backup->verification_schedule,
            "0 5 * * 0");
  const Result<model::ShardSet> wrong = ParseShardSet(
      R"({"metadata":{"name":"o"},"spec":{"sharding":{"tables":[{"name":"public.c","column":"i"}]},
      "shardTemplate":{"storage":{"size":"1Gi"}},"backup":{"repository":{"volume":{"claimName":"b"}},
      "verification":{"schedule":"0 5 30 2 *"}}}})");
  ASSERT_FALSE(wrong);
  EXPECT_NE(wrong.error().message.find("spec.backup.verification.schedule"), std::string::npos)
      << wrong.error().message;
}

TEST(BackupStatus, NoOtherManagerTakesItsCondition) {
  model::ShardSetStatus status;
  status.conditions.emplace_back().type = kBackupCondition;
  status.conditions.emplace_back().type = kVerifiedCondition;
  status.backup = Full();
  EXPECT_TRUE(FleetStatusApply({}, status)["status"]["conditions"].Items().empty());
  EXPECT_TRUE(ScalingStatusApply({}, status)["status"]["conditions"].Items().empty());
  const Value ours = BackupStatusApply({}, status)["status"];
  EXPECT_EQ(ours["conditions"].Items().size(), 1U);
  EXPECT_EQ(ours["backup"]["request"].Text(), "one");
  const Value verified = VerificationStatusApply({}, status)["status"];
  EXPECT_EQ(verified["conditions"].Items().size(), 1U);
  EXPECT_EQ(verified["backup"].Fields().size(), 1U);
}

}  // namespace
}  // namespace foreshard::op

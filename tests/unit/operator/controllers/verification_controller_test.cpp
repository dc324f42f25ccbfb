#include <fmt/format.h>
#include <gtest/gtest.h>

#include "backup/point_json.h"
#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/conditions.h"
#include "operator/api/shard_set_json.h"
#include "operator/backup_meter.h"
#include "operator/controllers/backup_controller.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"

// Restores that prove backups: the same controller as for base backups, on a set that has them.

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"sharding":{"tables":[{"name":"public.customers","column":"id"}],"initialShards":2},
 "shardTemplate":{"storage":{"size":"1Gi"}},
 "backup":{"repository":{"volume":{"claimName":"backups"}},"encryptionSecretName":"passphrase",
  "verification":{"schedule":"0 5 * * 0"}}}})";
constexpr const char* kReady = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},"status":{"conditions":[{"type":"Ready",
 "status":"True","reason":"Ready","message":"","lastTransitionTime":"2026-05-01T08:00:00Z"}]}})";
constexpr const char* kStatus = R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{{"name":"orders","namespace":"shop"}},"status":{{"backup":{{"lastFull":{{"startTime":"{0}","time":"{0}"}},"shards":[{1}]}}}}}})";
constexpr const char* kShard =
    R"({{"id":"{}","type":"full","label":"L","startTime":"{}","time":"{}"}})";
constexpr const char* kSecret = R"({"apiVersion":"v1","kind":"Secret",
 "metadata":{"name":"passphrase","namespace":"shop"},"data":{"passphrase":"YWJj"}})";
constexpr const char* kTable = R"({"shardSetName":"orders","epoch":3,"ranges":[
 {"from":"","to":"80","shard":"s-a"},{"from":"80","to":"","shard":"s-b"}],"pins":[],
 "shards":[{"id":"s-a","primaryService":"a","replicaService":""},
 {"id":"s-b","primaryService":"b","replicaService":""}],"moving":[]})";

class VerificationControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    log::SetSink([](std::string_view) {});
    clock_.Advance(*ParseRfc3339("2026-05-01T12:00:00Z") - clock_.Wall());  // a Friday
    Create(kube::kShardSets, "orders", kSet);
    Create(kube::kRoutingTables, "orders",
           fmt::format(R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
             "metadata":{{"name":"orders","namespace":"shop"}},"spec":{}}})",
                       kTable));
    Create(kube::kSecrets, "passphrase", kSecret);
    Say(kReady, "test");
    for (const char* shard : {"s-a", "s-b"}) {
      Create(kube::kConfigMaps, fmt::format("orders-{}-backup", shard),
             fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{
               "name":"orders-{}-backup","namespace":"shop"}},"data":{{"verify.py":"a script"}}}})",
                         shard));
    }
    BackedUp("s-a", "s-b");
  }
  void TearDown() override { log::SetSink({}); }

  Deadline Soon() { return Deadline::After(clock_, 60s); }
  void Create(const kube::ResourceKind& kind, const std::string& name, const std::string& json) {
    const auto created = kube_.Create(kind, {"shop", name}, json, Soon());
    ASSERT_TRUE(created) << created.error().message;
  }
  template <typename... Shards>
  void BackedUp(Shards... shards) {
    const std::string now = FormatRfc3339(clock_.Wall());
    std::string all;
    for (const char* shard : {shards...})
      all += (all.empty() ? "" : ",") + fmt::format(kShard, shard, now, now);
    Say(fmt::format(kStatus, now, all), "foreshard-operator-backup");
  }
  void Say(const std::string& status, const std::string& manager) {
    ASSERT_TRUE(kube_.Apply(
        kube::kShardSets, ref_, status,
        {.field_manager = manager, .force = true, .dry_run = false, .subresource = "status"},
        Soon()));
  }
  void KeepPoint(const std::string& table) {
    const backup::Point point{
        .number = backup::PointNumber{7},
        .made_at = clock_.Wall(),
        .state = {.set_uid = Told().uid,
                  .shards = {model::ShardId{"s-a"}, model::ShardId{"s-b"}},
                  .epoch = model::Epoch{3},
                  .routing_table = table,
                  .migrations = "[]",
                  .cutovers = {},
                  .number_max = {},
                  .record_max = 1,
                  .lease_transitions = 1},
        .shards = {{{"s-a"}, "71", 1, "0/30", "1"}, {{"s-b"}, "72", 2, "0/40", "2"}}};
    Create(kube::kConfigMaps, "orders-points",
           fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{
             "name":"orders-points","namespace":"shop"}},"data":{{"last":"7","point-7":{}}}}})",
                       ToJson(Value(backup::PointToJson(point)))));
  }
  void Annotate(const std::string& name, const std::string& value) {
    ASSERT_TRUE(kube_.Patch(
        kube::kShardSets, ref_,
        fmt::format(R"({{"metadata":{{"annotations":{{"foreshard.dev/{}":"{}"}}}}}})", name, value),
        {}, Soon()));
  }
  // Until it waits for something.
  void Settle() {
    for (int passes = 0; passes < 50; ++passes) {
      const Result<Outcome> outcome = controller_.Reconcile(ref_, Soon());
      ASSERT_TRUE(outcome) << outcome.error().message;
      waits_ = outcome->look_again_after;
      if (waits_ != 1ms) return;
    }
    FAIL() << "it does not settle";
  }
  std::optional<Value> Job(const std::string& shard) {
    const auto job = kube_.Get(kube::kJobs, {"shop", "orders-" + shard + "-verify"}, Soon());
    EXPECT_TRUE(job);
    if (!job || !*job) return std::nullopt;
    return *ParseJson((**job).json);
  }
  Value Wish(const std::string& shard) {
    const std::optional<Value> job = Job(shard);
    if (!job) return {};
    const Value& container = job->At("spec.template.spec.containers").Items().at(0);
    return *ParseJson(container["env"].Items().at(0)["value"].Text());
  }
  // As Kubernetes would say it.
  void End(const std::string& shard, bool well, const std::string& message) {
    const std::optional<Value> job = Job(shard);
    ASSERT_TRUE(job) << shard;
    const std::string name = "orders-" + shard + "-verify";
    const std::string uid = job->At("metadata.uid").Text();
    const std::string pod = fmt::format("{}-{}", name, uid);
    Create(kube::kPods, pod,
           fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}",
             "namespace":"shop","labels":{},"ownerReferences":[{{"apiVersion":"batch/v1",
             "kind":"Job","name":"{}","uid":"{}","controller":true}}]}},"status":{{
             "containerStatuses":[{{"name":"verify","state":{{"terminated":{{"message":{}}}}}}}]}}}})",
                       pod, ToJson(job->At("spec.template.metadata.labels")), name, uid,
                       ToJson(Value(message))));
    ASSERT_TRUE(kube_.Patch(
        kube::kPods, {"shop", pod},
        fmt::format(R"({{"status":{{"containerStatuses":[{{"name":"verify","state":{{
          "terminated":{{"message":{}}}}}}}]}}}})",
                    ToJson(Value(message))),
        {.subresource = "status"}, Soon()));
    ASSERT_TRUE(kube_.Patch(
        kube::kJobs, {"shop", name},
        fmt::format(R"({{"status":{{"conditions":[{{"type":"{}","status":"True"}}]}}}})",
                    well ? "Complete" : "Failed"),
        {.subresource = "status"}, Soon()));
  }
  void EndWell(const std::string& shard) {
    End(shard, true,
        R"({"label":"L","point":"foreshard/u/7","lsn":"0/30","rows":5,"pages":90,"seconds":3})");
  }
  void VerifyAll() {
    for (const char* shard : {"s-a", "s-b"}) {
      Settle();
      EndWell(shard);
    }
    Settle();
  }
  void FailThrice(const std::string& shard, const std::string& message) {
    for (const auto patience : {30s, 60s, 0s}) {
      Settle();
      End(shard, false, message);
      Settle();
      clock_.Advance(patience);
    }
    Settle();
  }
  model::ShardSet Told() {
    return *ParseShardSet((**kube_.Get(kube::kShardSets, ref_, Soon())).json);
  }
  model::VerificationStatus Verified() {
    const model::ShardSet set = Told();
    return set.status.backup ? set.status.backup->verification.value_or(model::VerificationStatus())
                             : model::VerificationStatus();
  }
  std::string Condition() {
    const model::ShardSet set = Told();
    const model::Condition* condition = FindCondition(set.status.conditions, "BackupVerified");
    return condition == nullptr ? "" : condition->status + " " + condition->reason;
  }
  bool Shows(const std::string& metric, double value) {
    return exporter_.Text().find(fmt::format("{}{{namespace=\"shop\",shardset=\"orders\"}} {}\n",
                                             metric, value)) != std::string::npos;
  }

  const kube::ObjectRef ref_{"shop", "orders"};
  fakes::FakeClock clock_;
  fakes::FakeKubeApi kube_{clock_};
  Exporter exporter_;
  BackupMeter meter_{exporter_};
  BackupController controller_{
      {.copies = kube_,
       .kube = kube_,
       .clock = clock_,
       .images = {},
       .on_look = [this](const BackupObservation& seen) { meter_.Look(seen); },
       .on_gone = [this](const kube::ObjectRef& set) { meter_.Forget(set); }}};
  std::chrono::milliseconds waits_{0};
};

TEST_F(VerificationControllerTest, TheFirstOneIsMadeAtOnceShardByShardAndLeavesNothing) {
  Settle();
  ASSERT_TRUE(Job("s-a"));
  EXPECT_FALSE(Job("s-b")) << "one at a time";
  EXPECT_EQ(Condition(), "False NotVerified");
  const std::int64_t writes = kube_.write_calls();
  Settle();
  EXPECT_EQ(kube_.write_calls(), writes) << "it waits and writes nothing";
  EndWell("s-a");
  Settle();
  EXPECT_FALSE(Job("s-a")) << "its volume goes with it";
  ASSERT_TRUE(Job("s-b"));
  clock_.Advance(40s);
  EndWell("s-b");
  Settle();
  EXPECT_FALSE(Job("s-b"));
  EXPECT_EQ(Condition(), "True Verified");
  ASSERT_EQ(Verified().shards.size(), 2U);
  EXPECT_EQ(Verified().shards[0].pages, 90);
  EXPECT_EQ(Verified().seconds, 40);
  EXPECT_EQ(Verified().due_time, "");
  EXPECT_TRUE(Told().status.backup->last_full) << "what others say there stays";
  Settle();
  EXPECT_TRUE(Shows("foreshard_backup_verification_last_seconds", 40));
  EXPECT_TRUE(Shows("foreshard_backup_verification_due_since_timestamp_seconds", 0));
  EXPECT_TRUE(Shows("foreshard_backup_verification_broken_shards", 0));
}

TEST_F(VerificationControllerTest, ItRecoversToTheNewestPoint) {
  KeepPoint(kTable);
  Settle();
  const Value wish = Wish("s-a");
  EXPECT_EQ(wish["target"].Text(), fmt::format("foreshard/{}/7", Told().uid));
  EXPECT_EQ(wish["lsn"].Text(), "0/30");
  EXPECT_EQ(wish["epoch"].Int(), 3);
  EXPECT_EQ(wish["systemIdentifier"].Text(), "71");
}

TEST_F(VerificationControllerTest, APointFromWhichNoSetCouldBeginIsAFailure) {
  KeepPoint(R"({"shardSetName":"orders","epoch":3,"ranges":[],"pins":[],"shards":[],"moving":[]})");
  Settle();
  EXPECT_FALSE(Job("s-a"));
  EXPECT_EQ(Verified().failures, 1);
  ASSERT_TRUE(Verified().running);
  EXPECT_NE(Verified().running->problem.find("the routing table of point 7"), std::string::npos);
}

TEST_F(VerificationControllerTest, TheScheduleIsKept) {
  VerifyAll();
  EXPECT_EQ(waits_, 1h) << "the next one is on Sunday";
  clock_.Advance(40h + 59min);
  BackedUp("s-a", "s-b");
  Settle();
  EXPECT_FALSE(Job("s-a"));
  clock_.Advance(1min);
  Settle();
  EXPECT_TRUE(Job("s-a"));
  EXPECT_EQ(Verified().due_time, "2026-05-03T05:00:00Z");
}

TEST_F(VerificationControllerTest, ABrokenBackupIsToldAfterThreeAttemptsAndTheOthersAreTriedToo) {
  Settle();
  End("s-a", false, "verify: ERROR: [029]: checksum");
  Settle();
  EXPECT_FALSE(Job("s-a"));
  EXPECT_EQ(waits_, 30s);
  EXPECT_EQ(Condition(), "False NotVerified") << "a node may have gone";
  EXPECT_EQ(Verified().running->problem, "verify: ERROR: [029]: checksum");
  clock_.Advance(30s);
  Settle();
  ASSERT_TRUE(Job("s-a"));
  End("s-a", false, "verify: ERROR: [029]: checksum");
  Settle();
  clock_.Advance(60s);
  Settle();
  End("s-a", false, "verify: ERROR: [029]: checksum");
  Settle();
  EXPECT_EQ(Condition(), "False VerificationFailed");
  ASSERT_TRUE(Job("s-b"));
  EndWell("s-b");
  Settle();
  EXPECT_FALSE(Verified().running);
  EXPECT_EQ(Verified().failures, 3);
  EXPECT_EQ(Verified().time, "");
  EXPECT_EQ(Verified().due_time, "2026-05-01T12:00:00Z") << "it stays due";
  EXPECT_EQ(Verified().shards.at(0).problem, "verify: ERROR: [029]: checksum");
  Settle();
  EXPECT_TRUE(Shows("foreshard_backup_verification_broken_shards", 1));
  EXPECT_TRUE(Shows("foreshard_backup_verification_failures", 3));
  const double due =
      std::chrono::duration<double>(ParseRfc3339("2026-05-01T12:00:00Z")->time_since_epoch())
          .count();
  EXPECT_TRUE(Shows("foreshard_backup_verification_due_since_timestamp_seconds", due));
}

TEST_F(VerificationControllerTest, AGoodOneWhenAskedEndsTheAlarm) {
  FailThrice("s-a", "bad");
  EndWell("s-b");
  Settle();
  ASSERT_EQ(Condition(), "False VerificationFailed");
  clock_.Advance(1min);
  Annotate("verify-backup", "now");
  VerifyAll();
  EXPECT_EQ(Verified().request, "now");
  EXPECT_EQ(Condition(), "True Verified");
  EXPECT_EQ(Verified().due_time, "");
  Annotate("verify-backup", "now");
  Settle();
  EXPECT_FALSE(Job("s-a")) << "answered once";
}

TEST_F(VerificationControllerTest, AResultThatNobodyKnowsProvesNothing) {
  Settle();
  End("s-a", true, "");
  Settle();
  EXPECT_EQ(Verified().failures, 1);
  EXPECT_TRUE(Verified().shards.empty());
}

TEST_F(VerificationControllerTest, NothingBeginsBeforeEveryShardHasABackup) {
  BackedUp("s-a");
  Settle();
  EXPECT_FALSE(Job("s-a"));
  EXPECT_FALSE(Verified().running);
}

TEST_F(VerificationControllerTest, NothingBeginsBeforeItsFilesAreThere) {
  ASSERT_TRUE(kube_.Delete(kube::kConfigMaps, {"shop", "orders-s-b-backup"}, {}, Soon()));
  Settle();
  EXPECT_FALSE(Verified().running);
}

TEST_F(VerificationControllerTest, NothingBeginsBesideABackup) {
  Annotate("backup", "Full 1");
  Settle();
  ASSERT_TRUE(Told().status.backup->running);
  EXPECT_FALSE(Job("s-a"));
}

TEST_F(VerificationControllerTest, NothingIsMadeWhileTheSetIsPaused) {
  Annotate("pause", "true");
  Settle();
  EXPECT_FALSE(Job("s-a"));
}

TEST_F(VerificationControllerTest, AnotherLeaderGoesOn) {
  Settle();
  EndWell("s-a");
  Settle();
  BackupController other({.copies = kube_, .kube = kube_, .clock = clock_, .images = {}});
  for (int passes = 0; passes < 5; ++passes) ASSERT_TRUE(other.Reconcile(ref_, Soon()));
  EXPECT_FALSE(Job("s-a")) << "it has its result";
  EndWell("s-b");
  for (int passes = 0; passes < 5; ++passes) ASSERT_TRUE(other.Reconcile(ref_, Soon()));
  EXPECT_EQ(Condition(), "True Verified");
}

TEST_F(VerificationControllerTest, AWishThatIsTakenBackTakesItsJobAlong) {
  Settle();
  ASSERT_TRUE(Job("s-a"));
  ASSERT_TRUE(kube_.Patch(kube::kShardSets, ref_, R"({"spec":{"backup":{"verification":null}}})",
                          {}, Soon()));
  Settle();
  EXPECT_FALSE(Job("s-a"));
  EXPECT_EQ(Condition(), "");
  EXPECT_EQ(Verified(), model::VerificationStatus());
  EXPECT_TRUE(Told().status.backup->last_full);
  EXPECT_EQ(exporter_.Text().find("foreshard_backup_verification_failures{"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::op

#include "operator/controllers/backup_controller.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/conditions.h"
#include "operator/api/shard_set_json.h"
#include "operator/backup_meter.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"sharding":{"tables":[{"name":"public.customers","column":"id"}],"initialShards":2},
 "shardTemplate":{"storage":{"size":"1Gi"}},
 "backup":{"repository":{"volume":{"claimName":"backups"}},"encryptionSecretName":"passphrase",
  "schedule":{"full":"0 1 * * 0","incremental":"0 1 * * *"}}}})";
constexpr const char* kReady = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},"status":{"conditions":[{"type":"Ready",
 "status":"True","reason":"Ready","message":"","lastTransitionTime":"2026-05-01T08:00:00Z"}]}})";
constexpr const char* kSecret = R"({"apiVersion":"v1","kind":"Secret",
 "metadata":{"name":"passphrase","namespace":"shop"},"data":{"passphrase":"YWJj"}})";
constexpr const char* kTwoShards = R"([{"id":"s-a","primaryService":"a","replicaService":""},
 {"id":"s-b","primaryService":"b","replicaService":""}])";
constexpr const char* kThreeShards = R"([{"id":"s-a","primaryService":"a","replicaService":""},
 {"id":"s-b","primaryService":"b","replicaService":""},
 {"id":"s-c","primaryService":"c","replicaService":""}])";

class BackupControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    log::SetSink([](std::string_view) {});
    Create(kube::kShardSets, "orders", kSet);
    SetTable(kTwoShards);
    Create(kube::kSecrets, "passphrase", kSecret);
    for (const char* shard : {"a", "b", "c"}) AddShard(shard, kBackupContainer);
    ASSERT_TRUE(kube_.Apply(
        kube::kShardSets, ref_, kReady,
        {.field_manager = "test", .force = true, .dry_run = false, .subresource = "status"},
        Soon()));
    clock_.Advance(*ParseRfc3339("2026-05-01T12:00:00Z") - clock_.Wall());  // a Friday
  }
  void TearDown() override { log::SetSink({}); }

  Deadline Soon() { return Deadline::After(clock_, 60s); }
  void Create(const kube::ResourceKind& kind, const std::string& name, const std::string& json) {
    const auto created = kube_.Create(kind, {"shop", name}, json, Soon());
    ASSERT_TRUE(created) << created.error().message;
  }
  void SetTable(const std::string& shards) {
    const auto applied = kube_.Apply(
        kube::kRoutingTables, ref_,
        fmt::format(
            R"({{"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable","metadata":{{
            "name":"orders","namespace":"shop"}},"spec":{{"shardSetName":"orders","epoch":1,
            "ranges":[{{"from":"","to":"","shard":"s-a"}}],"pins":[],"shards":{},"moving":[]}}}})",
            shards),
        {}, Soon());
    ASSERT_TRUE(applied) << applied.error().message;
  }
  void AddShard(const std::string& shard, const std::string& container) {
    const std::string name = "orders-s-" + shard;
    Create(kube::kEndpoints, name,
           fmt::format(R"({{"apiVersion":"v1","kind":"Endpoints","metadata":{{"name":"{0}",
             "namespace":"shop","annotations":{{"leader":"{0}-1"}}}}}})",
                       name));
    Create(kube::kPods, name + "-1",
           fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}-1",
             "namespace":"shop"}},"spec":{{"containers":[{{"name":"{}"}}]}}}})",
                       name, container));
  }
  void Annotate(const std::string& value) {
    ASSERT_TRUE(kube_.Patch(
        kube::kShardSets, ref_,
        fmt::format(R"({{"metadata":{{"annotations":{{"foreshard.dev/backup":"{}"}}}}}})", value),
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
    const auto job = kube_.Get(kube::kJobs, {"shop", "orders-" + shard + "-backup"}, Soon());
    EXPECT_TRUE(job);
    if (!job || !*job) return std::nullopt;
    return *ParseJson((**job).json);
  }
  std::string Environment(const std::string& shard, const std::string& name) {
    const std::optional<Value> job = Job(shard);
    if (!job) return "no Job";
    for (const Value& item :
         job->At("spec.template.spec.containers").Items().at(0)["env"].Items()) {
      if (item["name"].Text() == name) return item["value"].Text();
    }
    return "";
  }
  // As Kubernetes would say it.
  void End(const std::string& shard, bool well, const std::string& message) {
    const std::optional<Value> job = Job(shard);
    ASSERT_TRUE(job) << shard;
    const std::string name = "orders-" + shard + "-backup";
    const std::string uid = job->At("metadata.uid").Text();
    const std::string pod = fmt::format("{}-{}", name, uid);
    Create(kube::kPods, pod,
           fmt::format(R"({{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{}",
             "namespace":"shop","labels":{},"ownerReferences":[{{"apiVersion":"batch/v1",
             "kind":"Job","name":"{}","uid":"{}","controller":true}}]}}}})",
                       pod, ToJson(job->At("spec.template.metadata.labels")), name, uid));
    const auto said =
        kube_.Patch(kube::kPods, {"shop", pod},
                    fmt::format(R"({{"status":{{"containerStatuses":[{{"name":"backup","state":{{
          "terminated":{{"message":{}}}}}}}]}}}})",
                                ToJson(message)),
                    {.subresource = "status"}, Soon());
    ASSERT_TRUE(said) << said.error().message;
    const auto patched = kube_.Patch(
        kube::kJobs, {"shop", name},
        fmt::format(R"({{"status":{{"conditions":[{{"type":"{}","status":"True"}}]}}}})",
                    well ? "Complete" : "Failed"),
        {.subresource = "status"}, Soon());
    ASSERT_TRUE(patched) << patched.error().message;
  }
  void EndWell(const std::string& shard, const std::string& type = "full") {
    const std::int64_t now =
        std::chrono::floor<std::chrono::seconds>(clock_.Wall()).time_since_epoch().count();
    End(shard, true,
        fmt::format(R"({{"type":"{}","label":"L{}","start":{},"stop":{},"size":100,"added":10,
                        "oldest":{}}})",
                    type, now, now - 60, now, now));
  }
  void BackUpAll(const std::string& type = "full") {
    for (const char* shard : {"s-a", "s-b"}) {
      Settle();
      EndWell(shard, type);
    }
    Settle();
  }
  model::ShardSetStatus Told() {
    return ParseShardSet((**kube_.Get(kube::kShardSets, ref_, Soon())).json)->status;
  }
  std::string Condition() {
    const model::ShardSetStatus status = Told();
    const model::Condition* condition = FindCondition(status.conditions, "BackedUp");
    return condition == nullptr ? "" : condition->status + " " + condition->reason;
  }
  bool Shows(const std::string& metric, const std::string& labels, double value) {
    return exporter_.Text().find(fmt::format("{}{{namespace=\"shop\",shardset=\"orders\"{}}} {}\n",
                                             metric, labels, value)) != std::string::npos;
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

TEST_F(BackupControllerTest, TheFirstOneIsWholeAndGoesOverTheShardsOneByOne) {
  Settle();
  EXPECT_EQ(Environment("s-a", "BACKUP_TYPE"), "full");
  EXPECT_EQ(Environment("s-a", "PGBACKREST_PG1_HOST"), "orders-s-a-1.orders-s-a-pods.shop.svc");
  EXPECT_FALSE(Job("s-b")) << "one at a time";
  EXPECT_EQ(Condition(), "False NoBaseBackup");
  const std::int64_t writes = kube_.write_calls();
  Settle();
  EXPECT_EQ(kube_.write_calls(), writes) << "it waits and writes nothing";

  EndWell("s-a");
  Settle();
  EXPECT_EQ(Environment("s-b", "BACKUP_TYPE"), "full");
  EXPECT_EQ(Told().backup->shards.size(), 1U);
  EXPECT_FALSE(Told().backup->last_full);
  EndWell("s-b");
  Settle();
  ASSERT_TRUE(Told().backup->last_full);
  EXPECT_FALSE(Told().backup->running);
  EXPECT_EQ(Told().backup->last_full->size_bytes, 200);
  EXPECT_EQ(Told().backup->oldest_time, "2026-05-01T12:00:00Z");
  EXPECT_EQ(Condition(), "True BackedUp");
  EXPECT_TRUE(Shows("foreshard_backup_last_size_bytes", ",type=\"full\"", 200));
  EXPECT_TRUE(Shows("foreshard_backup_due_since_timestamp_seconds", "", 0));
}

TEST_F(BackupControllerTest, TheScheduleIsKeptAlsoAfterASleep) {
  BackUpAll();
  EXPECT_EQ(waits_, 1h) << "the next one is at one in the night";
  clock_.Advance(12h + 30min);
  Settle();
  EXPECT_EQ(waits_, 30min);
  EXPECT_EQ(Environment("s-a", "BACKUP_TYPE"), "full") << "that of the last turn";
  clock_.Advance(30min);
  Settle();
  EXPECT_EQ(Environment("s-a", "BACKUP_TYPE"), "incr");
  EXPECT_TRUE(Told().backup->running);
  EXPECT_FALSE(Job("s-b") && Environment("s-b", "BACKUP_TYPE") == "incr");
  EndWell("s-a", "incr");
  Settle();
  EndWell("s-b", "incr");
  Settle();
  ASSERT_TRUE(Told().backup->last_incremental);
  EXPECT_EQ(Told().backup->last_full->start_time, "2026-05-01T12:00:00Z");
  clock_.Advance(5 * 24h);  // nobody was there on Sunday
  Settle();
  EXPECT_EQ(Environment("s-a", "BACKUP_TYPE"), "full") << "one turn for all that was missed";
}

TEST_F(BackupControllerTest, AFailureIsCountedOnceToldAndTriedAgainWithPatience) {
  Settle();
  End("s-a", false,
      "INFO: many options\nERROR: [055]: no space left\n  HINT: more\n2026-05-01 INFO: it ends\n");
  Settle();
  EXPECT_EQ(Told().backup->failures, 1);
  EXPECT_EQ(Told().backup->running->problem, "ERROR: [055]: no space left\n  HINT: more");
  EXPECT_EQ(Condition(), "False BackupFails");
  EXPECT_EQ(waits_, 30s);
  EXPECT_TRUE(Job("s-a")) << "its log stays until the next attempt";
  Settle();
  EXPECT_EQ(Told().backup->failures, 1);
  const std::string uid = Job("s-a")->At("metadata.uid").Text();
  clock_.Advance(30s);
  Settle();
  ASSERT_TRUE(Job("s-a"));
  EXPECT_NE(Job("s-a")->At("metadata.uid").Text(), uid);
  End("s-a", false, "");
  Settle();
  EXPECT_EQ(Told().backup->failures, 2);
  EXPECT_EQ(waits_, 60s);
  clock_.Advance(60s);
  Settle();
  EndWell("s-a");
  Settle();
  EndWell("s-b");
  Settle();
  EXPECT_EQ(Condition(), "True BackedUp");
  EXPECT_EQ(Told().backup->failures, 2);
  EXPECT_TRUE(Shows("foreshard_backup_failures", "", 2));
}

TEST_F(BackupControllerTest, AResultThatNobodyKnowsIsNoBackup) {
  Settle();
  End("s-a", true, "");
  Settle();
  EXPECT_EQ(Told().backup->failures, 1);
  EXPECT_TRUE(Told().backup->shards.empty());
}

TEST_F(BackupControllerTest, OneIsMadeWhenAsked) {
  BackUpAll();
  clock_.Advance(1min);
  Annotate("Incremental 1");
  BackUpAll("incr");
  EXPECT_EQ(Told().backup->request, "Incremental 1");
  clock_.Advance(1min);
  Annotate("Full 2");
  Settle();
  EXPECT_EQ(Environment("s-a", "BACKUP_TYPE"), "full");
  EXPECT_EQ(Told().backup->request, "Incremental 1");
}

TEST_F(BackupControllerTest, AShardThatWasMadeSinceGetsItsOwnAtOnce) {
  BackUpAll();
  clock_.Advance(1min);
  SetTable(kThreeShards);
  Settle();
  EXPECT_EQ(Environment("s-a", "BACKUP_TYPE"), "incr");
  EXPECT_EQ(Condition(), "False NoBaseBackup");
}

TEST_F(BackupControllerTest, ASecretThatIsMissingIsNamedAndNothingBegins) {
  ASSERT_TRUE(kube_.Delete(kube::kSecrets, {"shop", "passphrase"}, {}, Soon()));
  Settle();
  EXPECT_FALSE(Job("s-a"));
  EXPECT_EQ(Condition(), "False SecretMissing");
  Create(kube::kSecrets, "passphrase", kSecret);
  Settle();
  EXPECT_TRUE(Job("s-a"));
}

TEST_F(BackupControllerTest, APodThatIsNotPreparedIsNotAsked) {
  ASSERT_TRUE(kube_.Delete(kube::kPods, {"shop", "orders-s-a-1"}, {}, Soon()));
  ASSERT_TRUE(kube_.Delete(kube::kEndpoints, {"shop", "orders-s-a"}, {}, Soon()));
  AddShard("a", "postgres");
  Settle();
  EXPECT_FALSE(Job("s-a"));
}

TEST_F(BackupControllerTest, AWishThatIsTakenBackIsForgotten) {
  BackUpAll();
  ASSERT_TRUE(kube_.Patch(kube::kShardSets, ref_, R"({"spec":{"backup":null}})", {}, Soon()));
  Settle();
  EXPECT_FALSE(Told().backup);
  EXPECT_EQ(Condition(), "");
  EXPECT_EQ(exporter_.Text().find("foreshard_backup_failures{"), std::string::npos);
  EXPECT_EQ(waits_, 0ms);
}

TEST_F(BackupControllerTest, WhatIsDueAndDoesNotHappenShows) {
  BackUpAll();
  ASSERT_TRUE(kube_.Patch(kube::kShardSets, ref_,
                          R"({"metadata":{"annotations":{"foreshard.dev/pause":"true"}}})", {},
                          Soon()));
  clock_.Advance(24h);
  Settle();
  EXPECT_FALSE(Told().backup->running);
  const double due =
      std::chrono::duration<double>(ParseRfc3339("2026-05-02T01:00:00Z")->time_since_epoch())
          .count();
  EXPECT_TRUE(Shows("foreshard_backup_due_since_timestamp_seconds", "", due));
}

TEST(BackupRetry, IsPatientButNotForever) {
  EXPECT_EQ(BackupRetryAfter(1), 30s);
  EXPECT_EQ(BackupRetryAfter(3), 120s);
  EXPECT_EQ(BackupRetryAfter(100), 30min);
}

}  // namespace
}  // namespace foreshard::op

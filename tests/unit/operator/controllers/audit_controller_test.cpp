#include "operator/controllers/audit_controller.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "kube/kinds.h"
#include "operator/api/conditions.h"
#include "operator/api/shard_set_json.h"
#include "operator/audit_meter.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/fake_shard_auditor.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"sharding":{"strategy":"Hash","keyType":"Bigint","tables":[{"name":"public.customers",
   "column":"id"},{"name":"public.orders","column":"customer_id"}],
   "referenceTables":["public.countries"],"initialShards":2},
 "shardTemplate":{"storage":{"size":"1Gi"}}}})";
constexpr const char* kReady = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},"status":{"conditions":[{"type":"Ready",
 "status":"True","reason":"Ready","message":"","lastTransitionTime":"2026-05-01T08:00:00Z"}]}})";
constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"shardSetName":"orders","epoch":12,"ranges":[{"from":"","to":"80","shard":"s-a"},
   {"from":"80","to":"","shard":"s-b"}],"pins":[],
 "shards":[{"id":"s-a","primaryService":"a","replicaService":""},{"id":"s-b",
   "primaryService":"b","replicaService":""}],"moving":[]}})";

class AuditControllerTest : public testing::Test {
 protected:
  void SetUp() override {
    log::SetSink([](std::string_view) {});
    ASSERT_TRUE(kube_.Create(kube::kShardSets, ref_, kSet, Soon()));
    ASSERT_TRUE(kube_.Create(kube::kRoutingTables, ref_, kTable, Soon()));
    ASSERT_TRUE(kube_.Apply(
        kube::kShardSets, ref_, kReady,
        {.field_manager = "test", .force = true, .dry_run = false, .subresource = "status"},
        Soon()));
    controller_ = AnotherProcess();
  }
  void TearDown() override { log::SetSink({}); }

  std::unique_ptr<AuditController> AnotherProcess() {
    return std::make_unique<AuditController>(AuditControllerOptions{
        .copies = kube_,
        .kube = kube_,
        .shards = shards_,
        .clock = clock_,
        .interval = 0ms,
        .pause =
            [this](std::chrono::milliseconds duration) {
              clock_.Advance(duration);
              return true;
            },
        .on_look = [this](const AuditObservation& seen) { meter_.Look(seen); },
        .on_gone = [this](const kube::ObjectRef& set) { meter_.Forget(set); }});
  }
  Deadline Soon() { return Deadline::After(clock_, 60s); }
  void Annotate(const std::string& name, const std::string& value) {
    ASSERT_TRUE(kube_.Patch(
        kube::kShardSets, ref_,
        fmt::format(R"({{"metadata":{{"annotations":{{"foreshard.dev/{}":"{}"}}}}}})", name, value),
        {}, Soon()));
  }
  // Until it waits for something; how many passes that took.
  int Settle() {
    for (int passes = 1; passes < 200; ++passes) {
      const Result<Outcome> outcome = controller_->Reconcile(ref_, Soon());
      EXPECT_TRUE(outcome) << outcome.error().message;
      if (!outcome) return passes;
      if (outcome->look_again_after == 0ms || outcome->look_again_after > 2s) return passes;
      clock_.Advance(outcome->look_again_after);
    }
    ADD_FAILURE() << "it does not settle";
    return 0;
  }
  model::ShardSetStatus StatusNow() {
    return ParseShardSet((**kube_.Get(kube::kShardSets, ref_, Soon())).json)->status;
  }
  model::Condition Told() {
    const model::ShardSetStatus status = StatusNow();
    const model::Condition* condition = FindCondition(status.conditions, "RowsConsistent");
    return condition == nullptr ? model::Condition() : *condition;
  }
  bool Shows(const std::string& line) {
    return exporter_.Text().find(line + "\n") != std::string::npos;
  }
  bool ShowsStrays(const std::string& shard, int rows) {
    return Shows(
        fmt::format(R"(foreshard_stray_rows{{namespace="shop",shard="{}",shardset="orders"}} {})",
                    shard, rows));
  }
  bool ShowsOf(const std::string& metric, std::int64_t value) {
    return Shows(fmt::format(R"({}{{namespace="shop",shardset="orders"}} {})", metric, value));
  }
  bool ShowsDiverged(int tables) {
    return Shows(fmt::format(
        R"(foreshard_reference_tables_differ{{namespace="shop",shardset="orders"}} {})", tables));
  }
  void SetMoving(const std::string& moving) {
    std::string table = kTable;
    table.replace(table.find(R"("moving":[])"), 11, R"("moving":[)" + moving + "]");
    ASSERT_TRUE(kube_.Apply(kube::kRoutingTables, ref_, table, {}, Soon()));
  }

  const kube::ObjectRef ref_{"shop", "orders"};
  fakes::FakeClock clock_;
  fakes::FakeKubeApi kube_{clock_};
  fakes::FakeShardAuditor shards_;
  Exporter exporter_;
  AuditMeter meter_{exporter_};
  std::unique_ptr<AuditController> controller_;
};

constexpr const char* kSomethingMoves =
    R"({"migration":"m","number":7,"range":{"from":"","to":"80"},"keys":[]})";

TEST_F(AuditControllerTest, ASetThatWasNeverLookedThroughShowsZerosAndIsLeftAlone) {
  const std::int64_t writes = kube_.write_calls();
  EXPECT_EQ(Settle(), 1);
  EXPECT_EQ(kube_.write_calls(), writes);
  EXPECT_TRUE(ShowsStrays("s-a", 0));
  EXPECT_TRUE(ShowsStrays("s-b", 0));
  EXPECT_TRUE(ShowsDiverged(0));
  EXPECT_TRUE(ShowsOf("foreshard_audit_interval_seconds", 0));
  EXPECT_EQ(Told().status, "");
  EXPECT_EQ(shards_.turns, 0);
}

TEST_F(AuditControllerTest, APassThatFindsNothingSaysSo) {
  Annotate("verify", "now");
  Settle();
  const model::ShardSetStatus status = StatusNow();
  ASSERT_TRUE(status.audit);
  EXPECT_EQ(status.audit->request, "now");
  EXPECT_EQ(status.audit->epoch, 12);
  EXPECT_FALSE(status.audit->running);
  EXPECT_EQ(Told().status, "True");
  EXPECT_EQ(Told().reason, "NothingFound");
  EXPECT_TRUE(ShowsStrays("s-b", 0));
  EXPECT_EQ(shards_.turns, 4) << "two tables on two shards";
  const auto began = ParseRfc3339(status.audit->start_time);
  ASSERT_TRUE(began);
  EXPECT_TRUE(ShowsOf("foreshard_audit_last_pass_timestamp_seconds",
                      std::chrono::floor<std::chrono::seconds>(*began).time_since_epoch().count()));
  const std::int64_t writes = kube_.write_calls();
  EXPECT_EQ(Settle(), 1) << "answered once";
  EXPECT_EQ(kube_.write_calls(), writes);
}

TEST_F(AuditControllerTest, WhatIsFoundIsToldRepairedWhenAskedAndLookedAtAgain) {
  shards_.strays[{{"s-b"}, "public.orders"}] = 2;
  shards_.copies[{{"s-b"}, "public.countries"}] = "other";
  Annotate("verify", "now");
  Settle();
  EXPECT_EQ(Told().status, "False");
  EXPECT_EQ(Told().reason, "StrayRows");
  EXPECT_TRUE(ShowsStrays("s-a", 0));
  EXPECT_TRUE(ShowsStrays("s-b", 2));
  EXPECT_TRUE(ShowsDiverged(1));
  EXPECT_EQ(shards_.repairs, 0) << "nobody asked";

  Annotate("repair", StatusNow().audit->fingerprint + " s-a");
  Settle();
  const model::AuditStatus audit = *StatusNow().audit;
  ASSERT_TRUE(audit.repair);
  EXPECT_EQ(audit.repair->rows, 3);
  EXPECT_EQ(audit.repair->problem, "");
  EXPECT_FALSE(audit.running);
  EXPECT_TRUE(audit.found.clean());
  EXPECT_EQ(Told().status, "True");
  EXPECT_TRUE(ShowsStrays("s-b", 0));
  EXPECT_TRUE(ShowsDiverged(0));
}

TEST_F(AuditControllerTest, OfTwoCopiesNobodyChoosesWithoutAPerson) {
  shards_.copies[{{"s-b"}, "public.countries"}] = "other";
  Annotate("verify", "now");
  Settle();
  Annotate("repair", StatusNow().audit->fingerprint);
  Settle();
  EXPECT_EQ(shards_.repairs, 0);
  EXPECT_NE(StatusNow().audit->repair->problem.find("public.countries: no copy"),
            std::string::npos);
  EXPECT_EQ(Told().reason, "ReferenceTablesDiffer");
}

TEST_F(AuditControllerTest, ARepairOfSomethingElseIsRefused) {
  shards_.strays[{{"s-b"}, "public.orders"}] = 2;
  Annotate("verify", "now");
  Settle();
  Annotate("repair", "0123456789abcdef");
  Settle();
  EXPECT_EQ(shards_.repairs, 0);
  EXPECT_NE(StatusNow().audit->repair->problem, "");
  EXPECT_TRUE(ShowsStrays("s-b", 2));
}

TEST_F(AuditControllerTest, AShardThatRefusesIsTriedAgainAndThenNamed) {
  shards_.strays[{{"s-b"}, "public.orders"}] = 2;
  Annotate("verify", "now");
  Settle();
  shards_.refusal = Error::Reobserve("the shard knows epoch 13");
  Annotate("repair", StatusNow().audit->fingerprint);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(controller_->Reconcile(ref_, Soon()));
  EXPECT_FALSE(StatusNow().audit->repair) << "it may pass";
  Settle();
  EXPECT_EQ(StatusNow().audit->repair->problem, "the shard knows epoch 13");
}

TEST_F(AuditControllerTest, AnotherProcessGoesOnWhereTheStatusSays) {
  shards_.strays[{{"s-a"}, "public.orders"}] = 5;
  shards_.pages = 100;
  shards_.on_turn = [this] { clock_.Advance(10s); };
  Annotate("verify", "now");
  for (int pass = 0; pass < 250; ++pass) ASSERT_TRUE(controller_->Reconcile(ref_, Soon()));
  const model::AuditRun told = *StatusNow().audit->running;
  EXPECT_EQ(told.step, 2) << "of the tables of s-a none is read again";
  EXPECT_EQ(told.found.strays.size(), 1u);
  const std::int64_t writes = kube_.write_calls();
  EXPECT_LT(writes, 20) << "the place is written every five minutes, not each turn";
  shards_.turns = 0;
  controller_ = AnotherProcess();
  for (int pass = 0; pass < 400 && StatusNow().audit->running; ++pass)
    ASSERT_TRUE(controller_->Reconcile(ref_, Soon()));
  EXPECT_LE(shards_.turns, 200 - told.page) << "step 2 goes on at its page";
  EXPECT_EQ(StatusNow().audit->found.stray_rows(), 5);
}

// A migration that begins fills rows into its destination: they are stray for who has not heard.
TEST_F(AuditControllerTest, WhatBeginsToMoveDuringATurnIsNotTakenForStray) {
  shards_.strays[{{"s-b"}, "public.orders"}] = 2;
  Annotate("verify", "now");
  shards_.on_turn = [this] {
    if (shards_.turns == 4) SetMoving(kSomethingMoves);  // while it reads public.orders on s-b
    if (shards_.turns == 5) shards_.strays.clear();      // as the SQL does with what moves
  };
  Settle();
  EXPECT_EQ(shards_.turns, 5) << "that turn is taken again";
  EXPECT_TRUE(StatusNow().audit->found.clean());
}

TEST_F(AuditControllerTest, AReferenceTableThatIsWrittenAllTheTimeIsNotJudged) {
  shards_.restless = true;
  Annotate("verify", "now");
  Settle();
  EXPECT_EQ(shards_.looks, 5);
  EXPECT_TRUE(StatusNow().audit->found.clean());
}

TEST_F(AuditControllerTest, AShardThatIsAwayIsTriedAgain) {
  shards_.down = Error::Retry("refused");
  Annotate("verify", "now");
  ASSERT_TRUE(controller_->Reconcile(ref_, Soon()));
  EXPECT_FALSE(controller_->Reconcile(ref_, Soon()));
  shards_.down.reset();
  Settle();
  EXPECT_EQ(Told().status, "True");
}

TEST_F(AuditControllerTest, ASetThatIsGoneShowsNothing) {
  Settle();
  ASSERT_TRUE(kube_.Delete(kube::kShardSets, ref_, {}, Soon()).ok());
  Settle();
  EXPECT_FALSE(ShowsStrays("s-a", 0));
  EXPECT_FALSE(ShowsDiverged(0));
}

}  // namespace
}  // namespace foreshard::op

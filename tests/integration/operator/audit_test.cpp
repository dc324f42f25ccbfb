#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/kinds.h"
#include "operator/api/shard_set_json.h"
#include "operator/audit_meter.h"
#include "operator/controllers/audit_controller.h"
#include "operator/shards/pg_shard_auditor.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/integration/migration/two_shards.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The audit controller as the operator runs it, on two real shards; the API server is a fake.

namespace foreshard::op {
namespace {

using migration::Side;
using support::Good;
using std::chrono_literals::operator""ms;

const support::Needs kNeeds({"postgres", "initdb", "psql"});

constexpr const char* kSet = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"sharding":{"strategy":"Hash","keyType":"Bigint","tables":[{"name":"public.customers",
   "column":"id"},{"name":"public.orders","column":"customer_id"}],
   "referenceTables":["public.currencies"],"initialShards":2},
 "shardTemplate":{"storage":{"size":"1Gi"}}}})";
constexpr const char* kReady = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"ShardSet",
 "metadata":{"name":"orders","namespace":"shop"},"status":{"conditions":[{"type":"Ready",
 "status":"True","reason":"Ready","message":"","lastTransitionTime":"2026-05-01T08:00:00Z"}]}})";
constexpr const char* kTable = R"({"apiVersion":"foreshard.dev/v1alpha1","kind":"RoutingTable",
 "metadata":{"name":"orders","namespace":"shop"},
 "spec":{"shardSetName":"orders","epoch":12,"ranges":[{"from":"","to":"80","shard":"s-aaaa"},
   {"from":"80","to":"","shard":"s-bbbb"}],"pins":[],
 "shards":[{"id":"s-aaaa","primaryService":"a","replicaService":""},{"id":"s-bbbb",
   "primaryService":"b","replicaService":""}],"moving":[]}})";

class AuditOnShards : public testing::Test {
 protected:
  void SetUp() override {
    auto made = migration::TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    for (const Side side : {Side::kSource, Side::kDestination}) {
      shards_->Sql(side,
                   fmt::format("INSERT INTO public.customers (id) SELECT k FROM "
                               "generate_series(1::bigint, 2000) k WHERE hashint8extended(k, 0) {} "
                               "0; INSERT INTO public.orders (customer_id, id) SELECT id, 1 FROM "
                               "public.customers; CREATE TABLE public.currencies (code text "
                               "PRIMARY KEY, rate float8); INSERT INTO public.currencies VALUES "
                               "('CHF', 1.1), ('EUR', 0.1)",
                               side == Side::kSource ? "<" : ">="));
    }
    ASSERT_TRUE(Good(kube_.Create(kube::kShardSets, ref_, kSet, shards_->Soon())));
    ASSERT_TRUE(Good(kube_.Create(kube::kRoutingTables, ref_, kTable, shards_->Soon())));
    ASSERT_TRUE(Good(kube_.Apply(
        kube::kShardSets, ref_, kReady,
        {.field_manager = "test", .force = true, .dry_run = false, .subresource = "status"},
        shards_->Soon())));
    auditor_ = std::make_unique<PgShardAuditor>(
        [this](const model::ShardSet&, const model::ShardId& shard, Deadline) {
          return Result<std::string>(shards_->Conninfo(shards_->ServerOf(shard)));
        },
        shards_->clock(), migration::AuditPace{.pages = 8, .turn = 0ms, .pause = NoPause});
    controller_ = std::make_unique<AuditController>(AuditControllerOptions{
        .copies = kube_,
        .kube = kube_,
        .shards = *auditor_,
        .clock = shards_->clock(),
        .interval = 0ms,
        .pause = NoPause,
        .on_look = [this](const AuditObservation& seen) { meter_.Look(seen); }});
  }
  static bool NoPause(std::chrono::milliseconds) { return true; }

  // Writes the annotation and lets the controller work until it waits.
  model::AuditStatus Ask(const std::string& name, const std::string& text) {
    EXPECT_TRUE(Good(kube_.Patch(
        kube::kShardSets, ref_,
        fmt::format(R"({{"metadata":{{"annotations":{{"foreshard.dev/{}":"{}"}}}}}})", name, text),
        {}, shards_->Soon())));
    for (int pass = 0; pass < 500; ++pass) {
      const Result<Outcome> outcome = controller_->Reconcile(ref_, shards_->Soon());
      EXPECT_TRUE(Good(outcome));
      if (!outcome || outcome->look_again_after == 0ms) break;
    }
    const auto object = kube_.Get(kube::kShardSets, ref_, shards_->Soon());
    return ParseShardSet((**object).json)->status.audit.value_or(model::AuditStatus());
  }
  bool Shows(const std::string& line) {
    return exporter_.Text().find(line + "\n") != std::string::npos;
  }
  bool ShowsStrays(const std::string& shard, int rows) {
    return Shows(
        fmt::format(R"(foreshard_stray_rows{{namespace="shop",shard="{}",shardset="orders"}} {})",
                    shard, rows));
  }
  bool ShowsDiverged(int tables) {
    return Shows(fmt::format(
        R"(foreshard_reference_tables_differ{{namespace="shop",shardset="orders"}} {})", tables));
  }

  const kube::ObjectRef ref_{"shop", "orders"};
  SystemClock clock_;
  std::unique_ptr<migration::TwoShards> shards_;
  fakes::FakeKubeApi kube_{clock_};
  Exporter exporter_;
  AuditMeter meter_{exporter_};
  std::unique_ptr<PgShardAuditor> auditor_;
  std::unique_ptr<AuditController> controller_;
};

TEST_F(AuditOnShards, AStrayRowIsFoundShownPutAsideAndGone) {
  EXPECT_TRUE(Ask("verify", "1").found.clean());
  EXPECT_TRUE(ShowsStrays("s-bbbb", 0));
  const std::string key = shards_->Sql(Side::kSource, "SELECT max(id) FROM public.customers");
  shards_->Sql(Side::kDestination,
               fmt::format("INSERT INTO public.customers (id, name) VALUES ({0}, 'stale'); INSERT "
                           "INTO public.orders (customer_id, id) VALUES ({0}, 1)",
                           key));
  const std::string before = shards_->Sql(Side::kDestination, "SELECT count(*) FROM public.orders");
  const model::AuditStatus seen = Ask("verify", "2");
  ASSERT_EQ(seen.found.strays.size(), 2u);
  EXPECT_EQ(seen.found.strays[0], (model::Stray{{"s-bbbb"}, "public.customers", 1, {key}}));
  EXPECT_TRUE(ShowsStrays("s-bbbb", 2));
  EXPECT_TRUE(ShowsStrays("s-aaaa", 0));
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM public.orders"), before)
      << "to look changes nothing";

  const model::AuditStatus after = Ask("repair", seen.fingerprint);
  EXPECT_EQ(after.repair->problem, "");
  EXPECT_EQ(after.repair->rows, 2);
  EXPECT_TRUE(after.found.clean());
  EXPECT_TRUE(ShowsStrays("s-bbbb", 0));
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         "SELECT count(*) FROM foreshard.stray_row WHERE row_data->>'name' = "
                         "'stale' OR table_name = 'public.orders'"),
            "2");
  EXPECT_EQ(shards_->Sql(Side::kSource, fmt::format("SELECT count(*) FROM public.customers WHERE "
                                                    "id = {}",
                                                    key)),
            "1")
      << "the owner's row is the right one";
}

TEST_F(AuditOnShards, AReferenceTableThatDiffersIsMadeLikeTheCopyThatAPersonNames) {
  EXPECT_TRUE(Ask("verify", "1").found.clean());
  EXPECT_TRUE(ShowsDiverged(0));
  shards_->Sql(Side::kDestination, "UPDATE public.currencies SET rate = 9 WHERE code = 'EUR'");
  const model::AuditStatus seen = Ask("verify", "2");
  ASSERT_EQ(seen.found.diverged.size(), 1u);
  EXPECT_EQ(seen.found.diverged[0].table, "public.currencies");
  EXPECT_TRUE(ShowsDiverged(1));
  EXPECT_NE(Ask("repair", seen.fingerprint).repair->problem, "") << "of two nobody can tell";
  EXPECT_TRUE(ShowsDiverged(1));
  const model::AuditStatus after = Ask("repair", seen.fingerprint + " s-aaaa");
  EXPECT_EQ(after.repair->problem, "");
  EXPECT_TRUE(after.found.clean());
  EXPECT_TRUE(ShowsDiverged(0));
  EXPECT_EQ(
      shards_->Sql(Side::kDestination, "SELECT rate FROM public.currencies WHERE code = 'EUR'"),
      "0.1");
}

}  // namespace
}  // namespace foreshard::op

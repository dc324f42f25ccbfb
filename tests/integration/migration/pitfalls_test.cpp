#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/predicate.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

// The pitfalls of logical replication that can be provoked on PostgreSQL 15, each with the outcome
// that was promised. Those that are refused before the start: preflight_sql_test.cpp; guards and
// prepared transactions: shard_schema_test.cpp, pg_shard_test.cpp; rewritten tables and lost
// snapshots: mover_test.cpp.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

class PitfallsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
  }
  void OnBoth(std::string_view sql) {
    shards_->Sql(Side::kSource, sql);
    shards_->Sql(Side::kDestination, sql);
  }
  void Begin() {
    shards_->Sql(Side::kSource, kSomeRows);
    stage_ = std::make_unique<Stage>(*shards_);
  }
  Status Verified() {
    return Verify(stage_->work(), stage_->Enter(Phase::kVerifying), Side::kSource);
  }
  std::string Refused(std::string_view sql) {
    const auto done = shards_->Connect(Side::kSource, "app")->Exec(sql, shards_->Soon());
    return done.ok() ? "done" : done.error().code;
  }
  std::string KeyOfK() const {
    return shards_->Sql(Side::kSource,
                        fmt::format("SELECT min(customer_id) FROM public.orders WHERE {}",
                                    PredicateSql(shards_->Spec(), "customer_id")));
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Stage> stage_;
};

// An UPDATE that leaves a TOASTed value alone sends a mark instead of it.
TEST_F(PitfallsTest, ToastedValuesSurviveUpdatesThatDoNotTouchThem) {
  Begin();
  shards_->Sql(Side::kSource,
               "UPDATE public.orders SET pad = (SELECT string_agg(md5(random()::text), '') FROM "
               "generate_series(1, 600)) WHERE customer_id IN (SELECT customer_id FROM "
               "public.orders ORDER BY 1 LIMIT 60)");
  EXPECT_NE(shards_->Sql(Side::kSource,
                         "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE oid = "
                         "'public.orders'::regclass"),
            "0")
      << "out of line, or this proves nothing";
  stage_->Stream();
  shards_->Sql(Side::kSource, "UPDATE public.orders SET v = v + 1");
  EXPECT_TRUE(Good(Verified()));
  EXPECT_EQ(
      shards_->Sql(Side::kDestination, "SELECT count(*) FROM public.orders WHERE pad IS NULL"),
      "0");
}

// Into the filter without its TOASTed values, out of it as a DELETE, TRUNCATE of other ranges'
// rows.
TEST_F(PitfallsTest, WhatAFilteredStreamWouldLoseIsRefusedWhileKeysMove) {
  Begin();
  stage_->Stream();
  const std::string key = KeyOfK();
  const std::string other = shards_->Sql(
      Side::kSource,
      fmt::format("SELECT min(k) FROM generate_series(1::bigint, 100) k WHERE NOT ({})",
                  PredicateSql(shards_->Spec(), "k")));
  EXPECT_EQ(Refused(fmt::format("UPDATE public.orders SET customer_id = {} WHERE customer_id = {}",
                                other, key)),
            "55006");
  EXPECT_EQ(Refused("TRUNCATE public.orders"), "55006");
  EXPECT_EQ(Refused("ALTER TABLE public.orders ADD COLUMN late text"), "55006");
  EXPECT_EQ(Refused("DROP TABLE public.orders"), "55006");
  EXPECT_TRUE(Good(Verified()));
}

TEST_F(PitfallsTest, GeneratedAndIdentityColumnsAreTheSameOnBothSides) {
  OnBoth(
      "ALTER TABLE public.orders ADD COLUMN twice bigint GENERATED ALWAYS AS (v * 2) STORED, "
      "ADD COLUMN serial bigint GENERATED ALWAYS AS IDENTITY");
  Begin();
  stage_->Stream();
  shards_->Sql(Side::kSource, "UPDATE public.orders SET v = v + 3");
  EXPECT_TRUE(Good(Verified()));
  EXPECT_EQ(
      shards_->Sql(Side::kDestination, "SELECT min(twice) || ' ' || max(twice) FROM public.orders"),
      "6 6");
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         "SELECT count(DISTINCT serial) = count(*) FROM public.orders"),
            "t");
}

// Triggers of clients have fired on the source; the copy and the stream must not fire them again.
TEST_F(PitfallsTest, TriggersOfClientsFireOnceForARow) {
  OnBoth(
      "SET ROLE app; CREATE FUNCTION public.count_up() RETURNS trigger LANGUAGE plpgsql AS "
      "$f$BEGIN NEW.v := NEW.v + 1; RETURN NEW; END$f$; "
      "CREATE TRIGGER count_up BEFORE INSERT OR UPDATE ON public.orders FOR EACH ROW EXECUTE "
      "FUNCTION public.count_up()");
  Begin();
  stage_->Stream();
  shards_->Sql(Side::kSource, "UPDATE public.orders SET price = 1");
  EXPECT_TRUE(Good(Verified()));
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT min(v) || ' ' || max(v) FROM public.orders"),
            "2 2");
}

// One transaction larger than logical_decoding_work_mem is streamed while it runs.
TEST_F(PitfallsTest, AHugeTransactionArrivesOrNotAsAWhole) {
  shards_->Sql(Side::kSource, "ALTER SYSTEM SET logical_decoding_work_mem = '64kB'");
  shards_->Sql(Side::kSource, "SELECT pg_reload_conf()");
  Begin();
  stage_->Stream();
  const auto client = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(
      Good(client->Exec("BEGIN; UPDATE public.orders SET v = v + 1000; "
                        "UPDATE public.orders SET v = v + 1000; ROLLBACK",
                        shards_->Soon())));
  ASSERT_TRUE(
      Good(client->Exec("BEGIN; UPDATE public.orders SET v = v + 1; "
                        "UPDATE public.orders SET pad = 'huge'; COMMIT",
                        shards_->Soon())));
  EXPECT_TRUE(Good(Verified()));
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT min(v) || ' ' || max(v) FROM public.orders"),
            "1 1");
}

// The fuse has blown: the migration ends with the reason, it does not wait for ever.
TEST_F(PitfallsTest, ASlotThatLostItsWalEndsTheMigration) {
  Begin();
  ASSERT_TRUE(Good(Prepare(stage_->work(), stage_->Enter(Phase::kPreparing), stage_->keepers())));
  ASSERT_TRUE(Good(Copy(stage_->work(), stage_->Enter(Phase::kCopying), stage_->keepers())));
  stage_->keepers() = {};
  for (const char* sql : {"ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'",
                          "ALTER SYSTEM SET max_wal_size = '32MB'", "SELECT pg_reload_conf()"}) {
    shards_->Sql(Side::kSource, sql);
  }
  for (int i = 0; i < 6; ++i) {
    shards_->Sql(Side::kSource,
                 "SELECT pg_logical_emit_message(false, 'x', repeat('x', 15000000))");
    shards_->Sql(Side::kSource, "SELECT pg_switch_wal()");
  }
  shards_->Sql(Side::kSource, "CHECKPOINT");
  ASSERT_EQ(shards_->Sql(Side::kSource, "SELECT wal_status FROM pg_replication_slots"), "lost");
  const Status caught_up = CatchUp(stage_->work(), stage_->Enter(Phase::kCatchingUp));
  ASSERT_FALSE(caught_up.ok());
  EXPECT_EQ(caught_up.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(caught_up.error().reason, "SlotLost");
}

}  // namespace
}  // namespace foreshard::migration

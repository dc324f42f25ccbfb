#include "migration/partitions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "tests/integration/migration/partitioned_orders.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

// Partitioned tables, step by step: what moves are their leaves.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

class PartitionsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    for (const Side side : {Side::kSource, Side::kDestination})
      shards_->Sql(side, kPartitionOrders);
    shards_->Sql(Side::kSource, kSomeRows);
    stage_ = std::make_unique<Stage>(*shards_);
  }
  std::string Code(Side side, std::string_view sql) const {
    const auto done = shards_->Connect(side, "app")->Exec(sql, shards_->Soon());
    return done.ok() ? "done" : done.error().code;
  }
  // Rows of K with the leaf that each lies in.
  std::string Digest(Side side) const {
    return shards_->Sql(
        side, fmt::format("SELECT count(*) || ' ' || sum(hashtextextended(tableoid::regclass || "
                          "o::text, 0)::numeric) FROM public.orders o WHERE {}",
                          PredicateSql(shards_->Spec(), "customer_id")));
  }
  std::string AKeyOfK() const {
    return shards_->Sql(Side::kSource,
                        fmt::format("SELECT min(customer_id) FROM public.orders WHERE {}",
                                    PredicateSql(shards_->Spec(), "customer_id")));
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Stage> stage_;
};

// behaviour-16
TEST_F(PartitionsTest, EachLeafMovesAndRowsThatChangeTheirLeafArriveOnce) {
  stage_->Stream();
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         "SELECT string_agg(DISTINCT table_name, ' ' ORDER BY table_name) FROM "
                         "foreshard.chunk_done WHERE rows > 0"),
            "public.customers public.orders_2025_0 public.orders_2025_1 public.orders_2026_0 "
            "public.orders_2026_1 public.orders_rest");
  EXPECT_EQ(
      shards_->Sql(Side::kSource,
                   "SELECT count(*) FROM pg_publication_tables WHERE tablename LIKE 'orders%'"),
      "5");
  const std::string before = Digest(Side::kSource);
  shards_->Sql(Side::kSource,
               fmt::format("UPDATE public.orders SET v = v + 1, {}", kNextPartition));
  shards_->Sql(Side::kSource,
               "DELETE FROM public.orders WHERE customer_id % 5 = 0; INSERT INTO public.orders "
               "(customer_id, id, made) SELECT id, 2, '2030-01-01' FROM public.customers");
  EXPECT_TRUE(Good(Verify(stage_->work(), stage_->Enter(Phase::kVerifying), Side::kSource)));
  EXPECT_NE(Digest(Side::kSource), before);
  EXPECT_EQ(Digest(Side::kDestination), Digest(Side::kSource));
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         fmt::format("SELECT count(*) FROM public.orders WHERE NOT ({})",
                                     PredicateSql(shards_->Spec(), "customer_id"))),
            "0")
      << "nothing but the moving range";
}

TEST_F(PartitionsTest, TheGateAndTheGuardsHoldThroughTheRoot) {
  stage_->Stream();
  const std::string key = AKeyOfK();
  const std::string other = shards_->Sql(
      Side::kSource, fmt::format("SELECT min(customer_id) FROM public.orders WHERE NOT ({})",
                                 PredicateSql(shards_->Spec(), "customer_id")));
  EXPECT_EQ(Code(Side::kDestination,
                 fmt::format("INSERT INTO public.orders (customer_id, id) VALUES ({}, 77)", key)),
            "FS001")
      << "the destination is closed";
  EXPECT_EQ(
      Code(Side::kDestination,
           fmt::format("UPDATE public.orders SET {} WHERE customer_id = {}", kNextPartition, key)),
      "FS001");
  for (const char* change : {"", ", made = '2040-01-01'"}) {
    EXPECT_EQ(Code(Side::kSource,
                   fmt::format("UPDATE public.orders SET customer_id = {}{} WHERE customer_id = {}",
                               other, change, key)),
              "55006")
        << "a new key, in this leaf or another one";
  }
  for (const char* sql : {"TRUNCATE public.orders", "TRUNCATE public.orders_2025_0",
                          "TRUNCATE public.customers CASCADE"}) {
    EXPECT_EQ(Code(Side::kSource, sql), "55006") << sql;
  }
  const auto shard = stage_->source().Look({0}, shards_->Soon());
  ASSERT_TRUE(Good(shard));
  EXPECT_FALSE(shard->gate_triggers) << "the source gets its triggers in Ready";
  ASSERT_TRUE(Good(stage_->source().MakeGateTriggers(stage_->Enter(Phase::kReady).source_token,
                                                     shards_->Soon())));
  const auto guarded = stage_->source().Look({0}, shards_->Soon());
  ASSERT_TRUE(Good(guarded));
  EXPECT_TRUE(guarded->gate_triggers);
  shards_->Sql(Side::kSource, "DROP TRIGGER zzz_foreshard_7_delete ON public.orders_rest");
  const auto torn = stage_->source().Look({0}, shards_->Soon());
  ASSERT_TRUE(Good(torn));
  EXPECT_FALSE(torn->gate_triggers) << "one leaf without its gate is a hole";
}

TEST_F(PartitionsTest, TheTreeStaysAsItIsWhileItsLeavesMove) {
  const std::string tree =
      "SELECT string_agg(inhrelid::regclass || ' ' || inhdetachpending, ', ' ORDER BY "
      "inhrelid::regclass::text) FROM pg_inherits WHERE inhparent IN (SELECT oid FROM pg_class "
      "WHERE "
      "relkind = 'p')";
  for (const Side side : {Side::kSource, Side::kDestination}) {
    // Without a default partition, or PostgreSQL itself refuses CONCURRENTLY.
    shards_->Sql(
        side,
        "ALTER TABLE public.orders DETACH PARTITION public.orders_rest; ALTER TABLE "
        "public.orders ATTACH PARTITION public.orders_rest FOR VALUES FROM ('2027-01-01') TO "
        "('2050-01-01'); CREATE TABLE public.spare (LIKE public.orders); ALTER TABLE "
        "public.spare OWNER TO app");
  }
  stage_->Stream();
  const std::string before = shards_->Sql(Side::kSource, tree);
  for (const char* sql :
       {"CREATE TABLE public.orders_2060 PARTITION OF public.orders FOR VALUES FROM ('2060-01-01') "
        "TO "
        "('2061-01-01')",
        "ALTER TABLE public.orders ATTACH PARTITION public.spare FOR VALUES FROM ('2060-01-01') TO "
        "('2061-01-01')",
        "ALTER TABLE public.orders DETACH PARTITION public.orders_rest",
        "ALTER TABLE public.orders DETACH PARTITION public.orders_rest CONCURRENTLY",
        "ALTER TABLE public.orders_2025 DETACH PARTITION public.orders_2025_1 /* now */ "
        "concurrently",
        "DROP TABLE public.orders_2025_0", "DROP TABLE public.orders_2026",
        "DROP TABLE public.orders", "ALTER TABLE public.orders_2026 ADD CHECK (v >= 0)",
        "CREATE INDEX ON public.orders (price)",
        "ALTER TABLE public.orders_2025_0 SET (fillfactor = 50)"}) {
    EXPECT_EQ(Code(Side::kSource, sql), "55006") << sql;
  }
  EXPECT_EQ(shards_->Sql(Side::kSource, tree), before) << "nothing by half either";
  EXPECT_EQ(Code(Side::kSource, "ALTER TABLE public.spare ADD COLUMN free text"), "done")
      << "other tables are free";
  ASSERT_TRUE(Good(UndoAll(stage_->work(), stage_->Enter(Phase::kAborting))));
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT count(*) FROM public.orders"), "0");
  for (const Side side : {Side::kSource, Side::kDestination}) {
    EXPECT_EQ(
        shards_->Sql(side, fmt::format("SELECT string_agg(kind || ' ' || name, ', ') FROM ({}) x",
                                       LeftoverSql(std::nullopt))),
        "NULL");
  }
  EXPECT_EQ(Code(Side::kSource, "ALTER TABLE public.orders DETACH PARTITION public.orders_rest"),
            "done");
}

// Between the preflight and the guards the trees may have grown apart.
TEST_F(PartitionsTest, LeavesOfOneSideOnlyEndItBeforeTheCopy) {
  shards_->Sql(
      Side::kSource,
      "SET ROLE app; CREATE TABLE public.orders_2060 PARTITION OF public.orders FOR VALUES "
      "FROM ('2060-01-01') TO ('2061-01-01')");
  const Status prepared =
      Prepare(stage_->work(), stage_->Enter(Phase::kPreparing), stage_->keepers());
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(prepared.error().reason, "PartitionsDiffer");
  EXPECT_NE(prepared.error().message.find("public.orders_2060"), std::string::npos);
}

// A partition that is being attached while the guards come is watched too.
TEST_F(PartitionsTest, GuardsWaitForWhoeverChangesTheTree) {
  for (const Side side : {Side::kSource, Side::kDestination})
    shards_->Sql(
        side,
        "CREATE TABLE public.spare (LIKE public.orders); ALTER TABLE public.spare OWNER TO app");
  const std::string attach =
      "ALTER TABLE public.orders ATTACH PARTITION public.spare FOR VALUES FROM ('2060-01-01') TO "
      "('2061-01-01')";
  shards_->Sql(Side::kDestination, attach);
  const auto client = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(client->Exec("BEGIN; " + attach, shards_->Soon())));
  const Turn turn = stage_->Enter(Phase::kPreparing);
  std::jthread committer([&] {
    // The event triggers are there, and the mover waits for the lock of the tree.
    EXPECT_TRUE(support::WaitFor("the mover at the lock", 20s, [&] {
      return support::Seen(
          shards_->Sql(Side::kSource,
                       "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND mode "
                       "= 'ShareUpdateExclusiveLock'") == "t");
    }));
    EXPECT_TRUE(Good(client->Exec("COMMIT", shards_->Soon())));
  });
  ASSERT_TRUE(Good(Prepare(stage_->work(), turn, stage_->keepers())));
  committer.join();
  EXPECT_EQ(
      shards_->Sql(Side::kSource,
                   "SELECT 'public.spare'::regclass::oid = ANY (tables) FROM foreshard.migration"),
      "t");
  EXPECT_EQ(shards_->Sql(Side::kSource,
                         "SELECT count(*) FROM pg_publication_tables WHERE tablename = 'spare'"),
            "1");
}

TEST(PartitionTrees, ADifferenceIsNamed) {
  const std::vector<TreeTable> tree = {
      {"public.a", "p", "by RANGE (made)"},
      {"public.a_1", "r", "partition of a FOR VALUES FROM (1) TO (2)"},
      {"public.a_2", "r", "partition of a DEFAULT"}};
  EXPECT_FALSE(FirstTreeDifference(tree, tree).has_value());
  std::vector<TreeTable> other = tree;
  other[1].shape = "partition of a FOR VALUES FROM (1) TO (3)";
  EXPECT_EQ(
      FirstTreeDifference(tree, other).value_or(""),
      "public.a_1 is [partition of a FOR VALUES FROM (1) TO (2)] on the source and [partition of a "
      "FOR VALUES FROM (1) TO (3)] on the destination");
  other = {tree[0], tree[2]};
  EXPECT_EQ(FirstTreeDifference(tree, other).value_or(""), "public.a_1 is on the source only");
  EXPECT_EQ(FirstTreeDifference(other, tree).value_or(""), "public.a_1 is on the destination only");
  EXPECT_EQ(FirstTreeDifference({tree[0]}, {}).value_or(""), "public.a is on the source only");
}

}  // namespace
}  // namespace foreshard::migration

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/catalog.h"
#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "tests/integration/migration/local_operator.h"
#include "tests/integration/migration/oracle.h"
#include "tests/integration/migration/partitioned_orders.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// A group with a partitioned table, from the preflight to the clean-up, by the real controller and
// the mover's own process.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql", "pg_dump"});

using namespace std::chrono_literals;
using support::Good;

// Each write of a client sends an older order of its customer to the next partition, in the same
// transaction.
const std::string kWander = fmt::format(
    "CREATE FUNCTION public.wander() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN UPDATE "
    "public.orders SET {} WHERE customer_id = NEW.id AND id = -1; RETURN NULL; END$f$; CREATE "
    "TRIGGER wander AFTER UPDATE ON public.customers FOR EACH ROW EXECUTE FUNCTION public.wander()",
    kNextPartition);

model::ShardMigrationSpec Range(MigrationType type, const char* source, const char* destination) {
  model::ShardMigrationSpec spec;
  spec.type = type;
  spec.source = {source};
  spec.destination = {destination};
  spec.range = model::KeyRange{"40", "80"};
  spec.soak = 500ms;
  spec.approved = true;
  return spec;
}

void ExpectNothingLeft(const TwoShards& shards) {
  for (const Side side : {Side::kSource, Side::kDestination}) {
    EXPECT_EQ(
        shards.Sql(side, fmt::format("SELECT string_agg(kind || ' ' || name, ', ') FROM ({}) x",
                                     LeftoverSql(std::nullopt))),
        "NULL")
        << ToString(side);
    EXPECT_EQ(shards.Sql(side, "SELECT count(*) FROM foreshard.barrier"), "0") << ToString(side);
  }
}

std::string RowsOfK(const TwoShards& shards, Side side) {
  return shards.Sql(side, fmt::format("SELECT count(*) FROM orders WHERE {}",
                                      PredicateSql(shards.Spec(), "customer_id")));
}

// The orders that were there before the clients came, each in whatever partition; what clients
// change of them is left out.
std::string OldOrders(const TwoShards& shards, Side side) {
  return shards.Sql(
      side,
      fmt::format("SELECT count(*) || ' ' || sum(hashtextextended(concat_ws('/', customer_id, "
                  "id, v, pad, price), 0)::numeric) FROM orders WHERE id = -1 AND {}",
                  PredicateSql(shards.Spec(), "customer_id")));
}

std::string Leaves(const TwoShards& shards, Side side) {
  return shards.Sql(side, fmt::format("SELECT count(DISTINCT tableoid) FROM orders WHERE {}",
                                      PredicateSql(shards.Spec(), "customer_id")));
}

// behaviour-16
TEST(PartitionedMove, ThereAndBackUnderLoadWhileRowsChangeTheirPartition) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  for (const Side side : {Side::kSource, Side::kDestination}) {
    (*shards)->Sql(side, kPartitionOrders);
    (*shards)->Sql(side, "SET ROLE app; " + kWander);
  }
  Oracle oracle(**shards, {.clients = 3});
  oracle.Load();
  const std::string old_orders = OldOrders(**shards, Side::kSource);
  oracle.Start();
  LocalOperator controller(**shards, Range(MigrationType::kSplit, "s-aaaa", "s-bbbb"));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(RowsOfK(**shards, Side::kSource), "0");
  EXPECT_EQ(OldOrders(**shards, Side::kDestination), old_orders);
  EXPECT_EQ(Leaves(**shards, Side::kDestination), "5")
      << "in every partition, or this proves little";
  ExpectNothingLeft(**shards);

  controller.Next("back", Range(MigrationType::kMove, "s-bbbb", "s-aaaa"));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kSource), "");
  EXPECT_GT(oracle.acknowledged(), 100);
  EXPECT_EQ(RowsOfK(**shards, Side::kDestination), "0");
  EXPECT_EQ(OldOrders(**shards, Side::kSource), old_orders);
  ExpectNothingLeft(**shards);
}

// behaviour-16
TEST(PartitionedMove, ANewShardGetsTheRootTheLeavesAndTheirIndexes) {
  auto shards = TwoShards::Make({.tables_on_destination = false});
  ASSERT_TRUE(Good(shards));
  (*shards)->Sql(Side::kSource, kPartitionOrders);
  (*shards)->Sql(
      Side::kSource,
      "SET ROLE app; " + kWander +
          "; CREATE INDEX ON public.orders (lower(pad)) WHERE price > 5; CREATE INDEX ON "
          "public.orders_2026 USING hash (pad); CREATE INDEX only_rest ON public.orders_rest (v); "
          "ALTER TABLE public.orders ADD CHECK (v >= 0); CREATE FUNCTION public.same() RETURNS "
          "trigger "
          "LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER same BEFORE INSERT ON "
          "public.orders FOR EACH ROW EXECUTE FUNCTION public.same(); ALTER TABLE "
          "public.orders_rest "
          "DISABLE TRIGGER same; CREATE UNIQUE INDEX orders_twin ON public.orders (customer_id, "
          "made, "
          "id, v); ALTER TABLE public.orders_2025_0 REPLICA IDENTITY USING INDEX "
          "orders_2025_0_customer_id_made_id_v_idx; "
          // A reference table with partitions travels along.
          "CREATE TABLE public.countries (code text, zone int, PRIMARY KEY (code, zone)) PARTITION "
          "BY "
          "LIST (zone); CREATE TABLE public.countries_1 PARTITION OF public.countries FOR VALUES "
          "IN "
          "(1); CREATE TABLE public.countries_2 PARTITION OF public.countries FOR VALUES IN (2); "
          "INSERT "
          "INTO public.countries VALUES ('de', 1), ('jp', 2)");
  Oracle oracle(**shards, {.clients = 2});
  oracle.Load();
  const std::string old_orders = OldOrders(**shards, Side::kSource);
  oracle.Start();
  LocalOperator controller(**shards, Range(MigrationType::kSplit, "s-aaaa", "s-bbbb"));
  controller.MakeNewDestination({"public.countries"});
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kDestination), "");
  EXPECT_EQ(OldOrders(**shards, Side::kDestination), old_orders);
  EXPECT_EQ(
      (*shards)->Sql(Side::kDestination, "SELECT count(DISTINCT tableoid) FROM public.countries"),
      "2");
  const auto tables = ReadUserTables(*(*shards)->Connect(Side::kSource), (*shards)->Soon());
  ASSERT_TRUE(Good(tables));
  EXPECT_EQ(tables->size(), 12U);
  const auto left = ReadDefinitions(*(*shards)->Connect(Side::kSource), *tables, (*shards)->Soon());
  const auto right =
      ReadDefinitions(*(*shards)->Connect(Side::kDestination), *tables, (*shards)->Soon());
  ASSERT_TRUE(Good(left));
  ASSERT_TRUE(Good(right));
  EXPECT_EQ(FirstDifference(*left, *right).value_or("alike"), "alike");
  const std::string indexes =
      "SELECT string_agg(i.indrelid::regclass || ' ' || i.indisvalid || ' ' || x.relispartition || "
      "' ' "
      "|| regexp_replace(pg_get_indexdef(x.oid), ' INDEX .* ON ', ' ON '), E'\\n' ORDER BY "
      "i.indrelid::regclass::text, pg_get_indexdef(x.oid)) FROM pg_index i JOIN pg_class x ON "
      "x.oid = "
      "i.indexrelid WHERE x.relnamespace = 'public'::regnamespace";
  EXPECT_EQ((*shards)->Sql(Side::kDestination, indexes), (*shards)->Sql(Side::kSource, indexes))
      << "each index of each leaf, and attached to the one above";
  ExpectNothingLeft(**shards);
}

}  // namespace
}  // namespace foreshard::migration

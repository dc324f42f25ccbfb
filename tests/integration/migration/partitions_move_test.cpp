#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/catalog.h"
#include "migration/predicate.h"
#include "tests/integration/migration/partitioned_orders.h"
#include "tests/integration/migration/walk.h"
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

class PartitionedMove : public Walk {
 protected:
  // The orders that were there before the clients came, each in whatever partition; what clients
  // change of them is left out.
  std::string OldOrders(Side side) const {
    return shards_->Sql(
        side,
        fmt::format("SELECT count(*) || ' ' || sum(hashtextextended(concat_ws('/', customer_id, "
                    "id, v, pad, price), 0)::numeric) FROM orders WHERE id = -1 AND {}",
                    PredicateSql(shards_->Spec(), "customer_id")));
  }

  std::string Leaves(Side side) const {
    return shards_->Sql(side, fmt::format("SELECT count(DISTINCT tableoid) FROM orders WHERE {}",
                                          PredicateSql(shards_->Spec(), "customer_id")));
  }
};

// behaviour-16
TEST_F(PartitionedMove, ThereAndBackUnderLoadWhileRowsChangeTheirPartition) {
  ASSERT_NO_FATAL_FAILURE(
      Make({}, kPartitionOrders + ("; SET ROLE app; " + kWander), {.clients = 3}));
  const std::string old_orders = OldOrders(Side::kSource);
  LocalOperator controller(*shards_, SpecOfRange(MigrationType::kSplit, true, 500ms));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  EXPECT_EQ(RowsOfK(*shards_, Side::kSource), "0");
  EXPECT_EQ(OldOrders(Side::kDestination), old_orders);
  EXPECT_EQ(Leaves(Side::kDestination), "5") << "in every partition, or this proves little";
  ExpectNothingLeft(*shards_);

  controller.Next("back", SpecOfRange(MigrationType::kMove, false, 500ms));
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  ExpectNothingLost(100);
  EXPECT_EQ(RowsOfK(*shards_, Side::kDestination), "0");
  EXPECT_EQ(OldOrders(Side::kSource), old_orders);
  ExpectNothingLeft(*shards_);
}

// behaviour-16
TEST_F(PartitionedMove, ANewShardGetsTheRootTheLeavesAndTheirIndexes) {
  const std::string more =
      "; SET ROLE app; " + kWander +
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
      "INTO public.countries VALUES ('de', 1), ('jp', 2)";
  ASSERT_NO_FATAL_FAILURE(Make({.tables_on_destination = false}, kPartitionOrders + more));
  const std::string old_orders = OldOrders(Side::kSource);
  LocalOperator controller(*shards_, SpecOfRange(MigrationType::kSplit, true, 500ms));
  controller.MakeNewDestination({"public.countries"});
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  HasMoved();
  ExpectNothingLost(10);
  EXPECT_EQ(OldOrders(Side::kDestination), old_orders);
  EXPECT_EQ(
      shards_->Sql(Side::kDestination, "SELECT count(DISTINCT tableoid) FROM public.countries"),
      "2");
  const auto tables = ReadUserTables(*shards_->Connect(Side::kSource), shards_->Soon());
  ASSERT_TRUE(Good(tables));
  EXPECT_EQ(tables->size(), 12U);
  const auto left = ReadDefinitions(*shards_->Connect(Side::kSource), *tables, shards_->Soon());
  const auto right =
      ReadDefinitions(*shards_->Connect(Side::kDestination), *tables, shards_->Soon());
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
  EXPECT_EQ(shards_->Sql(Side::kDestination, indexes), shards_->Sql(Side::kSource, indexes))
      << "each index of each leaf, and attached to the one above";
  ExpectNothingLeft(*shards_);
}

}  // namespace
}  // namespace foreshard::migration

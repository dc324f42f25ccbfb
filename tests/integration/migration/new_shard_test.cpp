#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/catalog.h"
#include "migration/shard_objects.h"
#include "tests/integration/migration/local_operator.h"
#include "tests/integration/migration/oracle.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// What a new shard gets, and when.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql", "pg_dump"});

using namespace std::chrono_literals;
using support::Good;

// Every access method of PostgreSQL itself, and what an index can have besides columns.
constexpr const char* kIndexes =
    "SET ROLE app; ALTER TABLE public.orders ADD COLUMN tags text[] DEFAULT ARRAY['a', 'b'], ADD "
    "COLUMN doc jsonb DEFAULT '{\"a\": 1}', ADD COLUMN spot point DEFAULT '(1,2)', ADD COLUMN "
    "during "
    "tstzrange DEFAULT '[2026-01-01,2026-02-01)', ADD COLUMN words tsvector GENERATED ALWAYS AS "
    "(to_tsvector('simple', coalesce(pad, ''))) STORED; "
    "CREATE INDEX i_gin_array ON public.orders USING gin (tags); "
    "CREATE INDEX i_gin_path ON public.orders USING gin (doc jsonb_path_ops) WITH (fastupdate = "
    "off); "
    "CREATE INDEX i_gin_words ON public.orders USING gin (words); "
    "CREATE INDEX i_gist ON public.orders USING gist (during); "
    "CREATE INDEX i_spgist ON public.orders USING spgist (spot); "
    "CREATE INDEX i_brin ON public.orders USING brin (made) WITH (pages_per_range = 16); "
    "CREATE INDEX i_hash ON public.orders USING hash (id); "
    "CREATE INDEX i_expression ON public.orders (lower(pad), (v + 1)); "
    "CREATE INDEX i_partial ON public.orders (price) WHERE v > 0; "
    "CREATE UNIQUE INDEX i_include ON public.orders (customer_id, id) INCLUDE (v) WITH (fillfactor "
    "= "
    "70); "
    "CREATE UNIQUE INDEX i_nulls ON public.orders (customer_id, id, price) NULLS NOT DISTINCT; "
    "CREATE INDEX i_order ON public.orders (v DESC NULLS LAST, pad COLLATE \"C\" "
    "text_pattern_ops); "
    "ALTER TABLE public.orders ADD CONSTRAINT no_twin EXCLUDE USING btree (customer_id WITH =, id "
    "WITH "
    "=) DEFERRABLE; ALTER TABLE public.orders ALTER COLUMN during SET STATISTICS 500";

std::string CountOfIndexes(const TwoShards& shards) {
  return shards.Sql(
      Side::kDestination,
      "SELECT count(*) FROM pg_index WHERE indrelid = 'public.orders'::regclass AND NOT "
      "indisprimary");
}

TEST(NewShard, GetsEveryTypeOfIndexAfterItsRows) {
  auto shards = TwoShards::Make({.tables_on_destination = false});
  ASSERT_TRUE(Good(shards));
  (*shards)->Sql(Side::kSource, kIndexes);
  Oracle oracle(**shards, {.clients = 2});
  oracle.Load();
  oracle.Start();
  model::ShardMigrationSpec spec;
  spec.type = MigrationType::kSplit;
  spec.source = {"s-aaaa"};
  spec.range = model::KeyRange{"40", "80"};
  spec.soak = 300ms;
  spec.approved = true;
  LocalOperator controller(**shards, spec);
  controller.MakeNewDestination({});
  ASSERT_EQ(controller.RunUntil(Phase::kCopying), Phase::kCopying) << controller.Why();
  controller.object().spec.paused = true;  // it ends the phase, and does not begin the next one
  EXPECT_TRUE(support::WaitFor("the end of the copy", 60s, [&] {
    controller.RunWhile([n = 0]() mutable { return n++ < 3; });
    return support::Seen((*shards)->Sql(Side::kDestination,
                                        "SELECT progress->'done'->>'phase' = 'Copying' FROM "
                                        "foreshard.migration") == "t");
  }));
  EXPECT_EQ(controller.phase(), Phase::kCopying);
  EXPECT_NE((*shards)->Sql(Side::kDestination, "SELECT count(*) FROM public.orders"), "0");
  EXPECT_EQ(CountOfIndexes(**shards), "0") << "the rows came first";
  controller.object().spec.paused = false;
  ASSERT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kDestination), "");
  EXPECT_EQ(CountOfIndexes(**shards), "14");
  const std::string indexes =
      "SELECT string_agg(pg_get_indexdef(indexrelid) || ' ' || indisvalid || ' ' || indisready, "
      "E'\\n' "
      "ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = "
      "'public.orders'::regclass";
  EXPECT_EQ((*shards)->Sql(Side::kDestination, indexes), (*shards)->Sql(Side::kSource, indexes));
  const std::vector<std::string> tables = {"public.customers", "public.orders"};
  const auto left = ReadDefinitions(*(*shards)->Connect(Side::kSource), tables, (*shards)->Soon());
  const auto right =
      ReadDefinitions(*(*shards)->Connect(Side::kDestination), tables, (*shards)->Soon());
  ASSERT_TRUE(Good(left));
  ASSERT_TRUE(Good(right));
  EXPECT_EQ(FirstDifference(*left, *right).value_or("alike"), "alike");
}

}  // namespace
}  // namespace foreshard::migration

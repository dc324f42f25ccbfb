#include "migration/catalog.h"

#include <gtest/gtest.h>

#include "tests/integration/migration/two_shards.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using support::Good;

TEST(Catalog, TheDefinitionsOfOneServerMakeTheOther) {
  auto shards = TwoShards::Make({.tables_on_destination = false});
  ASSERT_TRUE(Good(shards));
  (*shards)->Sql(
      Side::kSource,
      "SET ROLE app; CREATE TABLE public.t (a bigint PRIMARY KEY, b text NOT NULL, c text UNIQUE, "
      "d bigint GENERATED ALWAYS AS (a * 2) STORED, CHECK (a > 0)); CREATE INDEX ON public.t "
      "(lower(b)); "
      "CREATE STATISTICS public.t_stat ON b, c FROM public.t; ALTER TABLE public.t ENABLE ROW "
      "LEVEL SECURITY; "
      "CREATE POLICY mine ON public.t FOR SELECT USING (a < 10); "
      "CREATE UNIQUE INDEX t_id ON public.t (a, b); ALTER TABLE public.t REPLICA IDENTITY USING "
      "INDEX t_id");
  (*shards)->Sql(Side::kDestination,
                 "SET ROLE app; CREATE TABLE public.t (a bigint NOT NULL, b text NOT NULL, c text, "
                 "d bigint GENERATED ALWAYS AS (a * 2) STORED, CHECK (a > 0))");
  const auto source = (*shards)->Connect(Side::kSource);
  const auto destination = (*shards)->Connect(Side::kDestination);
  const auto wanted = ReadDefinitions(*source, {"public.t"}, (*shards)->Soon());
  const auto before = ReadDefinitions(*destination, {"public.t"}, (*shards)->Soon());
  ASSERT_TRUE(Good(wanted));
  ASSERT_TRUE(Good(before));
  EXPECT_TRUE(FirstDifference(*wanted, *before).has_value());
  for (const char* kind : {"primary key", "constraint", "index", "statistics", "replica identity",
                           "policy", "row security"}) {
    for (const Definition& one : *wanted) {
      if (one.kind == kind) {
        EXPECT_TRUE(Good(destination->Exec(one.text, (*shards)->Soon()))) << one.text;
      }
    }
  }
  const auto after = ReadDefinitions(*destination, {"public.t"}, (*shards)->Soon());
  ASSERT_TRUE(Good(after));
  EXPECT_EQ(FirstDifference(*wanted, *after).value_or("alike"), "alike");
}

TEST(Catalog, ATableThatIsNotThereIsAnAnswer) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  const auto session = (*shards)->Connect(Side::kSource);
  const auto missing = ReadTable(*session, "public.nowhere", "id", (*shards)->Soon());
  ASSERT_TRUE(Good(missing));
  EXPECT_FALSE(missing->has_value());
  const auto table = ReadTable(*session, "public.orders", "customer_id", (*shards)->Soon());
  ASSERT_TRUE(Good(table));
  EXPECT_EQ((*table)->primary_key, (std::vector<std::string>{"customer_id", "id"}));
  const auto all = ReadUserTables(*session, (*shards)->Soon());
  ASSERT_TRUE(Good(all));
  EXPECT_EQ(*all, (std::vector<std::string>{"public.customers", "public.orders"}))
      << "not ours, not PostgreSQL's";
}

}  // namespace
}  // namespace foreshard::migration

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// docs/how-to/load-a-database.md, its commands, with psql where they have the plugin's: what
// pg_dump says of a database that was never sharded goes in through the router.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;

const support::Needs kNeeds({"postgres", "psql", "pg_dump"});

constexpr const char* kOld = R"(
CREATE TYPE public.mood AS ENUM ('calm', 'cross');
CREATE FUNCTION public.touched() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN NEW.changed := clock_timestamp(); RETURN NEW; END';
CREATE TABLE public.countries (code text PRIMARY KEY, name text NOT NULL);
CREATE TABLE public.customers (
  id bigint PRIMARY KEY, name text NOT NULL CHECK (name <> ''), feels public.mood DEFAULT 'calm',
  country text REFERENCES public.countries, changed timestamptz, more jsonb, picture bytea);
COMMENT ON TABLE public.customers IS 'who buys';
CREATE INDEX customers_name ON public.customers (lower(name));
CREATE INDEX customers_more ON public.customers USING gin (more);
CREATE TRIGGER customers_touched BEFORE UPDATE ON public.customers
  FOR EACH ROW EXECUTE FUNCTION public.touched();
CREATE TABLE public.orders (
  customer_id bigint NOT NULL REFERENCES public.customers ON DELETE CASCADE,
  number bigserial, amount numeric(12, 2) NOT NULL, PRIMARY KEY (customer_id, number));
CREATE VIEW public.totals AS
  SELECT customer_id, sum(amount) AS amount FROM public.orders GROUP BY customer_id;
INSERT INTO public.countries VALUES ('de', 'Germany'), ('pt', 'Portugal');
INSERT INTO public.customers
  SELECT i, 'customer ' || i, 'cross', CASE i % 2 WHEN 0 THEN 'de' END, '2026-05-01',
         jsonb_build_object('tab', E'\t', 'i', i), decode('00ff', 'hex')
  FROM generate_series(1, 500) i;
INSERT INTO public.orders (customer_id, amount)
  SELECT 1 + i % 500, i / 100.0 FROM generate_series(1, 3000) i;
)";

class RouterLoading : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2}));
    ASSERT_TRUE(Good(bed_->postgres().Sql("CREATE DATABASE old")));
    ASSERT_TRUE(Good(bed_->postgres().Sql(kOld, "old")));
  }
  // All commands of the page, in one shell.
  Result<std::string> RunThePage() {
    std::string script = "set -euo pipefail\n";
    std::istringstream lines(support::ReadFile("docs/how-to/load-a-database.md"));
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("    ")) script += line.substr(4) + "\n";
    }
    static const std::regex kPlugin("kubectl foreshard -n shop psql orders --");
    return support::RunOrError(
        {.command = {"bash", "-c", std::regex_replace(script, kPlugin, "psql \"$NEW\"")},
         .environment = {{"OLD", bed_->postgres().Conninfo("old")},
                         {"NEW",
                          fmt::format("host=127.0.0.1 port={} user=app dbname=app", bed_->port())},
                         {"PGPASSWORD", RouterBed::kPassword},
                         {"PGSSLMODE", "disable"}}},
        60s);
  }
  void ExpectAlike(const std::string& sql) {
    const auto old = bed_->postgres().Sql(sql, "old");
    const auto now = bed_->Psql(sql);
    ASSERT_TRUE(Good(old));
    ASSERT_TRUE(Good(now));
    EXPECT_EQ(*now, *old) << sql;
  }
};

TEST_F(RouterLoading, ADumpOfOneDatabaseGoesInAsItIs) {
  const auto loaded = RunThePage();
  ASSERT_TRUE(Good(loaded));
  EXPECT_NE(loaded->find("3000|45015.00\n3000|45015.00\n"), std::string::npos) << *loaded;
  ExpectAlike("SELECT count(*) FROM public.customers");
  ExpectAlike("SELECT count(*), sum(amount), max(number) FROM public.orders");
  ExpectAlike("SELECT id, name, feels, country, more, picture FROM public.customers ORDER BY id");
  ExpectAlike("SELECT count(*) FROM public.countries");
  EXPECT_TRUE(
      Good(bed_->Psql("INSERT INTO public.orders (customer_id, amount) VALUES (7, 1), (8, 1)")));
  const auto next =
      bed_->Psql("SELECT number >= 3001 FROM public.orders WHERE amount = 1 AND customer_id = 7");
  ASSERT_TRUE(Good(next));
  EXPECT_EQ(*next, "t\n") << "rows that were loaded have the lower numbers";
  for (const int shard : {0, 1}) {
    const auto here = bed_->OnShard(shard, "SELECT count(*) > 100 FROM public.customers");
    ASSERT_TRUE(Good(here));
    EXPECT_EQ(*here, "t\n");
    const auto made = bed_->OnShard(
        shard,
        "SELECT count(*) FROM pg_indexes WHERE indexname IN ('customers_name', 'customers_more')"
        " UNION ALL SELECT count(*) FROM pg_trigger WHERE tgname = 'customers_touched'"
        " UNION ALL SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND "
        "connamespace = 'public'::regnamespace");
    ASSERT_TRUE(Good(made));
    EXPECT_EQ(*made, "2\n1\n2\n");
  }
}

}  // namespace
}  // namespace foreshard::router

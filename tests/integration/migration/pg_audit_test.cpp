#include "migration/pg_audit.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/predicate.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using support::Good;

// s-aaaa owns the hashes below zero, s-bbbb the others; what is wrong is planted by hand.
class PgAuditTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    table_.epoch = {12};
    table_.key_space = {model::Strategy::kHash, model::KeyType::kBigint};
    table_.ranges = {{{"", "80"}, {"s-aaaa"}}, {{"80", ""}, {"s-bbbb"}}};
    Fill(Side::kSource, "<");
    Fill(Side::kDestination, ">=");
  }
  void Fill(Side side, std::string_view sign) {
    shards_->Sql(side, fmt::format("INSERT INTO public.customers (id, pad) SELECT k, repeat('x', "
                                   "500) FROM generate_series(1::bigint, 3000) k WHERE "
                                   "hashint8extended(k, 0) {} 0",
                                   sign));
    shards_->Sql(side,
                 "INSERT INTO public.orders (customer_id, id) SELECT id, 1 FROM public.customers; "
                 "CREATE TABLE public.currencies (code text PRIMARY KEY, rate float8, "
                 "twice float8 GENERATED ALWAYS AS (rate * 2) STORED); "
                 "INSERT INTO public.currencies VALUES ('CHF', 1.1), ('EUR', 0.1), ('USD', 1)");
  }
  // A row that its owner has too, as a clean-up that went wrong would leave it.
  std::string PlantStray() {
    const std::string key = shards_->Sql(Side::kSource, "SELECT max(id) FROM public.customers");
    shards_->Sql(Side::kDestination,
                 fmt::format("INSERT INTO public.customers (id, name) VALUES ({0}, 'stale'); "
                             "INSERT INTO public.orders (customer_id, id) VALUES ({0}, 1)",
                             key));
    return key;
  }
  std::unique_ptr<pg::Connection> Session(Side side) {
    auto made = ConnectForAudit(shards_->Conninfo(side), shards_->clock(), shards_->Soon());
    EXPECT_TRUE(Good(made));
    return std::move(*made);
  }
  std::unique_ptr<pg::Connection> RepairSession(Side side, const std::string& table) {
    auto made = ConnectForRepair(shards_->Conninfo(side), shards_->clock(), table, shards_->Soon());
    EXPECT_TRUE(Good(made));
    return std::move(*made);
  }
  Result<std::int64_t> CopyCurrencies() {
    return CopyReference(*RepairSession(Side::kSource, "public.currencies"),
                         *RepairSession(Side::kDestination, "public.currencies"),
                         "public.currencies", shards_->Soon());
  }
  // All turns of all tables, one session each, as the operator does it.
  Result<std::vector<Stray>> Find(Side side) {
    const model::ShardId shard{side == Side::kSource ? "s-aaaa" : "s-bbbb"};
    std::vector<Stray> strays;
    for (const TableSpec& name : shards_->Spec().tables) {
      Stray stray{.shard = shard, .table = name.name, .rows = 0, .keys = {}};
      for (std::optional<AuditCursor> at = AuditCursor(); at;) {
        const auto turn =
            FindStrays(*Session(side), table_, shard, name, *at, pace_, shards_->Soon());
        if (!turn) return turn.error();
        ++turns_;
        stray.rows += turn->rows;
        stray.keys.insert(stray.keys.end(), turn->keys.begin(), turn->keys.end());
        at = turn->next;
      }
      if (stray.rows > 0) strays.push_back(std::move(stray));
    }
    return strays;
  }
  Result<std::int64_t> Repair(const TableSpec& name) {
    return PutAside(*RepairSession(Side::kDestination, name.name), table_, {"s-bbbb"}, name,
                    shards_->Soon());
  }
  std::string Count(Side side, std::string_view table) {
    return shards_->Sql(side, fmt::format("SELECT count(*) FROM {}", table));
  }

  std::unique_ptr<TwoShards> shards_;
  model::RoutingTable table_;
  std::vector<std::chrono::milliseconds> pauses_;
  int turns_ = 0;
  AuditPace pace_{.pages = 8,
                  .share = 0.1,
                  .turn = std::chrono::seconds(10),
                  .pause = [this](std::chrono::milliseconds rest) {
                    pauses_.push_back(rest);
                    return true;
                  }};
};

TEST_F(PgAuditTest, AStrayRowIsFoundAndNothingElse) {
  EXPECT_TRUE(Find(Side::kSource)->empty());
  const auto clean = Find(Side::kDestination);
  ASSERT_TRUE(Good(clean));
  EXPECT_TRUE(clean->empty());
  const std::string key = PlantStray();
  const auto found = Find(Side::kDestination);
  ASSERT_TRUE(Good(found));
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ(found->front(), (Stray{{"s-bbbb"}, "public.customers", 1, {key}}));
  pace_.pause = [](std::chrono::milliseconds) { return false; };
  EXPECT_EQ(Find(Side::kDestination).error().kind, Error::Kind::kReobserve) << "we are to end";
  EXPECT_EQ(found->back().table, "public.orders");
  EXPECT_GT(pauses_.size(), 30u) << "slices of 8 pages, and a rest after each";
}

TEST_F(PgAuditTest, ManyTurnsFindTheSameAsOne) {
  PlantStray();
  const auto one = Find(Side::kDestination);
  ASSERT_TRUE(Good(one));
  EXPECT_EQ(turns_, 2) << "a turn for each of two tables";
  pace_.turn = std::chrono::milliseconds(0);
  EXPECT_EQ(*Find(Side::kDestination), *one);
  EXPECT_GT(turns_, 15) << "a slice a turn";
}

TEST_F(PgAuditTest, RowsThatMoveAreNotJudged) {
  PlantStray();
  table_.moving.push_back({.migration = "m", .number = {7}, .range = {"", "80"}, .keys = {}});
  EXPECT_TRUE(Find(Side::kDestination)->empty());
}

TEST_F(PgAuditTest, ARepairPutsStrayRowsAsideAndTouchesNoOther) {
  PlantStray();
  const std::string before = Count(Side::kDestination, "public.customers");
  shards_->Sql(Side::kDestination,
               "CREATE FUNCTION public.never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE "
               "'a trigger of the user fired'; END$$; CREATE TRIGGER never BEFORE DELETE ON "
               "public.customers FOR EACH ROW EXECUTE FUNCTION public.never()");
  const auto repaired = Repair(shards_->Spec().tables[0]);
  ASSERT_TRUE(Good(repaired));
  EXPECT_EQ(*repaired, 1);
  EXPECT_EQ(std::stoll(Count(Side::kDestination, "public.customers")), std::stoll(before) - 1);
  EXPECT_EQ(
      shards_->Sql(Side::kDestination,
                   "SELECT table_name || ' ' || (row_data->>'name') FROM foreshard.stray_row"),
      "public.customers stale");
  ASSERT_TRUE(Good(Repair(shards_->Spec().tables[1])));
  EXPECT_TRUE(Find(Side::kDestination)->empty());
}

// The table that the API has may be older than the shard.
TEST_F(PgAuditTest, AShardThatKnowsBetterIsLeftAlone) {
  PlantStray();
  const auto shard = shards_->Shard(shards_->Spec(), Side::kDestination);
  ASSERT_TRUE(Good(shard->Enter(model::MakeToken(1, 1), "Copying", shards_->Soon())));
  EXPECT_EQ(Repair(shards_->Spec().tables[0]).error().kind, Error::Kind::kReobserve);
  ASSERT_TRUE(Good(shard->Enter(model::MakeToken(2, 1), "Completed", shards_->Soon())));
  table_.epoch = {11};
  EXPECT_EQ(Repair(shards_->Spec().tables[0]).error().kind, Error::Kind::kReobserve);
  table_.epoch = {12};
  ASSERT_TRUE(Good(Repair(shards_->Spec().tables[0])));
}

TEST_F(PgAuditTest, ADivergedReferenceTableIsFoundAndCopied) {
  const auto digest = [&](Side side) {
    const auto read = DigestOfReference(*Session(side), "public.currencies", shards_->Soon());
    EXPECT_TRUE(Good(read));
    return *read;
  };
  EXPECT_EQ(digest(Side::kSource), digest(Side::kDestination));
  shards_->Sql(Side::kDestination,
               "UPDATE public.currencies SET rate = 0.2 WHERE code = 'EUR'; "
               "DELETE FROM public.currencies WHERE code = 'CHF'; "
               "INSERT INTO public.currencies VALUES ('XXX', 7)");
  EXPECT_NE(digest(Side::kSource), digest(Side::kDestination));
  const auto copied = CopyCurrencies();
  ASSERT_TRUE(Good(copied));
  EXPECT_EQ(*copied, 2);
  EXPECT_EQ(digest(Side::kSource), digest(Side::kDestination));
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         "SELECT string_agg(row_data->>'code', ' ' ORDER BY id) FROM "
                         "foreshard.stray_row"),
            "EUR XXX");
  EXPECT_EQ(DigestOfReference(*Session(Side::kSource), "public.nowhere", shards_->Soon())->digest,
            model::kMissingDigest);
}

// A write under way stands on one shard already: what is read there now would take it back here.
TEST_F(PgAuditTest, AReferenceTableIsNotCopiedWhileSomebodyWritesIt) {
  const auto writer = Session(Side::kSource);
  ASSERT_TRUE(Good(writer->Exec("BEGIN; UPDATE public.currencies SET rate = 2 WHERE code = 'EUR'",
                                shards_->Soon())));
  const auto copied = CopyCurrencies();
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().kind, Error::Kind::kRetry) << copied.error().message;
  ASSERT_TRUE(Good(writer->Exec("COMMIT", shards_->Soon())));
  ASSERT_TRUE(Good(CopyCurrencies()));
  EXPECT_EQ(
      shards_->Sql(Side::kDestination, "SELECT rate FROM public.currencies WHERE code = 'EUR'"),
      "2");
}

// A cast to json, an index and a trigger that fires always run with the rights of who repairs.
TEST_F(PgAuditTest, ARepairRunsWhatClientsMadeWithNoMoreRightsThanTheirOwn) {
  const char* traps =
      "SET ROLE app; CREATE TABLE public.seen (who text); GRANT ALL ON public.seen TO PUBLIC; "
      "CREATE FUNCTION public.harm() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
      "  IF current_setting('application_name') <> 'foreshard audit' THEN RETURN; END IF; "
      "  INSERT INTO public.seen SELECT current_user || ' ' || rolsuper FROM pg_roles WHERE "
      "  rolname = current_user;"
      "  BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXCEPTION WHEN OTHERS THEN NULL; END;"
      "  BEGIN EXECUTE 'RESET ROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;"
      "  BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END; END $$; "
      "CREATE TYPE public.mood AS ENUM ('good', 'bad'); "
      "CREATE FUNCTION public.shown(public.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN "
      "  PERFORM public.harm(); RETURN to_json($1::text); END $$; "
      "CREATE CAST (public.mood AS json) WITH FUNCTION public.shown; "
      "CREATE FUNCTION public.indexed(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN "
      "  PERFORM public.harm(); RETURN $1; END $$; "
      "CREATE FUNCTION public.fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "  PERFORM public.harm(); RETURN coalesce(NEW, OLD); END $$; "
      "DROP TABLE IF EXISTS public.moods; "
      "CREATE TABLE public.moods (code text PRIMARY KEY, mood public.mood); "
      "INSERT INTO public.moods VALUES ('a', 'good'), ('b', 'bad'); "
      "CREATE INDEX ON public.moods (public.indexed(code)); "
      "CREATE TRIGGER fired BEFORE DELETE ON public.customers FOR EACH ROW EXECUTE FUNCTION "
      "public.fired(); ALTER TABLE public.customers ENABLE ALWAYS TRIGGER fired; RESET ROLE";
  for (const Side side : {Side::kSource, Side::kDestination}) shards_->Sql(side, traps);
  PlantStray();
  shards_->Sql(Side::kDestination,
               "DELETE FROM public.moods; INSERT INTO public.moods VALUES "
               "('x', 'bad')");
  ASSERT_TRUE(Good(Repair(shards_->Spec().tables[0])));
  const auto seen = [this](Side side) {
    return shards_->Sql(side,
                        "SELECT string_agg(DISTINCT who, ', ' ORDER BY who) FROM public.seen");
  };
  EXPECT_EQ(seen(Side::kDestination), "foreshard_copy false") << "the trigger";
  shards_->Sql(Side::kDestination, "TRUNCATE public.seen");
  ASSERT_TRUE(Good(CopyReference(*RepairSession(Side::kSource, "public.moods"),
                                 *RepairSession(Side::kDestination, "public.moods"), "public.moods",
                                 shards_->Soon())));
  EXPECT_EQ(seen(Side::kSource), "NULL") << "what was read there was undone with its transaction";
  EXPECT_EQ(seen(Side::kDestination), "foreshard_copy false") << "the index and the cast";
  EXPECT_EQ(Count(Side::kDestination, "public.moods"), "2");
  for (const Side side : {Side::kSource, Side::kDestination})
    EXPECT_EQ(shards_->Sql(side, "SELECT rolsuper FROM pg_roles WHERE rolname = 'app'"), "f");
}

}  // namespace
}  // namespace foreshard::migration

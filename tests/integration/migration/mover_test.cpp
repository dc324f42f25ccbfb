#include "migration/mover.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

std::string DigestOfK(const TwoShards& shards, Side side) {
  return shards.Sql(
      side, fmt::format(
                "SELECT count(*) || ' ' || coalesce(sum(hashtextextended(o::text, 0)::numeric), 0) "
                "FROM public.orders o WHERE {}",
                PredicateSql(shards.Spec(), "customer_id")));
}

class MoverStepsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    shards_->Sql(Side::kSource, kSomeRows);
    stage_ = std::make_unique<Stage>(*shards_);
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Stage> stage_;
};

TEST_F(MoverStepsTest, PreparingTwiceIsPreparingOnce) {
  const Turn turn = stage_->Enter(Phase::kPreparing);
  ASSERT_TRUE(Good(Prepare(stage_->work(), turn, stage_->keepers())));
  ASSERT_TRUE(Good(Prepare(stage_->work(), turn, stage_->keepers())));
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM pg_replication_slots"), "1");
  EXPECT_EQ(
      shards_->Sql(Side::kSource,
                   "SELECT jsonb_array_length(progress->'snapshots') FROM foreshard.migration"),
      "2");
  // Intent before deed: what stands there is named in the rows.
  EXPECT_EQ(
      shards_->Sql(Side::kSource,
                   "SELECT objects @> '[{\"kind\": \"slot\", \"name\": \"foreshard_7_s_aaaa\"}]' "
                   "AND objects @> '[{\"kind\": \"publication\", \"name\": \"foreshard_7\"}]' FROM "
                   "foreshard.migration"),
      "t");
  const auto client = shards_->Connect(Side::kDestination, "app");
  const auto refused =
      client->Exec(fmt::format("INSERT INTO public.customers SELECT k FROM "
                               "generate_series(1::bigint, 100) k WHERE {} LIMIT 1",
                               PredicateSql(shards_->Spec(), "k")),
                   shards_->Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "FS001")
      << "the destination is closed before the first row is there";
}

TEST_F(MoverStepsTest, AnOlderPhaseIsRefusedByTheRows) {
  const Turn old = stage_->Enter(Phase::kPreparing);
  stage_->Enter(Phase::kAborting);
  const Status late = Prepare(stage_->work(), old, stage_->keepers());
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().kind, Error::Kind::kFenced);
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM pg_publication"), "0");
}

TEST_F(MoverStepsTest, EachChunkArrivesOnceHoweverOftenTheCopyBegins) {
  ASSERT_TRUE(Good(Prepare(stage_->work(), stage_->Enter(Phase::kPreparing), stage_->keepers())));
  shards_->Sql(
      Side::kSource,
      "DELETE FROM public.orders WHERE id = 1 AND customer_id < 50");  // after the snapshot
  const Turn turn = stage_->Enter(Phase::kCopying);
  ASSERT_TRUE(Good(Copy(stage_->work(), turn, stage_->keepers())));
  const std::string once = DigestOfK(*shards_, Side::kDestination);
  EXPECT_NE(
      shards_->Sql(Side::kDestination, "SELECT count(*) FROM foreshard.chunk_done WHERE rows > 0"),
      "1")
      << "one chunk proves little";
  shards_->Sql(Side::kDestination,
               "SET session_replication_role = replica; DELETE FROM public.orders WHERE ctid IN "
               "(SELECT ctid FROM public.orders LIMIT 0)");
  ASSERT_TRUE(Good(Copy(stage_->work(), turn, stage_->keepers())));
  EXPECT_EQ(DigestOfK(*shards_, Side::kDestination), once);
  EXPECT_NE(DigestOfK(*shards_, Side::kSource), once) << "the copy is of the snapshot, not of now";
}

TEST_F(MoverStepsTest, ATableThatWasRewrittenIsCopiedAgain) {
  ASSERT_TRUE(Good(Prepare(stage_->work(), stage_->Enter(Phase::kPreparing), stage_->keepers())));
  const std::string wanted = DigestOfK(*shards_, Side::kSource);
  const Turn turn = stage_->Enter(Phase::kCopying);
  ASSERT_TRUE(Good(Copy(stage_->work(), turn, stage_->keepers())));
  shards_->Sql(Side::kDestination,
               "DELETE FROM foreshard.chunk_done WHERE table_name = 'public.orders' AND chunk = 1");
  shards_->Sql(Side::kSource, "VACUUM FULL public.orders");
  ASSERT_TRUE(Good(Copy(stage_->work(), turn, stage_->keepers())));
  EXPECT_EQ(DigestOfK(*shards_, Side::kDestination), wanted);
}

TEST_F(MoverStepsTest, WithoutItsSnapshotTheCopyBeginsAnew) {
  ASSERT_TRUE(Good(Prepare(stage_->work(), stage_->Enter(Phase::kPreparing), stage_->keepers())));
  const Turn turn = stage_->Enter(Phase::kCopying);
  ASSERT_TRUE(Good(Copy(stage_->work(), turn, stage_->keepers())));
  stage_->keepers() = {};
  shards_->Sql(Side::kSource, "UPDATE public.orders SET pad = 'changed since'");
  ASSERT_TRUE(Good(Copy(stage_->work(), turn, stage_->keepers())));
  EXPECT_EQ(DigestOfK(*shards_, Side::kDestination), DigestOfK(*shards_, Side::kSource))
      << "a new snapshot, nothing of the old one";
}

TEST_F(MoverStepsTest, TheStreamBringsWhatCameAfterTheSnapshot) {
  stage_->Stream();
  shards_->Sql(
      Side::kSource,
      "UPDATE public.orders SET v = v + 1; DELETE FROM public.orders WHERE customer_id % 7 = 0");
  EXPECT_TRUE(support::WaitFor("the changes", 20s, [&] {
    return support::Seen(DigestOfK(*shards_, Side::kDestination) ==
                         DigestOfK(*shards_, Side::kSource));
  }));
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         fmt::format("SELECT count(*) FROM public.orders WHERE NOT ({})",
                                     PredicateSql(shards_->Spec(), "customer_id"))),
            "0")
      << "nothing but the moving range";
}

// Pages of a relation in the destination's buffers, and all that it has.
std::pair<std::int64_t, std::int64_t> PagesOf(const TwoShards& shards, const std::string& name) {
  return {std::stoll(shards.Sql(
              Side::kDestination,
              fmt::format("SELECT count(*) FROM pg_buffercache WHERE relforknumber = 0 AND "
                          "relfilenode = pg_relation_filenode('public.{}')",
                          name))),
          std::stoll(shards.Sql(Side::kDestination,
                                fmt::format("SELECT pg_relation_size('public.{}') / 8192", name)))};
}

TEST_F(MoverStepsTest, TheDestinationHasTheMovingPagesInMemoryBeforeClientsCome) {
  stage_->Stream();
  shards_->Sql(Side::kDestination, "CREATE EXTENSION pg_buffercache");
  ASSERT_TRUE(Good(shards_->server(Side::kDestination).Stop()));
  ASSERT_TRUE(Good(shards_->server(Side::kDestination).Start()));
  for (const char* name : {"orders", "orders_pkey"}) {
    const auto [warm, all] = PagesOf(*shards_, name);
    ASSERT_LT(warm, all) << name << " is cold after a restart";
  }
  ASSERT_TRUE(support::WaitFor("the operator's session is a new one", 20s, [&] {
    return support::Seen(stage_->destination().LookAtGate({1}, shards_->Soon()).ok());
  }));
  ASSERT_TRUE(Good(CatchUp(stage_->work(), stage_->Enter(Phase::kCatchingUp))));
  for (const char* name : {"orders", "orders_pkey"}) {
    const auto [warm, all] = PagesOf(*shards_, name);
    EXPECT_EQ(warm, all) << name;
  }
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         "SELECT count(*) FROM pg_extension WHERE extname = 'pg_prewarm'"),
            "0")
      << "nothing stays";
}

TEST_F(MoverStepsTest, WarmsWithTheExtensionThatIsThereAndStopsWhenThePhaseIsOver) {
  stage_->Stream();
  shards_->Sql(Side::kDestination,
               "CREATE EXTENSION pg_prewarm SCHEMA public; CREATE SEQUENCE public.taken; "
               "CREATE FUNCTION public.pg_prewarm(regclass, text, text, int, int) RETURNS bigint "
               "LANGUAGE sql AS $$ SELECT nextval('public.taken') $$");
  const Turn over = stage_->Enter(Phase::kCatchingUp);
  EXPECT_TRUE(Good(WarmPages(stage_->work(), over)));
  EXPECT_EQ(shards_->Sql(Side::kDestination, "SELECT is_called FROM public.taken"), "f")
      << "a client's function of the same name would run as a superuser";
  stage_->Enter(Phase::kAborting);
  const Status warmed = WarmPages(stage_->work(), over);
  ASSERT_FALSE(warmed.ok());
  EXPECT_EQ(warmed.error().kind, Error::Kind::kFenced);
}

// Whoever owns a table decides what an index computes, and PostgreSQL computes it with the rights
// of who writes the row.
TEST_F(MoverStepsTest, AnIndexFunctionOfClientsHasNoMoreRightsThanTheirOwn) {
  const char* trap =
      "SET ROLE app; CREATE TABLE public.seen (who text);"
      "CREATE FUNCTION public.harm() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
      "  INSERT INTO public.seen SELECT current_user || ' ' || rolsuper FROM pg_roles WHERE "
      "rolname "
      "  = current_user;"
      "  BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; EXCEPTION WHEN OTHERS THEN NULL; END;"
      "  BEGIN EXECUTE 'RESET ROLE'; EXCEPTION WHEN OTHERS THEN NULL; END;"
      "  BEGIN EXECUTE 'SET ROLE foreshard'; EXCEPTION WHEN OTHERS THEN NULL; END;"
      "  BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;"
      "  BEGIN EXECUTE 'UPDATE foreshard.range SET owner = ''s-mine'''; EXCEPTION WHEN OTHERS THEN "
      "  NULL; END; END $$; "
      "CREATE FUNCTION public.trap(pad text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN "
      "  PERFORM public.harm(); RETURN pad; END $$; "
      "CREATE INDEX trap ON public.orders (public.trap(pad)); RESET ROLE";
  shards_->Sql(Side::kDestination, trap);
  stage_->Stream();
  const std::string who = "SELECT string_agg(DISTINCT who, ', ' ORDER BY who) FROM public.seen";
  EXPECT_EQ(shards_->Sql(Side::kDestination, who), "app false, foreshard_copy false")
      << "ANALYZE takes on the owner by itself; the copy";
  shards_->Sql(Side::kDestination, "TRUNCATE public.seen");
  shards_->Sql(Side::kSource, "UPDATE public.orders SET pad = 'streamed'");
  ASSERT_TRUE(support::WaitFor("the changes", 20s, [&] {
    return support::Seen(DigestOfK(*shards_, Side::kDestination) ==
                         DigestOfK(*shards_, Side::kSource));
  }));
  EXPECT_EQ(shards_->Sql(Side::kDestination, who), "foreshard_copy false") << "the stream";
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE "
                         "rolsuper AND rolname <> 'postgres'"),
            "foreshard");
  EXPECT_EQ(shards_->Sql(Side::kDestination,
                         "SELECT count(*) FROM foreshard.range WHERE owner = 's-mine'"),
            "0");
}

TEST_F(MoverStepsTest, OneMoverWorksAtATime) {
  stage_->Enter(Phase::kPreparing);
  const auto holder = shards_->Connect(Side::kDestination);
  ASSERT_TRUE(Good(holder->Exec("SELECT pg_advisory_lock(1179862867, 7)", shards_->Soon())));
  Board board;
  Mover mover(stage_->options(), shards_->clock(), board, {});
  const auto step = mover.Step();
  ASSERT_TRUE(Good(step));
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM pg_publication"), "0") << "it waits";
  ASSERT_TRUE(Good(holder->Exec("SELECT pg_advisory_unlock(1179862867, 7)", shards_->Soon())));
  ASSERT_TRUE(Good(mover.Step()));
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM pg_publication"), "1");
  const auto progress =
      ParseProgress(shards_->Sql(Side::kDestination, "SELECT progress FROM foreshard.migration"));
  ASSERT_TRUE(Good(progress));
  EXPECT_EQ(progress->done, (Done{"Preparing", 1}));
}

}  // namespace
}  // namespace foreshard::migration

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

#include "migration/catalog.h"
#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "migration/sweeper.h"
#include "tests/integration/migration/walk.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql", "pg_dump"});

using namespace std::chrono_literals;
using support::Good;

model::ShardMigrationSpec Split() { return SpecOfRange(MigrationType::kSplit, true, 2s); }

// behaviour-16
TEST(Migration, MovesARangeUnderLoadAndLosesNothing) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Oracle oracle(**shards, {.clients = 4});
  oracle.Load();
  oracle.Start();
  LocalOperator controller(**shards, Split());
  controller.throttle = true;
  EXPECT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kDestination), "");
  EXPECT_GT(oracle.acknowledged(), 100);
  EXPECT_EQ(RowsOfK(**shards, Side::kSource), "0");
  EXPECT_NE(RowsOfK(**shards, Side::kDestination), "0");
  EXPECT_EQ(model::OwnerOfBound(controller.table(), "60").value, "s-bbbb");
  ExpectNothingLeft(**shards);
}

TEST(Migration, FillsANewShardWithItsSchemaAndReferenceTables) {
  auto shards = TwoShards::Make({.tables_on_destination = false});
  ASSERT_TRUE(Good(shards));
  (*shards)->Sql(
      Side::kSource,
      "SET ROLE app; CREATE TABLE public.countries (code text PRIMARY KEY, name text); "
      "INSERT INTO public.countries VALUES ('de', 'Germany'), ('fr', 'France'); "
      "CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN NEW.name := "
      "upper(NEW.name); RETURN NEW; END$f$; "
      "CREATE TRIGGER stamp BEFORE INSERT ON public.customers FOR EACH ROW EXECUTE FUNCTION "
      "public.stamp(); CREATE VIEW public.rich AS SELECT * FROM public.orders WHERE price > 100; "
      "ALTER TABLE public.customers ADD CHECK (v >= 0)");
  Oracle oracle(**shards, {.clients = 3});
  oracle.Load();
  oracle.Start();
  LocalOperator controller(**shards, Split());
  controller.MakeNewDestination({"public.countries"});
  EXPECT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kDestination), "");
  EXPECT_EQ((*shards)->Sql(Side::kDestination, "SELECT count(*) FROM public.countries"), "2");
  const auto left =
      ReadDefinitions(*(*shards)->Connect(Side::kSource),
                      {"public.customers", "public.orders", "public.countries"}, (*shards)->Soon());
  const auto right =
      ReadDefinitions(*(*shards)->Connect(Side::kDestination),
                      {"public.customers", "public.orders", "public.countries"}, (*shards)->Soon());
  ASSERT_TRUE(Good(left));
  ASSERT_TRUE(Good(right));
  EXPECT_EQ(FirstDifference(*left, *right).value_or("alike"), "alike");
  EXPECT_EQ((*shards)->Sql(Side::kDestination,
                           "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'"),
            "app");
  ExpectNothingLeft(**shards);
}

// behaviour-15 behaviour-02
TEST(Migration, AMoverKilledInEveryPhaseResumes) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Oracle oracle(**shards, {.clients = 3, .isolation = "REPEATABLE READ"});
  oracle.Load();
  oracle.Start();
  LocalOperator controller(**shards, Split());
  std::set<std::string> killed;
  controller.after_pass = [&] {
    // Once a phase, when the mover has begun to work in it. The controller stands still meanwhile:
    // a short phase cannot be over unseen.
    const std::string phase = controller.object().status.phase;
    LocalJob* job = controller.job();
    if (job == nullptr || !IsMoversPhase(controller.phase()) || killed.contains(phase)) return;
    for (const Side side : {Side::kSource, Side::kDestination}) {
      if ((*shards)->Sql(side, "SELECT phase FROM foreshard.migration") != phase) return;
    }
    ASSERT_TRUE(support::WaitFor("the mover works in " + phase, 60s, [&] {
      job->Tick();
      const std::string log = job->Log();
      return support::Seen(log.find(fmt::format(R"("phase":"{}")", phase)) != std::string::npos,
                           log);
    }));
    killed.insert(phase);
    job->Kill();
  };
  EXPECT_EQ(controller.RunToEnd(), Phase::kCompleted) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(killed.size(), 6U) << "Preparing, Copying, CatchingUp, Verifying, Soaking, CleaningUp";
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kDestination), "");
  EXPECT_EQ(RowsOfK(**shards, Side::kSource), "0");
  ExpectNothingLeft(**shards);
}

class AbortIn : public testing::TestWithParam<Phase> {};

// behaviour-17
TEST_P(AbortIn, LeavesNothingAndKeepsTheRows) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Oracle oracle(**shards, {.clients = 2});
  oracle.Load();
  oracle.Start();
  LocalOperator controller(**shards, Split());
  ASSERT_EQ(controller.RunUntil(GetParam()), GetParam());
  controller.object().spec.abort = true;
  EXPECT_EQ(controller.RunToEnd(), Phase::kAborted) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kSource), "");
  EXPECT_EQ(RowsOfK(**shards, Side::kDestination), "0");
  EXPECT_TRUE(controller.table().moving.empty());
  ExpectNothingLeft(**shards);
}

INSTANTIATE_TEST_SUITE_P(Migration, AbortIn,
                         testing::Values(Phase::kPreparing, Phase::kCatchingUp, Phase::kReady),
                         [](const auto& phase) { return std::string(ToString(phase.param)); });

// behaviour-16
TEST(Migration, RolledBackInTheSoakTheSourceHasEverything) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Oracle oracle(**shards, {.clients = 3});
  oracle.Load();
  oracle.Start();
  model::ShardMigrationSpec spec = Split();
  spec.soak = 10min;
  LocalOperator controller(**shards, spec);
  ASSERT_EQ(controller.RunUntil(Phase::kSoaking), Phase::kSoaking);
  controller.object().spec.rollback = true;
  EXPECT_EQ(controller.RunToEnd(), Phase::kRolledBack) << controller.Why();
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kSource), "");
  EXPECT_EQ(RowsOfK(**shards, Side::kDestination), "0");
  ExpectNothingLeft(**shards);
}

// behaviour-16
TEST(Migration, AnAttemptWhoseLeaderDiedIsEndedByTheMover) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Oracle oracle(**shards, {.clients = 2});
  oracle.Load();
  oracle.Start();
  LocalOperator controller(**shards, Split());
  ASSERT_EQ(controller.RunUntil(Phase::kReady), Phase::kReady);
  // The leader prepares, enters the cutover on both shards, closes the source, and is never heard
  // of again.
  const model::Token token = model::MakeToken(controller.object().status.record + 1, 1);
  MigrationSpec spec = (*shards)->Spec();
  spec.number = {controller.object().status.number};
  auto source = (*shards)->Shard(spec, Side::kSource);
  auto destination = (*shards)->Shard(spec, Side::kDestination);
  ASSERT_TRUE(Good(source->MakeGate(token, (*shards)->Soon())));
  ASSERT_TRUE(Good(source->MakeGateTriggers(token, (*shards)->Soon())));
  ASSERT_TRUE(Good(source->Enter(token, "Cutover", (*shards)->Soon())));
  ASSERT_TRUE(Good(destination->Enter(token, "Cutover", (*shards)->Soon())));
  EXPECT_TRUE(support::WaitFor("the close", 10s, [&] {
    return support::Seen(source->GateClose({token, {1}, {"s-bbbb"}, {13}}, (*shards)->Soon()).ok());
  }));
  EXPECT_TRUE(support::WaitFor("the source open again", 10s, [&] {
    const auto seen = source->LookAtGate({1}, (*shards)->Soon());
    return support::Seen(seen.ok() && seen->row->state == GateState::kOpen,
                         seen.ok() ? ToString(seen->row->state) : seen.error().message);
  }));
  const auto gained = destination->LookAtGate({1}, (*shards)->Soon());
  ASSERT_TRUE(Good(gained));
  EXPECT_EQ(gained->row->state, GateState::kRevoked);
  EXPECT_EQ(gained->row->attempt.value, 1);
  const auto refused = source->GateClose({token, {1}, {"s-bbbb"}, {13}}, (*shards)->Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "FS003") << "a late close of that attempt finds the door shut";
  oracle.Stop();
  EXPECT_EQ(oracle.errors(), 0) << oracle.first_error();
  EXPECT_EQ(oracle.Check(Side::kSource), "");
}

// behaviour-17
TEST(Migration, TheSweeperRemovesWhatNobodyNames) {
  auto shards = TwoShards::Make();
  ASSERT_TRUE(Good(shards));
  Oracle oracle(**shards, {.clients = 1});
  oracle.Load();
  {
    LocalOperator controller(**shards, Split());
    ASSERT_EQ(controller.RunUntil(Phase::kVerifying), Phase::kVerifying);
  }
  for (const Side side : {Side::kSource, Side::kDestination}) {
    const auto admin = (*shards)->Connect(side);
    const auto spared = Sweep(*admin, (*shards)->Soon());
    ASSERT_TRUE(Good(spared));
    EXPECT_TRUE(spared->empty()) << "the migration is not over";
    (*shards)->Sql(side, "UPDATE foreshard.migration SET phase = 'Aborted'");
  }
  for (const Side side : {Side::kDestination, Side::kSource}) {
    const auto admin = (*shards)->Connect(side);
    EXPECT_TRUE(support::WaitFor("an empty list", 20s, [&] {
      const auto swept = Sweep(*admin, (*shards)->Soon());
      const auto left = ReadLeftovers(*admin, (*shards)->Soon());
      return support::Seen(
          swept.ok() && left.ok() && left->empty(),
          left.ok() && !left->empty() ? left->front().kind + " " + left->front().name : "");
    }));
  }
}

}  // namespace
}  // namespace foreshard::migration

#include "migration/pg_shard.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <thread>

#include "migration/predicate.h"
#include "tests/integration/migration/stage.h"
#include "tests/support/needs.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

class PgShardTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    stage_ = std::make_unique<Stage>(*shards_);
  }
  // Until it is not refused for a moment only.
  void Insist(const std::function<Status()>& step) {
    EXPECT_TRUE(support::WaitFor("a step", 30s, [&] {
      const Status done = step();
      return support::Seen(done.ok(), done.ok() ? "" : done.error().message);
    }));
  }

  // From now on commits on the source wait for this one; "": for nobody.
  void WaitForStandby(const std::string& name) {
    support::PostgresServer& server = shards_->server(Side::kSource);
    ASSERT_TRUE(
        Good(server.Sql(fmt::format("ALTER SYSTEM SET synchronous_standby_names = '{}'", name))));
    ASSERT_TRUE(Good(server.Sql("SELECT pg_reload_conf()")));
    EXPECT_TRUE(support::WaitFor("the setting", 30s, [&] {
      return support::Seen(*server.Sql("SHOW synchronous_standby_names") == name + "\n");
    }));
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Stage> stage_;
};

TEST_F(PgShardTest, EnteringMakesTheRowsOnceAndKeepsOthersOut) {
  const Turn turn = stage_->Enter(Phase::kPreparing);
  const auto source = stage_->source().LookAtGate({0}, shards_->Soon());
  const auto destination = stage_->destination().LookAtGate({0}, shards_->Soon());
  ASSERT_TRUE(Good(source));
  ASSERT_TRUE(Good(destination));
  EXPECT_EQ(source->row->state, GateState::kOpen);
  EXPECT_EQ(destination->row->state, GateState::kClosed);
  EXPECT_EQ(destination->range->owner.value, "s-aaaa");
  EXPECT_EQ(destination->range->epoch.value, 12);
  const Status late =
      stage_->source().Enter({turn.source_token.value - 1}, "Planned", shards_->Soon());
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().kind, Error::Kind::kFenced);
  MigrationSpec other = shards_->Spec();
  other.uid = "another object";
  const Status foreign = shards_->Shard(other, Side::kSource)
                             ->Enter({turn.source_token.value + 1}, "Preparing", shards_->Soon());
  ASSERT_FALSE(foreign.ok());
  EXPECT_EQ(foreign.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(stage_->source().LookAtGate({0}, shards_->Soon())->row->token, turn.source_token);
}

// After a failover the new primary has no standby yet, and its first commits wait for one.
TEST_F(PgShardTest, ALookThatCameToNothingDoesNotSpoilTheNextOne) {
  stage_->Enter(Phase::kPreparing);
  const auto shard = shards_->Shard(shards_->Spec(), Side::kSource);
  WaitForStandby("nobody");
  const auto late = shard->LookAtGate({0}, Deadline::After(shards_->clock(), 1s));
  EXPECT_FALSE(late.ok()) << "its commit waits";
  WaitForStandby("");
  EXPECT_TRUE(Good(shard->LookAtGate({0}, shards_->Soon())));
}

TEST_F(PgShardTest, AGateRowIsMadeForAnOpenShardOnly) {
  const Turn turn = stage_->Enter(Phase::kReady);
  ASSERT_TRUE(Good(stage_->source().MakeGate(turn.source_token, shards_->Soon())));
  ASSERT_TRUE(Good(stage_->destination().MakeGate(turn.destination_token, shards_->Soon())));
  EXPECT_TRUE(stage_->source().LookAtGate({0}, shards_->Soon())->gate);
  EXPECT_FALSE(stage_->destination().LookAtGate({0}, shards_->Soon())->gate);
}

TEST_F(PgShardTest, TriggersYieldToClientsThatHoldTheTable) {
  const Turn turn = stage_->Enter(Phase::kReady);
  const auto client = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(client->Exec("BEGIN; INSERT INTO customers VALUES (1)", shards_->Soon())));
  const Status busy = stage_->source().MakeGateTriggers(turn.source_token, shards_->Soon());
  ASSERT_FALSE(busy.ok());
  EXPECT_EQ(busy.error().kind, Error::Kind::kRetry);
  ASSERT_TRUE(Good(client->Exec("COMMIT", shards_->Soon())));
  ASSERT_TRUE(Good(stage_->source().MakeGateTriggers(turn.source_token, shards_->Soon())));
  ASSERT_TRUE(Good(stage_->source().MakeGateTriggers(turn.source_token, shards_->Soon())));
  EXPECT_TRUE(stage_->source().Look({0}, shards_->Soon())->gate_triggers);
}

TEST_F(PgShardTest, WhoHoldsTheGateIsSeenPreparedTransactionsToo) {
  const Turn turn = stage_->Enter(Phase::kReady);
  ASSERT_TRUE(Good(stage_->source().MakeGate(turn.source_token, shards_->Soon())));
  ASSERT_TRUE(Good(stage_->source().MakeGateTriggers(turn.source_token, shards_->Soon())));
  EXPECT_FALSE(stage_->source().Look({0}, shards_->Soon())->oldest_holder);
  const auto client = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(client->Exec(
      fmt::format(
          "BEGIN; INSERT INTO customers SELECT k FROM generate_series(1::bigint, 100) k WHERE {}",
          PredicateSql(shards_->Spec(), "k")),
      shards_->Soon())));
  const auto open = stage_->source().Look({0}, shards_->Soon());
  ASSERT_TRUE(Good(open));
  ASSERT_TRUE(open->oldest_holder);
  EXPECT_FALSE(open->oldest_holder->prepared);
  ASSERT_TRUE(Good(client->Exec("PREPARE TRANSACTION 'two-phase'", shards_->Soon())));
  const auto prepared = stage_->source().Look({0}, shards_->Soon());
  ASSERT_TRUE(Good(prepared));
  ASSERT_TRUE(prepared->oldest_holder);
  EXPECT_TRUE(prepared->oldest_holder->prepared);
  ASSERT_TRUE(Good(client->Exec("ROLLBACK PREPARED 'two-phase'", shards_->Soon())));
}

TEST_F(PgShardTest, ACutoverByHandFollowsTheRowsAndTheSentinel) {
  shards_->Sql(Side::kSource, kSomeRows);
  stage_->Stream();
  const Turn turn = stage_->Enter(Phase::kReady);
  const model::Token token = turn.source_token;
  PgShard& source = stage_->source();
  PgShard& destination = stage_->destination();
  Insist([&] { return source.MakeGate(token, shards_->Soon()); });
  Insist([&] { return source.MakeGateTriggers(token, shards_->Soon()); });
  Insist([&] { return destination.MakeReverseSlot(token, shards_->Soon()); });
  Insist([&] { return destination.SlotAdvanceToNow(token, shards_->Soon()); });
  const GateChange change{token, {1}, {"s-bbbb"}, {13}};
  EXPECT_FALSE(destination.GateDrained(token, {1}, shards_->Soon()).ok()) << "no sentinel has come";
  Insist([&] { return source.GateClose(change, shards_->Soon()); });
  Insist([&] { return destination.GateDrained(token, {1}, shards_->Soon()); });
  ASSERT_TRUE(Good(destination.GateOpen(change, shards_->Soon())));
  ASSERT_TRUE(Good(destination.GateOpen(change, shards_->Soon())))
      << "a second try changes nothing";
  const auto late = destination.GateRevoke(token, {1}, shards_->Soon());
  ASSERT_TRUE(Good(late));
  EXPECT_EQ(*late, GateState::kOpen) << "too late to revoke";

  // The soak, in its order.
  const Lsn lsn = *destination.LookAtGate({1}, shards_->Soon())->row->drained_lsn;
  Insist([&] { return destination.DisableForward(token, shards_->Soon()); });
  Insist([&] { return destination.SlotAdvance(token, lsn, shards_->Soon()); });
  Insist([&] { return source.MakeReverseSubscription(token, lsn, shards_->Soon()); });
  Insist([&] { return source.MakeReverseSubscription(token, lsn, shards_->Soon()); });
  Insist([&] { return destination.DropForwardSubscription(token, shards_->Soon()); });
  Insist([&] { return source.DropForwardSlot(token, shards_->Soon()); });
  EXPECT_FALSE(destination.Look({1}, shards_->Soon())->subscription);
  EXPECT_FALSE(source.Look({1}, shards_->Soon())->slot);
  const auto client = shards_->Connect(Side::kDestination, "app");
  ASSERT_TRUE(Good(client->Exec(fmt::format("UPDATE orders SET pad = 'written there' WHERE {}",
                                            PredicateSql(shards_->Spec(), "customer_id")),
                                shards_->Soon())));
  EXPECT_TRUE(support::WaitFor("the reverse stream", 20s, [&] {
    return support::Seen(
        shards_->Sql(Side::kSource,
                     fmt::format("SELECT bool_and(pad = 'written there') FROM orders WHERE {}",
                                 PredicateSql(shards_->Spec(), "customer_id"))) == "t");
  }));
}

// A slot that was moved by hand stands where it stood before after a crash; what the forward stream
// brought must not come back all the same: an INSERT of a row that is there stops the stream.
TEST_F(PgShardTest, AnOwnerThatCrashesInTheSoakSendsBackOnlyWhatIsNew) {
  shards_->Sql(Side::kSource, kSomeRows);
  stage_->Stream();
  const model::Token token = stage_->Enter(Phase::kReady).source_token;
  PgShard& source = stage_->source();
  PgShard& destination = stage_->destination();
  Insist([&] { return source.MakeGate(token, shards_->Soon()); });
  Insist([&] { return source.MakeGateTriggers(token, shards_->Soon()); });
  Insist([&] { return destination.MakeReverseSlot(token, shards_->Soon()); });
  shards_->Sql(Side::kDestination, "CHECKPOINT");
  const auto insert = [&](Side side, int id) {
    shards_->Sql(side,
                 fmt::format("INSERT INTO public.orders (customer_id, id) SELECT customer_id, "
                             "{} FROM public.orders WHERE id = 1 AND {}",
                             id, PredicateSql(shards_->Spec(), "customer_id")));
  };
  insert(Side::kSource, 2);
  const GateChange change{token, {1}, {"s-bbbb"}, {13}};
  Insist([&] { return source.GateClose(change, shards_->Soon()); });
  Insist([&] { return destination.GateDrained(token, {1}, shards_->Soon()); });
  ASSERT_TRUE(Good(destination.GateOpen(change, shards_->Soon())));
  const Lsn lsn = *destination.LookAtGate({1}, shards_->Soon())->row->drained_lsn;
  Insist([&] { return destination.DisableForward(token, shards_->Soon()); });
  Insist([&] { return destination.SlotAdvance(token, lsn, shards_->Soon()); });

  shards_->server(Side::kDestination).Crash();
  ASSERT_TRUE(Good(shards_->server(Side::kDestination).Start()));
  Insist([&] {
    return destination.LookAtGate({1}, shards_->Soon()).ok() ? Ok()
                                                             : Status(Error::Retry("it starts"));
  });
  ASSERT_LT(destination.Look({1}, shards_->Soon())->slot->confirmed_flush, lsn)
      << "the crash left the slot where it was, so this proves nothing";
  Insist([&] { return source.MakeReverseSubscription(token, lsn, shards_->Soon()); });
  insert(Side::kDestination, 3);
  EXPECT_TRUE(support::WaitFor("the reverse stream", 20s, [&] {
    return support::Seen(
        shards_->Sql(Side::kSource, "SELECT count(*) FROM public.orders WHERE id = 3") ==
            shards_->Sql(Side::kDestination, "SELECT count(*) FROM public.orders WHERE id = 3"),
        shards_->ErrorsOf(Side::kSource));
  }));
}

TEST_F(PgShardTest, SequencesNeverGoBack) {
  const Turn turn = stage_->Enter(Phase::kReady);
  shards_->Sql(Side::kDestination, "SELECT setval('public.order_number', 500)");
  ASSERT_TRUE(Good(stage_->destination().RaiseSequences(
      turn.destination_token, {{"public.order_number", 100}, {"public.nowhere", 5}},
      shards_->Soon())));
  EXPECT_EQ(stage_->destination().ReadSequences(shards_->Soon()).value(),
            (std::vector<SequenceValue>{{"public.order_number", 500}}));
  ASSERT_TRUE(Good(stage_->destination().RaiseSequences(
      turn.destination_token, {{"public.order_number", 900}}, shards_->Soon())));
  EXPECT_EQ(stage_->destination().ReadSequences(shards_->Soon()).value(),
            (std::vector<SequenceValue>{{"public.order_number", 900}}));
}

TEST_F(PgShardTest, SessionsOfARouterAreEndedByWhatTheyWroteNotByTheirName) {
  const Turn turn = stage_->Enter(Phase::kReady);
  const auto deaf = shards_->Connect(Side::kSource, "app");
  const auto other = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(deaf->Exec("SELECT foreshard.connected('router-2', 12)", shards_->Soon())));
  ASSERT_TRUE(Good(
      other->Exec("SELECT foreshard.connected('router-1', 12); SET application_name = 'router-2'",
                  shards_->Soon())));
  ASSERT_TRUE(Good(stage_->source().EndConnectionsExcept(turn.source_token, {"router-1"}, "", true,
                                                         shards_->Soon())));
  EXPECT_TRUE(support::WaitFor("the end of its session", 20s, [&] {
    return support::Seen(!deaf->Exec("SELECT 1", shards_->Soon()).ok());
  }));
  EXPECT_TRUE(Good(other->Exec("SELECT 1", shards_->Soon())));
}

// A router whose pod is being deleted is in no list, and may serve for a long time.
TEST_F(PgShardTest, SessionsOfRoutersThatNobodyNamesAreEndedOnceTheyAreIdle) {
  const Turn turn = stage_->Enter(Phase::kReady);
  const auto busy = shards_->Connect(Side::kSource, "app");
  const auto known = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(busy->Exec("SELECT foreshard.connected('gone', 12)", shards_->Soon())));
  ASSERT_TRUE(Good(busy->Exec("BEGIN", shards_->Soon())));
  ASSERT_TRUE(Good(known->Exec("SELECT foreshard.connected('router-1', 12)", shards_->Soon())));
  const auto end = [&](const std::string& before, bool force) {
    return stage_->source()
        .EndConnectionsExcept(turn.source_token, {"router-1"}, before, force, shards_->Soon())
        .value();
  };
  const EndedConnections first = end("", false);
  EXPECT_EQ(first.left, 1);
  EXPECT_TRUE(Good(busy->Exec("COMMIT", shards_->Soon())));
  const auto young = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(young->Exec("SELECT foreshard.connected('gone', 12)", shards_->Soon())));
  ASSERT_TRUE(Good(young->Exec("BEGIN", shards_->Soon())));
  EXPECT_TRUE(support::WaitFor("the end of the idle one", 20s,
                               [&] { return support::Seen(end(first.before, false).left == 0); }));
  EXPECT_EQ(end(first.before, false).came, 1);
  EXPECT_FALSE(Good(busy->Exec("SELECT 1", shards_->Soon())));
  EXPECT_TRUE(Good(known->Exec("SELECT 1", shards_->Soon())));
  EXPECT_TRUE(Good(young->Exec("SELECT 1", shards_->Soon()))) << "it has read that K is leased";
  EXPECT_TRUE(support::WaitFor("the end of the one in a transaction", 20s,
                               [&] { return support::Seen(end("", true).left == 0); }));
  EXPECT_FALSE(Good(young->Exec("SELECT 1", shards_->Soon())));
}

// It has happened, and only its answer is missing.
TEST_F(PgShardTest, ACommitThatWaitsForAReplicaIsLetFinish) {
  const Turn turn = stage_->Enter(Phase::kReady);
  const auto client = shards_->Connect(Side::kSource, "app");
  ASSERT_TRUE(Good(client->Exec("SELECT foreshard.connected('router-2', 12)", shards_->Soon())));
  WaitForStandby("nobody");
  Result<pg::Rows> written = Error::Retry("it has not begun");
  std::jthread writer([&] {
    written = client->Exec("INSERT INTO public.customers (id) VALUES (1)", shards_->Soon());
  });
  EXPECT_TRUE(support::WaitFor("its commit waits", 20s, [&] {
    return support::Seen(shards_->Sql(Side::kSource,
                                      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                                      "'SyncRep' AND usename = 'app'") == "1");
  }));
  // Their own commits wait too, after what they do.
  const Deadline short_time = Deadline::After(shards_->clock(), 1s);
  EXPECT_FALSE(
      stage_->source().EndConnectionsExcept(turn.source_token, {}, "", true, short_time).ok());
  WaitForStandby("");
  writer.join();
  EXPECT_TRUE(Good(written));
  EXPECT_TRUE(support::WaitFor("its end", 20s, [&] {
    const auto ended =
        stage_->source().EndConnectionsExcept(turn.source_token, {}, "", true, shards_->Soon());
    return support::Seen(ended.ok() && ended->left == 0);
  }));
  EXPECT_FALSE(Good(client->Exec("SELECT 1", shards_->Soon())));
}

TEST_F(PgShardTest, AServerThatWentAwayIsFoundAgain) {
  stage_->Enter(Phase::kPreparing);
  ASSERT_TRUE(Good(shards_->server(Side::kSource).Stop()));
  const auto gone = stage_->source().LookAtGate({0}, Deadline::After(shards_->clock(), 2s));
  ASSERT_FALSE(gone.ok());
  EXPECT_NE(gone.error().kind, Error::Kind::kGiveUp);
  ASSERT_TRUE(Good(shards_->server(Side::kSource).Start()));
  EXPECT_TRUE(support::WaitFor("the row", 20s, [&] {
    return support::Seen(stage_->source().LookAtGate({0}, shards_->Soon()).ok());
  }));
}

}  // namespace
}  // namespace foreshard::migration

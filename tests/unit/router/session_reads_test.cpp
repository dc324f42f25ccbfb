#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;
constexpr std::uint32_t kReplica = 9;

// A session of four shards, and a replica that may answer for the one of `id_`.
class SessionReads : public testing::Test {
 protected:
  SessionReads() {
    FakeLink& link = w_.links_[kReplica];
    link.shard = kReplica;
    link.replica = true;
    link.replica_of = shard_;
    w_.replica_ = kReplica;
  }
  void Set(std::string_view level) {
    w_.ToClient();
    w_.ClientSays(W::Query(fmt::format("SET foreshard.consistency = '{}'", level)));
    ASSERT_EQ(w_.ToClient(), W::Done("SET"));
  }
  // Where the statement goes; it is answered there, and so are the settings that go before it.
  std::string GoesTo(std::string_view sql, std::string_view tag = "SELECT 0") {
    w_.ToClient();
    w_.ClientSays(W::Query(sql));
    std::string where = "nowhere";
    while (w_.session_.blocked() && Answered(tag, &where)) {
    }
    return where;
  }
  bool Answered(std::string_view tag, std::string* where) {
    for (const std::uint32_t number : {0U, 1U, 2U, 3U, kReplica}) {
      if (w_.links_[number].Take().empty()) continue;
      *where = number == kReplica ? "replica" : "primary";
      w_.ServerSays(number, W::Done(tag));
      return true;
    }
    return false;
  }
  void NoSettingsToSay() {
    GoesTo(Read());
    w_.links_[shard_].settings = w_.links_[kReplica].settings;
    w_.links_[0].settings = w_.links_[kReplica].settings;
    w_.ToClient();
  }
  std::string Read() const { return fmt::format("SELECT name FROM customers WHERE id = {}", id_); }
  std::string Write() const {
    return fmt::format("UPDATE customers SET name = 'x' WHERE id = {}", id_);
  }

  SessionWorld w_;
  std::uint32_t shard_ = 2;
  std::int64_t id_ = w_.SomeKeyOf(shard_);
};

TEST_F(SessionReads, NobodyIsSentToAReplicaUnasked) {
  EXPECT_EQ(GoesTo(Read()), "primary");
  EXPECT_TRUE(w_.demands_.empty());
}

TEST_F(SessionReads, TheSettingDecidesAndTheDefaultIsTheSets) {
  Set("eventual");
  EXPECT_EQ(GoesTo(Read()), "replica");
  Set("strong");
  EXPECT_EQ(GoesTo(Read()), "primary");
  w_.ClientSays(W::Query("RESET foreshard.consistency"));
  w_.ToClient();
  w_.default_consistency_ = Consistency::kBounded;
  EXPECT_EQ(GoesTo(Read()), "replica");
  EXPECT_EQ(w_.demands_.back().consistency, Consistency::kBounded);
  w_.ClientSays(W::Query("SHOW foreshard.consistency"));
  EXPECT_NE(w_.ToClient().find("bounded"), std::string::npos);
}

TEST_F(SessionReads, AWordThatMeansNothingIsRefused) {
  w_.ClientSays(W::Query("SET foreshard.consistency = 'sometimes'"));
  EXPECT_NE(w_.ToClient().find("22023"), std::string::npos);
  EXPECT_EQ(GoesTo(Read()), "primary");
}

TEST_F(SessionReads, OnlyAReadByItselfGoes) {
  Set("eventual");
  EXPECT_EQ(GoesTo(Write(), "UPDATE 1"), "primary");
  EXPECT_EQ(GoesTo(Read() + " FOR UPDATE"), "primary");
  EXPECT_EQ(
      GoesTo("SELECT pg_advisory_xact_lock(1) FROM customers WHERE id = " + std::to_string(id_)),
      "primary");
  w_.ClientSays(W::Query("BEGIN"));
  EXPECT_EQ(GoesTo(Read()), "primary");
}

TEST_F(SessionReads, TellsWhenItsLastWriteWasDone) {
  Set("read_your_writes");
  EXPECT_EQ(GoesTo(Read()), "replica");
  EXPECT_EQ(w_.demands_.back().last_write, MonotonicTime{});
  w_.now_ += std::chrono::seconds(1);
  EXPECT_EQ(GoesTo(Write(), "UPDATE 1"), "primary");
  const MonotonicTime written = w_.now_;
  w_.now_ += std::chrono::seconds(1);
  EXPECT_EQ(GoesTo(Read()), "replica");
  EXPECT_EQ(w_.demands_.back().last_write, written);
}

// The answer to COMMIT is what counts, not that to the statement.
TEST_F(SessionReads, AWriteOfATransactionIsDoneWithIt) {
  Set("read_your_writes");
  NoSettingsToSay();
  w_.ClientSays(W::Query("BEGIN"));
  w_.ClientSays(W::Query(Write()));
  w_.ServerSays(shard_, W::Done("BEGIN", 'T') + W::Done("UPDATE 1", 'T'));
  w_.now_ += std::chrono::seconds(1);
  w_.links_[shard_].Take();
  w_.ClientSays(W::Query("COMMIT"));
  w_.ServerSays(shard_, W::Done("COMMIT"));
  w_.links_[shard_].Take();
  const MonotonicTime committed = w_.now_;
  w_.now_ += std::chrono::seconds(1);
  EXPECT_EQ(GoesTo(Read()), "replica");
  EXPECT_EQ(w_.demands_.back().last_write, committed);
}

// Whatever a replica says against a read, the primary is asked; the client hears of one answer.
TEST_F(SessionReads, AnErrorOfAReplicaIsAskedOfThePrimary) {
  Set("eventual");
  NoSettingsToSay();
  w_.ClientSays(W::Query(Read()));
  EXPECT_EQ(W::Types(w_.links_[kReplica].Take()), "Q");
  w_.ServerSays(kReplica, W::Failed("40001"));
  EXPECT_EQ(w_.ToClient(), "");
  EXPECT_EQ(w_.lent_[kReplica], 0);
  EXPECT_EQ(w_.broken_[kReplica], 0);
  EXPECT_EQ(W::Types(w_.links_[shard_].Take()), "Q");
  w_.ServerSays(shard_, W::Done("SELECT 1"));
  EXPECT_EQ(w_.ToClient(), W::Done("SELECT 1"));
  EXPECT_EQ(GoesTo(Read()), "replica");  // The next one is tried again.
}

TEST_F(SessionReads, ACancelledReadIsNotSaidAgain) {
  Set("eventual");
  NoSettingsToSay();
  w_.ClientSays(W::Query(Read()));
  w_.ServerSays(kReplica, W::Failed("57014"));
  EXPECT_EQ(W::Types(w_.ToClient()), "EZ");
  EXPECT_EQ(w_.links_[shard_].Take(), "");
}

TEST_F(SessionReads, AReplicaThatIsLostOrCannotBeHadLeavesItToThePrimary) {
  Set("eventual");
  NoSettingsToSay();
  w_.ClientSays(W::Query(Read()));
  w_.links_[kReplica].Take();
  w_.session_.OnServerLost(w_.links_[kReplica], "reset");
  w_.session_.OnTimer();
  w_.GoOn();
  EXPECT_EQ(W::Types(w_.links_[shard_].Take()), "Q");
  w_.ServerSays(shard_, W::Done("SELECT 1"));
  EXPECT_EQ(w_.ToClient(), W::Done("SELECT 1"));

  w_.none_free_ = true;
  w_.ClientSays(W::Query(Read()));
  ASSERT_EQ(w_.waiting_, std::vector<std::uint32_t>{kReplica});
  w_.none_free_ = false;
  w_.session_.OnServerFailed(kReplica, {.sqlstate = "08006", .message = "m", .hint = {}}, true);
  w_.GoOn();
  EXPECT_EQ(W::Types(w_.links_[shard_].Take()), "Q");
}

// What is said after a read of a pipeline never lands on the replica by chance.
TEST_F(SessionReads, AnyShardIsNeverAReplica) {
  Set("eventual");
  NoSettingsToSay();
  std::string turn;
  const auto run = [&turn](std::string_view sql) {
    pg::AppendParse(&turn, "", sql, {});
    pg::WireWriter(&turn, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
    pg::WireWriter(&turn, 'E').String("").Int32(0).End();
  };
  run(Read());
  run("SELECT 1");
  pg::AppendEmpty(&turn, 'S');
  w_.ClientSays(turn);
  EXPECT_EQ(W::Types(w_.links_[kReplica].Take()), "PBES");
  std::string answer;
  pg::AppendEmpty(&answer, '1');
  pg::AppendEmpty(&answer, '2');
  w_.ServerSays(kReplica, answer + W::Done("SELECT 0"));
  EXPECT_EQ(W::Types(w_.links_[0].Take()), "PBES");
}

}  // namespace
}  // namespace foreshard::router

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

// The transaction comes to a second shard: on the first, waits for locks get an end.
void BoundFirst(SessionWorld& w) {
  EXPECT_EQ(w.links_[1].Take(), "");
  EXPECT_EQ(w.links_[0].Take(), W::Query("SET LOCAL lock_timeout = '10s'"));
  w.ServerSays(0, W::Done("SET", 'T'));
}

std::string Farewell() {
  std::string farewell;
  pg::AppendError(&farewell,
                  {.severity = "FATAL", .code = "57P01", .message = "m", .detail = {}, .hint = {}});
  return farewell;
}

// A transaction that has written on shard 0 and read on shard 1, and is told to commit.
void CommitWriterAndReader(SessionWorld& w) {
  w.ClientSays(W::Query("BEGIN"));
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.ServerSays(0, W::Done("BEGIN", 'T') + W::Done("DELETE 1", 'T'));
  w.links_[0].Take();
  w.ClientSays(W::Query(fmt::format("SELECT * FROM customers WHERE id = {}", w.SomeKeyOf(1))));
  BoundFirst(w);
  w.ServerSays(1, W::Done("BEGIN", 'T') + W::Done("SELECT 0", 'T'));
  w.ToClient();
  w.ClientSays(W::Query("COMMIT"));
}

// 40001 would promise that nothing happened.
TEST(SessionCommit, AReaderThatIsLostDoesNotMakeACommitFail) {
  SessionWorld w;
  CommitWriterAndReader(w);
  w.ServerSays(1, Farewell());
  w.session_.OnServerLost(w.links_[1], "closed");
  w.ServerSays(0, W::Done("COMMIT"));
  EXPECT_EQ(w.ToClient(), W::Done("COMMIT"));
  EXPECT_TRUE(w.session_.at_rest());
}

TEST(SessionCommit, AWriterThatIsLostIsInDoubtWhateverTheReaderSaid) {
  SessionWorld w;
  CommitWriterAndReader(w);
  w.ServerSays(1, Farewell());
  w.session_.OnServerLost(w.links_[1], "closed");
  w.session_.OnServerLost(w.links_[0], "reset");
  w.GoOn();
  EXPECT_NE(w.ToClient().find("08007"), std::string::npos);
}

// A transaction that has written on shards 0 and 1.
class TwoWriters : public testing::Test {
 protected:
  void SetUp() override {
    for (auto& [shard, link] : w.links_) link.has_schema = true;
    w.ClientSays(W::Query("BEGIN"));
    for (const std::uint32_t shard : {0U, 1U}) {
      w.ClientSays(
          W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(shard))));
      if (shard == 1) BoundFirst(w);
      w.ServerSays(shard, W::Done("BEGIN", 'T') + W::Done("DELETE 1", 'T'));
      w.links_[shard].Take();
    }
    w.ToClient();
  }
  SessionWorld w;
};

TEST_F(TwoWriters, PrepareThenDecideThenCommit) {
  w.ClientSays(W::Query("COMMIT"));
  EXPECT_EQ(w.links_[0].Take(), "");
  EXPECT_EQ(w.links_[1].Take(), W::Query("PREPARE TRANSACTION 'tx-0@s-1'"));
  w.ServerSays(1, W::Done("PREPARE TRANSACTION"));
  EXPECT_EQ(w.links_[0].Take(), W::Query("SELECT foreshard.decide('tx-0'); COMMIT"));
  EXPECT_EQ(w.links_[1].Take(), "");  // Not before the decision is known.
  w.ServerSays(0, W::Done("COMMIT"));
  EXPECT_EQ(w.ToClient(), "");
  EXPECT_EQ(w.links_[1].Take(), W::Query("COMMIT PREPARED 'tx-0@s-1'"));
  w.ServerSays(1, W::Done("COMMIT PREPARED"));
  EXPECT_EQ(w.ToClient(), W::Done("COMMIT"));
  EXPECT_EQ(w.lent_[0] + w.lent_[1], 0);
}

TEST_F(TwoWriters, AFailedPrepareRollsBackBoth) {
  w.ClientSays(W::Query("COMMIT"));
  w.links_[1].Take();
  w.ServerSays(1, W::Failed("40001"));
  EXPECT_EQ(w.links_[0].Take(), W::Query("ROLLBACK"));
  w.ServerSays(0, W::Done("ROLLBACK"));
  const std::string told = w.ToClient();
  EXPECT_EQ(W::Types(told), "EZ");
  EXPECT_EQ(told.substr(told.size() - 6), W::Ready('I'));
}

TEST_F(TwoWriters, AFailedDecisionRollsBackWhatWasPrepared) {
  w.ClientSays(W::Query("COMMIT"));
  w.links_[1].Take();
  w.ServerSays(1, W::Done("PREPARE TRANSACTION"));
  w.links_[0].Take();
  w.ServerSays(0, W::Failed("23505", 'E'));
  EXPECT_EQ(w.links_[1].Take(), W::Query("ROLLBACK PREPARED 'tx-0@s-1'"));
  EXPECT_EQ(w.links_[0].Take(), W::Query("ROLLBACK"));
  w.ServerSays(0, W::Done("ROLLBACK"));
  w.ServerSays(1, W::Done("ROLLBACK PREPARED"));
  EXPECT_EQ(W::Types(w.ToClient()), "EZ");
}

// It was told to end and had not committed: that is known, so the others need not wait for anybody.
TEST_F(TwoWriters, AFarewellInsteadOfADecisionRollsBackWhatWasPrepared) {
  w.ClientSays(W::Query("COMMIT"));
  w.links_[1].Take();
  w.ServerSays(1, W::Done("PREPARE TRANSACTION"));
  w.links_[0].Take();
  w.ServerSays(0, Farewell());
  w.session_.OnServerLost(w.links_[0], "closed");
  w.GoOn();
  EXPECT_EQ(w.links_[1].Take(), W::Query("ROLLBACK PREPARED 'tx-0@s-1'"));
  w.ServerSays(1, W::Done("ROLLBACK PREPARED"));
  const std::string told = w.ToClient();
  EXPECT_NE(told.find("40001"), std::string::npos);
  EXPECT_EQ(told.substr(told.size() - 6), W::Ready('I'));
}

TEST_F(TwoWriters, ALostDecisionIsInDoubtAndSaysSo) {
  w.ClientSays(W::Query("COMMIT"));
  w.links_[1].Take();
  w.ServerSays(1, W::Done("PREPARE TRANSACTION"));
  w.session_.OnServerLost(w.links_[0], "reset");
  w.GoOn();
  EXPECT_NE(w.ToClient().find("08007"), std::string::npos);
  EXPECT_EQ(w.later_, std::vector<std::string>{"1 tx-0"});
  EXPECT_EQ(w.links_[1].Take(),
            "");  // Neither committed nor rolled back before somebody has looked.
}

TEST_F(TwoWriters, ALostCommitPreparedIsFinishedLater) {
  w.ClientSays(W::Query("COMMIT"));
  w.ServerSays(1, W::Done("PREPARE TRANSACTION"));
  w.ServerSays(0, W::Done("COMMIT"));
  w.session_.OnServerLost(w.links_[1], "reset");
  w.GoOn();
  EXPECT_EQ(w.ToClient(), W::Done("COMMIT"));  // It is decided.
  EXPECT_EQ(w.later_, std::vector<std::string>{"1 tx-0 abandoned"});
}

// It may have prepared, and must not keep its locks until somebody looks for orphans.
TEST_F(TwoWriters, ALostAnswerToPrepareIsFinishedAtOnce) {
  w.ClientSays(W::Query("COMMIT"));
  w.links_[0].Take();
  w.session_.OnServerLost(w.links_[1], "reset");
  w.GoOn();
  EXPECT_EQ(w.later_, std::vector<std::string>{"1 tx-0 abandoned"});
  EXPECT_EQ(w.links_[0].Take(), W::Query("ROLLBACK"));
}

TEST_F(TwoWriters, ARefusedPrepareLeavesNothingInDoubt) {
  w.ClientSays(W::Query("COMMIT"));
  w.ServerSays(1, W::Failed("40001"));
  w.ServerSays(0, W::Done("ROLLBACK"));
  EXPECT_TRUE(w.later_.empty());
}

TEST_F(TwoWriters, AClientThatLeavesInTheMiddleLeavesNothingPrepared) {
  w.ClientSays(W::Query("COMMIT"));
  w.session_.OnClientGone();
  EXPECT_EQ(w.later_, std::vector<std::string>{"1 tx-0 abandoned"});
}

TEST_F(TwoWriters, RollbackGoesToBoth) {
  w.ClientSays(W::Query("ROLLBACK"));
  EXPECT_EQ(w.links_[0].Take(), W::Query("ROLLBACK"));
  EXPECT_EQ(w.links_[1].Take(), W::Query("ROLLBACK"));
  w.ServerSays(0, W::Done("ROLLBACK"));
  w.ServerSays(1, W::Done("ROLLBACK"));
  EXPECT_EQ(w.ToClient(), W::Done("ROLLBACK"));
}

// No shard sees a deadlock over two: the wait that ends it is told as what it most likely was.
TEST_F(TwoWriters, AWaitForALockThatIsTooLongIsADeadlock) {
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0, 1))));
  std::string error;
  pg::AppendError(&error, {.severity = "ERROR",
                           .code = "55P03",
                           .message = "canceling statement due to lock timeout",
                           .detail = {},
                           .hint = {}});
  w.ServerSays(0, error + W::Ready('E'));
  const std::string told = w.ToClient();
  EXPECT_NE(told.find("40P01"), std::string::npos);
  EXPECT_EQ(told.find("55P03"), std::string::npos);
  EXPECT_EQ(told.substr(told.size() - 6), W::Ready('E'));
}

TEST(SessionCommit, OneWriterNeedsNoSecondPhase) {
  SessionWorld w;
  w.ClientSays(W::Query("BEGIN"));
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.ServerSays(0, W::Done("BEGIN", 'T') + W::Done("DELETE 1", 'T'));
  w.links_[0].Take();
  w.ClientSays(W::Query(fmt::format("SELECT * FROM customers WHERE id = {}", w.SomeKeyOf(1))));
  BoundFirst(w);
  w.ServerSays(1, W::Done("BEGIN", 'T') + W::Done("SELECT 1", 'T'));
  w.links_[0].Take();
  w.links_[1].Take();
  w.ToClient();
  w.ClientSays(W::Query("COMMIT"));
  EXPECT_EQ(w.links_[0].Take(), W::Query("COMMIT"));
  EXPECT_EQ(w.links_[1].Take(), W::Query("COMMIT"));
  w.ServerSays(1, W::Done("COMMIT"));
  w.ServerSays(0, W::Done("COMMIT"));
  EXPECT_EQ(w.ToClient(), W::Done("COMMIT"));
}

TEST(SessionCommit, WithoutTheDecisionTableTwoWritersAreRefused) {
  SessionWorld w;
  w.ClientSays(W::Query("BEGIN"));
  for (const std::uint32_t shard : {0U, 1U}) {
    w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(shard))));
    if (shard == 1) BoundFirst(w);
    w.ServerSays(shard, W::Done("BEGIN", 'T') + W::Done("DELETE 1", 'T'));
    w.links_[shard].Take();
  }
  w.ToClient();
  w.ClientSays(W::Query("COMMIT"));
  EXPECT_EQ(w.links_[0].Take(), W::Query("ROLLBACK"));
  w.ServerSays(0, W::Done("ROLLBACK"));
  w.ServerSays(1, W::Done("ROLLBACK"));
  EXPECT_NE(w.ToClient().find("0A000"), std::string::npos);
}

TEST(SessionCommit, AnEmptyTransactionNeedsNoServer) {
  SessionWorld w;
  w.ClientSays(W::Query("BEGIN") + W::Query("COMMIT"));
  EXPECT_EQ(w.ToClient(), W::Done("BEGIN", 'T') + W::Done("COMMIT"));
  EXPECT_TRUE(w.lent_.empty());
}

}  // namespace
}  // namespace foreshard::router

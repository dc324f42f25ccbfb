#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

constexpr const char* kMoved = "migration=7 owner=s-1 epoch=2";

std::string Farewell() {
  std::string farewell;
  pg::AppendError(&farewell,
                  {.severity = "FATAL", .code = "57P01", .message = "m", .detail = {}, .hint = {}});
  return farewell;
}

TEST(SessionRetry, ARefusedWriteGoesToTheNamedOwnerUnseen) {
  SessionWorld w;
  w.learns_of_ = 0;
  const std::int64_t id = w.SomeKeyOf(0);
  w.ClientSays(W::Query(fmt::format("UPDATE customers SET name = 'x' WHERE id = {}", id)));
  const std::string first = w.links_[0].Take();
  w.ServerSays(0, W::Failed("FS001", 'I', kMoved));
  ASSERT_EQ(w.learned_.size(), 1U);
  EXPECT_EQ(w.learned_[0].owner, "s-1");
  EXPECT_EQ(w.learned_[0].epoch, 2);
  EXPECT_EQ(w.ToClient(), "");
  EXPECT_EQ(w.links_[1].Take(), first);
  w.ServerSays(1, W::Done("UPDATE 1"));
  EXPECT_EQ(w.ToClient(), W::Done("UPDATE 1"));
  EXPECT_EQ(w.lent_[0], 0);
  EXPECT_EQ(w.lent_[1], 0);
}

TEST(SessionRetry, ErrorAndReadyMayComeApartOrTogether) {
  const std::string refused = W::Failed("FS001", 'I', kMoved);
  for (std::size_t cut = 0; cut <= refused.size(); ++cut) {
    SessionWorld w;
    w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
    w.ServerSays(0, refused.substr(0, cut));
    w.ServerSays(0, refused.substr(cut));
    EXPECT_EQ(W::Types(w.links_[1].Take()), "Q") << cut;
    EXPECT_EQ(w.ToClient(), "") << cut;
  }
}

TEST(SessionRetry, TheFirstStatementOfATransactionTakesItAlong) {
  SessionWorld w;
  w.ClientSays(W::Query("BEGIN ISOLATION LEVEL SERIALIZABLE"));
  EXPECT_EQ(w.ToClient(), W::Done("BEGIN", 'T'));
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  EXPECT_EQ(W::Types(w.links_[0].Take()), "QQ");
  w.ServerSays(0, W::Done("BEGIN", 'T') + W::Failed("FS001", 'E', kMoved));
  EXPECT_EQ(w.links_[0].Take(), W::Query("ROLLBACK"));
  w.ServerSays(0, W::Done("ROLLBACK"));
  const std::string second = w.links_[1].Take();
  EXPECT_EQ(W::Types(second), "QQ");
  EXPECT_NE(second.find("SERIALIZABLE"), std::string::npos);
  EXPECT_EQ(w.ToClient(), "");
}

// bench/cutover had a client that waited for ever: its statement was forgotten with the server that
// was still to roll back.
TEST(SessionRetry, WhatWasRefusedIsSaidAgainThoughItsServerIsLost) {
  const std::string refused = W::Done("BEGIN", 'T') + W::Failed("FS001", 'E', kMoved);
  for (const bool rolls_back : {true, false}) {
    for (const bool farewell : {true, false}) {
      SCOPED_TRACE(fmt::format("{} {}", rolls_back, farewell));
      SessionWorld w;
      w.ClientSays(W::Query("BEGIN"));
      EXPECT_EQ(w.ToClient(), W::Done("BEGIN", 'T'));
      w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
      w.links_[0].Take();
      // The last of it is the server's ReadyForQuery.
      w.ServerSays(0, refused.substr(0, refused.size() - (rolls_back ? 0 : W::Ready('E').size())));
      EXPECT_EQ(w.links_[0].Take(), rolls_back ? W::Query("ROLLBACK") : "");
      farewell ? w.ServerSays(0, Farewell()) : w.session_.OnServerLost(w.links_[0], "reset");
      w.session_.OnTimer();
      w.GoOn();
      EXPECT_EQ(W::Types(w.links_[1].Take()), "QQ");
      EXPECT_EQ(w.ToClient(), "");
      w.ServerSays(1, W::Done("BEGIN", 'T') + W::Done("DELETE 1", 'T'));
      EXPECT_EQ(w.ToClient(), W::Done("DELETE 1", 'T'));
    }
  }
}

TEST(SessionRetry, WhatTheClientHasSeenIsNotSaidAgain) {
  SessionWorld w;
  const std::int64_t id = w.SomeKeyOf(0);
  w.ClientSays(W::Query("BEGIN"));
  w.ClientSays(W::Query(fmt::format("SELECT * FROM customers WHERE id = {}", id)));
  w.ServerSays(0, W::Done("BEGIN", 'T') + W::Done("SELECT 0", 'T'));
  w.ToClient();
  w.links_[0].Take();
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", id)));
  w.ServerSays(0, W::Failed("FS001", 'E', kMoved));
  EXPECT_EQ(w.links_[1].Take(), "");
  const std::string told = w.ToClient();
  EXPECT_NE(told.find("40001"), std::string::npos);
  EXPECT_EQ(told.substr(told.size() - 6), W::Ready('E'));
}

TEST(SessionRetry, AReadIsSaidAgainWhenItsServerGoesAway) {
  SessionWorld w;
  const std::int64_t id = w.SomeKeyOf(0);
  w.ClientSays(W::Query(fmt::format("SELECT * FROM customers WHERE id = {}", id)));
  w.session_.OnServerLost(w.links_[0], "reset");
  EXPECT_EQ(w.ToClient(), "");
  w.links_[0].Take();
  w.session_.OnTimer();
  w.GoOn();
  EXPECT_EQ(W::Types(w.links_[0].Take()), "Q");
}

TEST(SessionRetry, AWriteWithoutAnAnswerIsNeverSaidAgain) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.links_[0].Take();
  w.session_.OnServerLost(w.links_[0], "reset");
  w.GoOn();
  EXPECT_EQ(w.links_[0].Take(), "");
  EXPECT_NE(w.ToClient().find("08007"), std::string::npos);
  EXPECT_TRUE(w.session_.at_rest());
}

TEST(SessionRetry, AServerThatShutsDownHasDoneNothing) {
  SessionWorld w;
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.links_[0].Take();
  w.ServerSays(0, Farewell());
  EXPECT_EQ(w.broken_[0], 1);
  EXPECT_EQ(w.ToClient(), "");
  w.session_.OnTimer();
  w.GoOn();
  EXPECT_EQ(W::Types(w.links_[0].Take()), "Q");
}

// A transaction with one write that was answered.
void BeginAndWrite(SessionWorld& w) {
  w.ClientSays(W::Query("BEGIN"));
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0))));
  w.ServerSays(0, W::Done("BEGIN", 'T') + W::Done("DELETE 1", 'T'));
  w.links_[0].Take();
  w.ToClient();
}

// bench/cutover lost a transaction so: its COMMIT was answered ROLLBACK, which is no error, after
// no error.
TEST(SessionRetry, ACommitThatCannotBeIsAnErrorToWhomHasSeenNone) {
  for (const bool farewell : {true, false}) {
    SessionWorld w;
    BeginAndWrite(w);
    farewell ? w.ServerSays(0, Farewell()) : w.session_.OnServerLost(w.links_[0], "reset");
    EXPECT_EQ(w.ToClient(), "");
    w.ClientSays(W::Query("COMMIT"));
    const std::string told = w.ToClient();
    EXPECT_NE(told.find("40001"), std::string::npos);
    EXPECT_EQ(told.find("ROLLBACK"), std::string::npos);
    EXPECT_EQ(told.substr(told.size() - 6), W::Ready('I'));
    EXPECT_TRUE(w.session_.at_rest());
    EXPECT_EQ(w.links_[0].Take(), "");
  }
}

TEST(SessionRetry, TheFirstStatementAfterALossIsToldOfIt) {
  SessionWorld w;
  BeginAndWrite(w);
  w.ServerSays(0, Farewell());
  w.ClientSays(W::Query("SELECT * FROM customers WHERE id = 5"));
  const std::string first = w.ToClient();
  EXPECT_NE(first.find("40001"), std::string::npos);
  EXPECT_EQ(first.substr(first.size() - 6), W::Ready('E'));
  w.ClientSays(W::Query("SELECT * FROM customers WHERE id = 5"));
  EXPECT_NE(w.ToClient().find("25P02"), std::string::npos);
  w.ClientSays(W::Query("COMMIT"));
  EXPECT_EQ(w.ToClient(), W::Done("ROLLBACK"));
}

TEST(SessionRetry, AFarewellBeforeTheCommitIsDoneMeansThatItIsNot) {
  SessionWorld w;
  BeginAndWrite(w);
  w.ClientSays(W::Query("COMMIT"));
  w.ServerSays(0, Farewell());
  const std::string told = w.ToClient();
  EXPECT_NE(told.find("40001"), std::string::npos);
  EXPECT_EQ(told.substr(told.size() - 6), W::Ready('I'));
}

TEST(SessionRetry, AFarewellAfterItProvesNothing) {
  SessionWorld w;
  BeginAndWrite(w);
  w.ClientSays(W::Query("COMMIT"));
  const std::string done = W::Done("COMMIT");
  w.ServerSays(0, done.substr(0, done.size() - W::Ready('I').size()) + Farewell());
  EXPECT_NE(w.ToClient().find("08007"), std::string::npos);
}

TEST(SessionRetry, ALossWithoutAFarewellProvesNothing) {
  SessionWorld w;
  BeginAndWrite(w);
  w.ClientSays(W::Query("COMMIT"));
  w.session_.OnServerLost(w.links_[0], "reset");
  EXPECT_NE(w.ToClient().find("08007"), std::string::npos);
}

// Sync commits what Execute did; what a Query did is committed when it is complete.
TEST(SessionRetry, AFarewellAfterCommandCompleteSaysLessOfAQueryThanOfAnExecute) {
  SessionWorld w;
  const std::string sql = fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0));
  std::string cycle;
  pg::AppendParse(&cycle, "", sql, {});
  pg::WireWriter(&cycle, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&cycle, 'E').String("").Int32(0).End();
  pg::AppendEmpty(&cycle, 'S');
  w.ClientSays(cycle);
  const std::string first = w.links_[0].Take();
  const std::string done = W::Done("DELETE 1");
  const std::string complete = done.substr(0, done.size() - W::Ready('I').size());
  std::string answer;
  for (const char type : {'1', '2'}) pg::AppendEmpty(&answer, type);
  w.ServerSays(0, answer + complete + Farewell());
  EXPECT_EQ(w.ToClient(), "");
  w.session_.OnTimer();
  w.GoOn();
  EXPECT_EQ(w.links_[0].Take(), first);

  SessionWorld simple;
  simple.ClientSays(W::Query(sql));
  simple.links_[0].Take();
  simple.ServerSays(0, complete + Farewell());
  simple.session_.OnTimer();
  simple.GoOn();
  EXPECT_EQ(simple.links_[0].Take(), "");
  EXPECT_NE(simple.ToClient().find("08007"), std::string::npos);
}

// Whoever is gone has rolled back too.
TEST(SessionRetry, ARollbackNeedsNoServerToSucceed) {
  SessionWorld w;
  BeginAndWrite(w);
  w.ToClient();
  w.ClientSays(W::Query("ROLLBACK"));
  w.session_.OnServerLost(w.links_[0], "reset");
  w.GoOn();
  EXPECT_EQ(w.ToClient(), W::Done("ROLLBACK"));
  EXPECT_TRUE(w.session_.at_rest());
}

std::string Only(std::string_view types) {
  std::string out;
  for (const char type : types) pg::AppendEmpty(&out, type);
  return out;
}

// Parse, Bind and Execute of a write on shard 0, whose answers the client has seen by Flush.
void ExecuteAndFlush(SessionWorld& w) {
  std::string said;
  pg::AppendParse(&said, "", fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0)),
                  {});
  pg::WireWriter(&said, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&said, 'E').String("").Int32(0).End();
  w.ClientSays(said + Only("H"));
  EXPECT_EQ(W::Types(w.links_[0].Take()), "PBEH");
  const std::string done = W::Done("DELETE 1");
  w.ServerSays(0, Only("12") + done.substr(0, done.size() - W::Ready().size()));
  EXPECT_EQ(W::Types(w.ToClient()), "12C");
}

// Nothing is committed before Sync: whoever has seen DELETE 1 must hear that it is gone.
TEST(SessionRetry, WhatWasRunBeforeASyncIsGoneWithItsServer) {
  for (const bool told : {true, false}) {
    SessionWorld w;
    ExecuteAndFlush(w);
    if (told) w.ServerSays(0, Farewell());
    w.session_.OnServerLost(w.links_[0], "reset");
    w.GoOn();
    const std::string said = w.ToClient();
    if (said.empty()) w.ClientSays(Only("S"));
    const std::string heard = said + w.ToClient();
    if (!said.empty()) w.ClientSays(Only("S"));
    const std::string all = heard + w.ToClient();
    EXPECT_EQ(W::Types(all), "EZ") << told;
    EXPECT_NE(all.find("C40001"), std::string::npos) << told;
    EXPECT_TRUE(w.session_.at_rest());
  }
}

// What comes before the Sync is skipped, and heard of once.
TEST(SessionRetry, WhatFollowsALostExecuteIsNotRun) {
  SessionWorld w;
  ExecuteAndFlush(w);
  w.session_.OnServerLost(w.links_[0], "reset");
  std::string more;
  pg::WireWriter(&more, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&more, 'E').String("").Int32(0).End();
  w.ClientSays(more + Only("S"));
  EXPECT_EQ(w.links_[0].Take(), "");
  EXPECT_EQ(W::Types(w.ToClient()), "EZ");
  EXPECT_TRUE(w.session_.at_rest());
}

// Only parsed: another server parses it again, and nobody notices.
TEST(SessionRetry, WhatWasOnlyParsedIsParsedAgain) {
  SessionWorld w;
  std::string said;
  pg::AppendParse(&said, "", fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0)),
                  {});
  w.ClientSays(said + Only("H"));
  w.ServerSays(0, Only("1"));
  EXPECT_EQ(W::Types(w.ToClient()), "1");
  w.links_[0].Take();
  w.session_.OnServerLost(w.links_[0], "reset");
  w.links_[0].unnamed = 0;
  said.clear();
  pg::WireWriter(&said, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&said, 'E').String("").Int32(0).End();
  w.ClientSays(said + Only("S"));
  EXPECT_EQ(W::Types(w.links_[0].Take()), "PBES");
  w.ServerSays(0, Only("12") + W::Done("DELETE 1"));
  EXPECT_EQ(W::Types(w.ToClient()), "2CZ");
}

// The Sync that had to wait for a server is answered though none came.
TEST(SessionRetry, ASyncThatFindsNoServerIsAnswered) {
  SessionWorld w;
  w.none_free_ = true;
  std::string said;
  pg::AppendParse(&said, "", "SELECT 1", {});
  w.ClientSays(said + Only("S"));
  ASSERT_EQ(w.waiting_.size(), 1U);
  w.session_.OnServerFailed(0, {.sqlstate = "57P03", .message = "none", .hint = {}}, false);
  w.GoOn();
  EXPECT_EQ(W::Types(w.ToClient()), "EZ");
  EXPECT_TRUE(w.session_.at_rest());
}

}  // namespace
}  // namespace foreshard::router

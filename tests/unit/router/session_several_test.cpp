#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

std::string Only(char type) {
  std::string out;
  pg::AppendEmpty(&out, type);
  return out;
}
std::string Parse(std::string_view name, std::string_view sql) {
  std::string out;
  pg::AppendParse(&out, name, sql, {});
  return out;
}
std::string Bind(std::string_view statement, std::string_view value) {
  std::string out;
  pg::WireWriter(&out, 'B')
      .String("")
      .String(statement)
      .Int16(0)
      .Int16(1)
      .Int32(static_cast<std::int32_t>(value.size()))
      .Bytes(value)
      .Int16(0)
      .End();
  return out;
}
std::string DescribeExecuteSync() {
  std::string out;
  pg::AppendDescribe(&out, 'P', "");
  pg::WireWriter(&out, 'E').String("").Int32(0).End();
  return out + Only('S');
}
std::string Columns() {
  const pg::TextColumn column{.name = "name"};
  std::string out;
  pg::AppendRowDescription(&out, {&column, 1});
  return out;
}
std::string Row(std::string_view value) {
  std::string out;
  pg::WireWriter(&out, 'D')
      .Int16(1)
      .Int32(static_cast<std::int32_t>(value.size()))
      .Bytes(value)
      .End();
  return out;
}
const std::string kDescribed = Only('1') + Only('2') + Columns() + W::Ready();

constexpr const char* kSelect = "SELECT name FROM customers WHERE id = $1";

const Proof kLeased{.shard = 2, .migration = 7, .sql = "SELECT proof", .lock = "SELECT lock"};

// A read of one shard whose ownership must be proven.
struct Proven {
  SessionWorld w;
  std::int64_t id = w.SomeKeyOf(2);

  Proven() {
    w.proofs_ = {kLeased};
    w.ClientSays(Parse("", kSelect) + Bind("", std::to_string(id)) + DescribeExecuteSync());
  }
};

TEST(SessionSeveral, AProvenReadIsDescribedAndRunOnItsShard) {
  Proven p;
  EXPECT_EQ(W::Types(p.w.links_[2].Take()), "PBDS");
  p.w.ServerSays(2, kDescribed);
  EXPECT_EQ(p.w.ToClient(), "");  // Kept: the cycle may have to be said again.
  const std::string asked = p.w.links_[2].Take();
  EXPECT_EQ(W::Types(asked), "QPBDES");
  EXPECT_NE(asked.find("SELECT proof"), std::string::npos);
  p.w.ServerSays(2, W::Done("SELECT 1", 'T') + Only('1') + Only('2') + Columns() + Row("x") +
                        W::Done("SELECT 1", 'T'));
  EXPECT_EQ(p.w.links_[2].Take(), W::Query("COMMIT"));
  p.w.ServerSays(2, W::Done("COMMIT"));
  EXPECT_EQ(W::Types(p.w.ToClient()), "12TDCZ");
  EXPECT_TRUE(p.w.session_.at_rest());
  EXPECT_EQ(p.w.lent_[2], 0);
}

TEST(SessionSeveral, AProofThatFailsIsUnseenAndAskedOfTheOwner) {
  Proven p;
  p.w.ServerSays(2, kDescribed);
  p.w.links_[2].Take();
  p.w.proofs_.clear();
  p.w.learns_of_ = 2;
  p.w.ServerSays(
      2, W::Failed("FS001", 'E', "migration=7 owner=s-1 epoch=2") + W::Failed("25P02", 'E'));
  EXPECT_EQ(p.w.links_[2].Take(), W::Query("ROLLBACK"));
  p.w.ServerSays(2, W::Done("ROLLBACK"));
  EXPECT_EQ(p.w.ToClient(), "");
  p.w.session_.OnTimer();
  p.w.GoOn();
  EXPECT_EQ(W::Types(p.w.links_[1].Take()), "PBDES");
  p.w.ServerSays(1, Only('1') + Only('2') + Columns() + W::Done("SELECT 0"));
  EXPECT_EQ(W::Types(p.w.ToClient()), "12TCZ");
}

TEST(SessionSeveral, AProvenReadThatLosesItsServerIsSaidAgain) {
  Proven p;
  p.w.ServerSays(2, kDescribed);
  p.w.links_[2].Take();
  p.w.session_.OnServerLost(p.w.links_[2], "reset");
  EXPECT_EQ(p.w.ToClient(), "");
  EXPECT_EQ(p.w.lent_[2], 0);
  p.w.session_.OnTimer();
  p.w.GoOn();
  EXPECT_EQ(W::Types(p.w.links_[2].Take()), "PBDS");
}

TEST(SessionSeveral, AProvenReadStandsThoughItsBlockWasNotEnded) {
  Proven p;
  p.w.ServerSays(2, kDescribed);
  p.w.ServerSays(2, W::Done("SELECT 1", 'T') + Only('1') + Only('2') + Columns() + Row("x") +
                        W::Done("SELECT 1", 'T'));
  p.w.session_.OnServerLost(p.w.links_[2], "reset");  // before COMMIT was answered
  p.w.GoOn();
  EXPECT_EQ(W::Types(p.w.ToClient()), "12TDCZ");
  EXPECT_TRUE(p.w.session_.at_rest());
  EXPECT_EQ(p.w.lent_[2], 0);
}

// A FATAL error means to a client that its own connection is over; it is not.
TEST(SessionSeveral, AServerThatIsToldToEndIsAnErrorNotTheEnd) {
  SessionWorld w;
  w.ClientSays(W::Query("SELECT name FROM customers ORDER BY name"));
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    w.ServerSays(shard, Columns() + Row("x") + W::Done("SELECT 1"));
  }
  std::string fatal;
  pg::AppendError(&fatal, {.severity = "FATAL",
                           .code = "57P01",
                           .message = "terminating connection",
                           .detail = {},
                           .hint = {}});
  w.ServerSays(3, fatal);
  w.session_.OnServerLost(w.links_[3], "closed");
  const std::string told = w.ToClient();
  EXPECT_EQ(W::Types(told), "TEZ");
  EXPECT_EQ(told.find("FATAL"), std::string::npos);
  EXPECT_NE(told.find("terminating connection"), std::string::npos);
}

// Its columns went out with the first answer.
TEST(SessionSeveral, AScatterReadThatWasSeenIsNotSaidAgain) {
  SessionWorld w;
  w.ClientSays(W::Query("SELECT name FROM customers ORDER BY name"));
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    w.ServerSays(shard, Columns() + Row("x") + W::Done("SELECT 1"));
  }
  w.session_.OnServerLost(w.links_[3], "reset");
  const std::string told = w.ToClient();
  EXPECT_EQ(W::Types(told), "TEZ");
  EXPECT_NE(told.find("08006"), std::string::npos);
}

// JDBC's fetch size, asyncpg's fetchval: PostgreSQL says PortalSuspended when the limit is reached.
TEST(SessionSeveral, RowsOfSeveralShardsAreGivenInPages) {
  SessionWorld w;
  const auto execute = [](std::int32_t rows) {
    std::string out;
    pg::WireWriter(&out, 'E').String("").Int32(rows).End();
    return out;
  };
  w.ClientSays(W::Query("BEGIN"));
  w.ToClient();
  std::string bind;
  pg::WireWriter(&bind, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  w.ClientSays(Parse("", "SELECT name FROM customers ORDER BY name") + bind + execute(3) +
               Only('S'));
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    w.links_[shard].Take();
    w.ServerSays(shard, W::Done("BEGIN", 'T') + Only('1') + Only('2') + Columns() + Row("a") +
                            W::Done("SELECT 1", 'T'));
  }
  EXPECT_EQ(W::Types(w.ToClient()), "12DDDsZ");
  w.ClientSays(execute(1) + Only('S'));
  EXPECT_EQ(W::Types(w.ToClient()), "DsZ");
  w.ClientSays(execute(0) + Only('S'));
  EXPECT_EQ(W::Types(w.ToClient()), "CZ");
  for (std::uint32_t shard = 0; shard < 4; ++shard) EXPECT_EQ(w.links_[shard].Take(), "");
  w.ClientSays(bind + execute(0) + Only('S'));  // A new portal of the same name begins anew.
  for (std::uint32_t shard = 0; shard < 4; ++shard) EXPECT_NE(w.links_[shard].Take(), "");
}

// JDBC's executeUpdate() says 1: it wants no rows.
TEST(SessionSeveral, ARowLimitMeansNothingToAWriteWithoutRows) {
  SessionWorld w;
  w.ClientSays(W::Query("BEGIN"));
  w.ToClient();
  std::string bind;
  pg::WireWriter(&bind, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&bind, 'E').String("").Int32(1).End();
  w.ClientSays(Parse("", "UPDATE customers SET name = 'x'") + bind + Only('S'));
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    w.links_[shard].Take();
    w.ServerSays(shard, W::Done("BEGIN", 'T') + Only('1') + Only('2') + Only('n') +
                            W::Done("UPDATE 2", 'T'));
  }
  const std::string told = w.ToClient();
  EXPECT_EQ(W::Types(told), "12CZ");
  EXPECT_NE(told.find("UPDATE 8"), std::string::npos);
}

TEST(SessionSeveral, AScatterReadIsDescribedOnce) {
  SessionWorld w;
  w.ClientSays(Parse("", "SELECT name FROM customers ORDER BY name"));
  std::string bind;
  pg::WireWriter(&bind, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  w.ClientSays(bind + DescribeExecuteSync());
  EXPECT_EQ(W::Types(w.links_[0].Take()), "PBDS");
  w.ServerSays(0, kDescribed);
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    EXPECT_EQ(W::Types(w.links_[shard].Take()), "PBDES") << shard;
    w.ServerSays(shard, Only('1') + Only('2') + Columns() + Row("x") + W::Done("SELECT 1"));
  }
  EXPECT_EQ(W::Types(w.ToClient()), "12TDDDDCZ");
  EXPECT_TRUE(w.session_.at_rest());
}

TEST(SessionSeveral, ADescribeThatFailsEndsThePipeline) {
  Proven p;
  p.w.ServerSays(2, W::Failed("42P01"));
  EXPECT_EQ(W::Types(p.w.ToClient()), "12EZ");
  EXPECT_TRUE(p.w.session_.at_rest());
}

// The server knows the text from another session: its Parse is answered here, before what the
// server says.
TEST(SessionSeveral, AnswersOfOurOwnComeInOrderAndDoNotForbidARetry) {
  SessionWorld w;
  w.learns_of_ = 0;
  const std::string id = std::to_string(w.SomeKeyOf(0));
  w.ClientSays(Parse("a", "DELETE FROM customers WHERE id = $1") + Bind("a", id) +
               DescribeExecuteSync());
  w.ServerSays(0, Only('1') + Only('2') + Only('n') + W::Done("DELETE 1"));
  w.ToClient();
  w.links_[0].Take();
  w.ClientSays(Parse("b", "DELETE FROM customers WHERE id = $1") + Bind("b", id) +
               DescribeExecuteSync());
  EXPECT_EQ(W::Types(w.links_[0].Take()), "BDES");
  w.ServerSays(0, Only('2') + Only('n') + W::Failed("FS001", 'I', "migration=7 owner=s-1 epoch=2"));
  EXPECT_EQ(w.ToClient(), "");
  EXPECT_EQ(W::Types(w.links_[1].Take()), "PBDES");
  w.ServerSays(1, Only('1') + Only('2') + Only('n') + W::Done("DELETE 1"));
  EXPECT_EQ(W::Types(w.ToClient()), "12nCZ");
}

// A reader in a transaction keeps the owner of its keys until it ends. bench/cutover found an old
// value that a deaf router had read so.
TEST(SessionSeveral, AReadInATransactionKeepsTheOwnerOfItsKeys) {
  SessionWorld w;
  w.proofs_ = {kLeased};
  const std::string read = fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(2));
  for (int transaction = 0; transaction < 2; ++transaction) {
    w.ClientSays(W::Query("BEGIN"));
    w.ClientSays(W::Query(read));
    EXPECT_EQ(w.links_[2].Take(), W::Query("BEGIN\n;SELECT lock\n;SELECT proof") + W::Query(read));
    w.ServerSays(2, W::Done("SELECT 1", 'T') + W::Done("SELECT 0", 'T'));
    w.ClientSays(W::Query(read));  // once is enough
    EXPECT_EQ(w.links_[2].Take(), W::Query(read));
    w.ServerSays(2, W::Done("SELECT 0", 'T'));
    w.ClientSays(W::Query("COMMIT"));
    w.links_[2].Take();
    w.ServerSays(2, W::Done("COMMIT"));
    w.ToClient();
  }
}

// Of the refused proof and of the statement behind it: the server owes two answers.
TEST(SessionSeveral, AProofThatFailsInATransactionTakesItToTheOwnerUnseen) {
  const std::string refused =
      W::Failed("FS001", 'E', "migration=7 owner=s-1 epoch=2") + W::Failed("25P02", 'E');
  for (std::size_t cut = 0; cut <= refused.size(); ++cut) {
    SessionWorld w;
    w.proofs_ = {kLeased};
    w.learns_of_ = 2;
    const std::string read =
        fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(2));
    w.ClientSays(W::Query("BEGIN"));
    w.ToClient();
    w.ClientSays(W::Query(read));
    w.links_[2].Take();
    w.proofs_.clear();
    w.ServerSays(2, refused.substr(0, cut));
    if (cut < refused.size()) {
      ASSERT_EQ(w.links_[2].Take(), "") << cut;
    }
    w.ServerSays(2, refused.substr(cut));
    ASSERT_EQ(w.links_[2].Take(), W::Query("ROLLBACK")) << cut;
    w.ServerSays(2, W::Done("ROLLBACK"));
    EXPECT_EQ(w.ToClient(), "") << cut;
    EXPECT_EQ(w.links_[1].Take(), W::Query("BEGIN") + W::Query(read)) << cut;
    EXPECT_EQ(w.broken_[2], 0) << cut;
  }
}

TEST(SessionSeveral, WhatWasReadBeforeTheLeaseIsFollowedByAProofOfWhatIsReadAfterIt) {
  SessionWorld w;
  w.proofs_ = {kLeased};
  const std::string read = fmt::format("SELECT name FROM customers WHERE id = {}", w.SomeKeyOf(2));
  const auto leased = std::exchange(w.proofs_, {});
  w.ClientSays(W::Query("BEGIN"));
  w.ClientSays(W::Query(read));
  EXPECT_EQ(w.links_[2].Take(), W::Query("BEGIN") + W::Query(read));
  w.ServerSays(2, W::Done("BEGIN", 'T') + W::Done("SELECT 0", 'T'));
  w.proofs_ = leased;
  w.ClientSays(W::Query(read));
  EXPECT_EQ(w.links_[2].Take(), W::Query("SELECT lock\n;SELECT proof") + W::Query(read));
  w.ToClient();
  w.ServerSays(2, W::Failed("FS001", 'E', "migration=7 owner=s-1 epoch=2"));
  EXPECT_NE(w.ToClient().find("40001"), std::string::npos);
  EXPECT_EQ(w.broken_[2], 1);
}

TEST(SessionSeveral, AProvenReadThatLocksRowsMayDoSo) {
  SessionWorld w;
  w.proofs_ = {kLeased};
  w.ClientSays(
      W::Query(fmt::format("SELECT name FROM customers WHERE id = {} FOR UPDATE", w.SomeKeyOf(2))));
  const std::string said = w.links_[2].Take();
  EXPECT_NE(said.find("BEGIN ISOLATION LEVEL REPEATABLE READ\n;SELECT proof"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::router

#include "router/session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <tuple>

#include "base/random.h"
#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

TEST(Session, BorrowsAServerForOneStatement) {
  SessionWorld w;
  const std::int64_t id = w.SomeKeyOf(2);
  w.ClientSays(W::Query(fmt::format("SELECT * FROM customers WHERE id = {}", id)));
  EXPECT_EQ(w.lent_[2], 1);
  EXPECT_EQ(W::Types(w.links_[2].Take()), "Q");
  w.ServerSays(2, W::Done("SELECT 0"));
  EXPECT_EQ(w.ToClient(), W::Done("SELECT 0"));
  EXPECT_EQ(w.lent_[2], 0);
  EXPECT_TRUE(w.session_.at_rest());
  ASSERT_EQ(w.records_.size(), 1U);
  EXPECT_FALSE(w.records_[0].write);
}

// The planner splits append-only keys at their head, which heat knows from inserts alone.
TEST(Session, TellsAnInsertFromOtherWrites) {
  for (const auto& [text, tag, insert] :
       {std::tuple{"INSERT INTO customers (id, name) VALUES ({}, 'a')", "INSERT 0 1", true},
        std::tuple{"UPDATE customers SET name = 'b' WHERE id = {}", "UPDATE 1", false},
        std::tuple{"SELECT name FROM customers WHERE id = {}", "SELECT 1", false}}) {
    SessionWorld w;
    w.ClientSays(W::Query(fmt::format(fmt::runtime(text), w.SomeKeyOf(2))));
    w.ServerSays(2, W::Done(tag));
    ASSERT_EQ(w.records_.size(), 1U) << text;
    EXPECT_EQ(w.records_[0].insert, insert) << text;
  }
}

// However the client's bytes are cut, the servers hear the same and so does the client.
TEST(Session, CutsOfTheClientsBytesChangeNothing) {
  std::string turn;
  pg::AppendParse(&turn, "s", "SELECT name FROM customers WHERE id = $1", {});
  pg::WireWriter(&turn, 'B')
      .String("")
      .String("s")
      .Int16(0)
      .Int16(1)
      .Int32(1)
      .Bytes("7")
      .Int16(0)
      .End();
  pg::AppendDescribe(&turn, 'P', "");
  pg::WireWriter(&turn, 'E').String("").Int32(0).End();
  pg::AppendEmpty(&turn, 'S');
  turn += W::Query("BEGIN") + W::Query("SELECT 1; SELECT 2") + W::Query("COMMIT");
  std::string wanted;
  for (std::size_t piece = 0; piece < turn.size(); ++piece) {
    SessionWorld w;
    const std::uint32_t shard = w.OwnerOf(7);
    w.ClientSays(turn, piece);
    std::string trace = w.links_[shard].Take();
    std::string answer;
    pg::AppendEmpty(&answer, '1');
    pg::AppendEmpty(&answer, '2');
    pg::AppendEmpty(&answer, 'n');
    w.ServerSays(shard, answer + W::Done("SELECT 0"));
    trace += w.ToClient();
    for (FakeLink* link : {&w.links_[0], &w.links_[1], &w.links_[2], &w.links_[3]})
      trace += "|" + link->Take();
    if (piece == 0) wanted = trace;
    EXPECT_EQ(trace, wanted) << "in pieces of " << piece;
  }
}

TEST(Session, WaitsForAServerAndGoesOnWhenItComes) {
  SessionWorld w;
  w.none_free_ = true;
  const std::int64_t id = w.SomeKeyOf(1);
  w.ClientSays(W::Query(fmt::format("DELETE FROM customers WHERE id = {}", id)));
  ASSERT_EQ(w.waiting_, std::vector<std::uint32_t>{1});
  EXPECT_FALSE(w.session_.at_rest());
  w.session_.OnServerReady(1, w.links_[1]);
  w.GoOn();
  EXPECT_EQ(W::Types(w.links_[1].Take()), "Q");
}

TEST(Session, TellsWhyNoServerCame) {
  SessionWorld w;
  w.none_free_ = true;
  w.ClientSays(W::Query("SELECT 1") + W::Query("SELECT 2"));
  w.session_.OnServerFailed(0, {.sqlstate = "57P03", .message = "none", .hint = {}}, false);
  w.GoOn();
  EXPECT_EQ(W::Types(w.ToClient()), "EZ");
  EXPECT_EQ(w.waiting_.size(), 2U);  // The second statement waits on its own.
}

TEST(Session, ParksAndGoesOnWhenLetGo) {
  SessionWorld w;
  w.admission_ = Admission::kParked;
  const std::int64_t id = w.SomeKeyOf(3);
  w.ClientSays(W::Query(fmt::format("UPDATE customers SET name = 'x' WHERE id = {}", id)));
  EXPECT_EQ(w.links_[3].Take(), "");
  EXPECT_EQ(w.ToClient(), "");
  w.admission_ = Admission::kGo;
  w.session_.OnUnparked(true);
  w.GoOn();
  EXPECT_EQ(W::Types(w.links_[3].Take()), "Q");
  w.ServerSays(3, W::Done("UPDATE 1"));
  EXPECT_EQ(W::Types(w.ToClient()), "CZ");
}

TEST(Session, AFullHoldAndAnEndlessOneAreErrors) {
  SessionWorld w;
  w.admission_ = Admission::kFull;
  w.ClientSays(W::Query("SELECT * FROM customers WHERE id = 1"));
  EXPECT_NE(w.ToClient().find("57P03"), std::string::npos);
  w.admission_ = Admission::kParked;
  w.ClientSays(W::Query("SELECT * FROM customers WHERE id = 1"));
  w.session_.OnUnparked(false);
  w.GoOn();
  EXPECT_NE(w.ToClient().find("57P03"), std::string::npos);
  EXPECT_TRUE(w.session_.at_rest());
}

TEST(Session, ACancelEndsAWait) {
  SessionWorld w;
  w.admission_ = Admission::kParked;
  w.ClientSays(W::Query("SELECT * FROM customers WHERE id = 1"));
  w.session_.CancelWait();
  w.GoOn();
  EXPECT_NE(w.ToClient().find("57014"), std::string::npos);
}

TEST(Session, AClientThatGoesAwayGivesEverythingBack) {
  SessionWorld w;
  w.ClientSays(W::Query("SELECT * FROM customers WHERE id = 1"));
  w.session_.OnClientGone();
  const std::uint32_t shard = w.OwnerOf(1);
  EXPECT_EQ(w.lent_[shard], 0);
  EXPECT_EQ(w.broken_[shard], 1);  // In the middle of something: nobody else may have it.
}

TEST(Session, UnknownMessagesEndTheConnection) {
  SessionWorld w;
  w.ClientSays(std::string("?\0\0\0\4", 5));
  EXPECT_TRUE(w.closed_);
  EXPECT_NE(w.ToClient().find("08P01"), std::string::npos);
}

// Answers whatever the servers were told, as servers that like everything, until all is said.
void ServersAnswer(SessionWorld& w) {
  bool said = true;
  while (std::exchange(said, false)) {
    for (auto& [shard, link] : w.links_) {
      const std::string heard = link.Take();
      std::string_view rest = heard;
      pg::WireFrame frame;
      while (pg::NextFrame(rest, 1 << 20, &frame) == pg::WireFrameState::kComplete) {
        said = true;
        rest.remove_prefix(frame.whole.size());
        std::string answer;
        const char status = link.began ? 'T' : 'I';
        if (frame.type == 'Q')
          answer = frame.body.starts_with("ROLLBACK") ? W::Done("ROLLBACK")
                                                      : W::Done("SELECT 1", status);
        if (frame.type == 'P') pg::AppendEmpty(&answer, '1');
        if (frame.type == 'B') pg::AppendEmpty(&answer, '2');
        if (frame.type == 'C') pg::AppendEmpty(&answer, '3');
        if (frame.type == 'D' && frame.body[0] == 'S') pg::WireWriter(&answer, 't').Int16(0).End();
        if (frame.type == 'D') pg::AppendEmpty(&answer, 'n');
        if (frame.type == 'E') pg::AppendCommandComplete(&answer, "SELECT 1");
        if (frame.type == 'S') answer = W::Ready(status);
        if (!answer.empty()) w.ServerSays(shard, answer);
      }
    }
  }
}

std::string AnyMessage(Random& random, int* cycles) {
  std::string bytes;
  const std::string name = random.Chance(0.5) ? "" : "n";
  switch (random.Below(9)) {
    case 0:
      pg::AppendParse(&bytes, name, random.Chance(0.5) ? "SELECT 1" : "BEGIN", {});
      break;
    case 1:
      pg::WireWriter(&bytes, 'B').String("").String(name).Int16(0).Int16(0).Int16(0).End();
      break;
    case 2:
      pg::AppendDescribe(&bytes, random.Chance(0.5) ? 'S' : 'P', "");
      break;
    case 3:
      pg::WireWriter(&bytes, 'E').String("").Int32(0).End();
      break;
    case 4:
      pg::AppendClose(&bytes, 'S', name);
      break;
    case 5:
      pg::AppendEmpty(&bytes, 'H');
      break;
    case 6:
      bytes = W::Query(random.Chance(0.5) ? "ROLLBACK" : "SELECT nonsense FROM customers");
      break;
    case 7:
      bytes = W::Query("SELECT 1");
      break;
    case 8:
      pg::AppendEmpty(&bytes, 'S');
      ++*cycles;
      break;
  }
  return bytes;
}

// Any messages in any order: each Sync gets its ReadyForQuery, nothing blocks for ever, and no
// server stays behind.
TEST(Session, AnyMessagesInAnyOrderEndInOrder) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Random random(seed);
    SessionWorld w;
    int syncs = 0;
    std::string heard;
    for (int step = 0; step < 60; ++step) {
      w.ClientSays(AnyMessage(random, &syncs));
      if (random.Chance(0.7)) ServersAnswer(w);
    }
    std::string last;
    pg::AppendEmpty(&last, 'S');
    w.ClientSays(last + W::Query("ROLLBACK"));
    ServersAnswer(w);
    heard = W::Types(w.ToClient());
    EXPECT_GE(std::count(heard.begin(), heard.end(), 'Z'), syncs + 2)
        << "seed " << seed << " " << heard;
    EXPECT_TRUE(w.session_.at_rest()) << "seed " << seed << " " << heard;
    EXPECT_FALSE(w.closed_) << "seed " << seed;
    for (const auto& [shard, count] : w.lent_) EXPECT_EQ(count, 0) << "seed " << seed;
  }
}

}  // namespace
}  // namespace foreshard::router

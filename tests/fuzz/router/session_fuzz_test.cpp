#include <gtest/gtest.h>

#include "base/random.h"
#include "tests/fuzz/router/sql_generator.h"
#include "tests/unit/router/session_world.h"

// Any messages in any order, from the client and from servers: what the client gets are whole
// messages, what it leaves are no servers that anybody holds.

namespace foreshard::router {
namespace {

std::string AnyBytes(Random& random, std::uint64_t most) {
  std::string bytes;
  for (std::uint64_t i = random.Below(most); i > 0; --i)
    bytes += static_cast<char>(random.Below(256));
  return bytes;
}

// A message of the client's, mostly one that is well formed.
std::string Said(Random& random) {
  fuzz::SqlGenerator generator(random);
  std::string out;
  const std::string name = std::string(1, "\0ab"[random.Below(3)]).c_str();
  switch (random.Below(12)) {
    case 0:
    case 1:
      pg::AppendQuery(&out, generator.Statement());
      return out;
    case 2:
      pg::AppendQuery(&out, random.Chance(0.5)   ? "BEGIN"
                            : random.Chance(0.5) ? "COMMIT"
                                                 : "ROLLBACK");
      return out;
    case 3:
    case 4:
      pg::AppendParse(&out, name, generator.Statement(), {});
      return out;
    case 5:
      pg::WireWriter(&out, 'B').String("").String(name).Int16(0).Int16(0).Int16(0).End();
      return out;
    case 6:
      pg::AppendDescribe(&out, random.Chance(0.5) ? 'S' : 'P', name);
      return out;
    case 7:
      pg::WireWriter(&out, 'E').String("").Int32(random.Chance(0.8) ? 0 : 2).End();
      return out;
    case 8:
      pg::AppendEmpty(&out, random.Chance(0.8) ? 'S' : 'H');
      return out;
    case 9:
      pg::WireWriter(&out, 'C').Bytes(random.Chance(0.5) ? "S" : "P").String(name).End();
      return out;
    case 10:
      pg::WireWriter(&out, "dcfQPBDECFX?"[random.Below(random.Chance(0.1) ? 12 : 11)])
          .Bytes(AnyBytes(random, 20))
          .End();
      return out;
    default:
      pg::AppendQuery(&out,
                      "SELECT name FROM customers WHERE id = " + std::to_string(random.Below(20)));
      return out;
  }
}

// What a server says to one message; now and then something else.
std::string Reply(Random& random, char heard, char* status) {
  std::string out;
  if (random.Chance(0.03)) {
    pg::WireWriter(&out, "12nTDCZEGHIst"[random.Below(13)]).Bytes(AnyBytes(random, 12)).End();
    return out;
  }
  if (heard != 'S' && random.Chance(0.1)) {
    const bool stale = random.Chance(0.3);
    pg::AppendError(&out, {.severity = "ERROR",
                           .code = stale ? "FS001" : "22012",
                           .message = "m",
                           .detail = stale ? "migration=7 owner=s-1 epoch=2" : "",
                           .hint = {}});
    if (*status == 'T') *status = 'E';
    if (heard == 'Q') pg::AppendReadyForQuery(&out, *status);
    return out;
  }
  switch (heard) {
    case 'P':
      pg::AppendEmpty(&out, '1');
      return out;
    case 'B':
      pg::AppendEmpty(&out, '2');
      return out;
    case 'C':
      pg::AppendEmpty(&out, '3');
      return out;
    case 'D':
      pg::AppendEmpty(&out, 'n');
      return out;
    case 'E':
      pg::AppendCommandComplete(&out, "SELECT 0");
      return out;
    case 'S':
      pg::AppendReadyForQuery(&out, *status);
      return out;
    case 'Q':
      if (random.Chance(0.3)) *status = random.Chance(0.5) ? 'T' : 'I';
      for (std::uint64_t i = random.Below(3); i > 0; --i)  // of the proofs before the statement
        pg::AppendCommandComplete(&out, "SELECT 1");
      pg::AppendCommandComplete(&out, "SELECT 0");
      pg::AppendReadyForQuery(&out, *status);
      return out;
  }
  return out;
}

// A cutover of some shard's keys comes near, or is over.
void Lease(Random& random, SessionWorld& w) {
  w.proofs_.clear();
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    if (random.Chance(0.3))
      w.proofs_.push_back(
          {.shard = shard, .migration = 7 + shard, .sql = "SELECT proof", .lock = "SELECT lock"});
  }
}

struct Server {
  std::string heard;
  char status = 'I';
};

void ServerStep(Random& random, SessionWorld& w, std::uint32_t shard, Server& server) {
  FakeLink& link = w.links_[shard];
  server.heard += link.Take();
  if (w.lent_[shard] == 0) {
    server = {};
    link.heard.clear();
    return;
  }
  if (random.Chance(0.01)) {
    server = {};
    link.heard.clear();
    w.session_.OnServerLost(link, "reset");
    w.GoOn();
    return;
  }
  pg::WireFrame frame;
  if (pg::NextFrame(server.heard, 1 << 30, &frame) != pg::WireFrameState::kComplete) return;
  const std::string reply = Reply(random, frame.type, &server.status);
  server.heard.erase(0, frame.whole.size());
  if (!reply.empty()) w.ServerSays(shard, reply);
}

TEST(SessionFuzz, AnyMessagesInAnyOrder) {
  std::size_t answers = 0;
  for (std::uint64_t seed = 1; seed <= 6'000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    SessionWorld w;
    std::map<std::uint32_t, Server> servers;
    std::string client;
    for (int step = 0; step < 120 && !w.closed_; ++step) {
      if (random.Chance(0.05)) Lease(random, w);
      if (random.Chance(0.3))
        w.ClientSays(Said(random), static_cast<std::size_t>(random.Below(40)));
      for (std::uint32_t shard = 0; shard < 4; ++shard)
        ServerStep(random, w, shard, servers[shard]);
      if (w.pause_ && random.Chance(0.5)) {
        w.pause_.reset();
        w.session_.OnTimer();
        w.GoOn();
      }
      client += w.ToClient();
      for (const auto& [shard, lent] : w.lent_) ASSERT_TRUE(lent == 0 || lent == 1) << shard;
    }
    client += w.ToClient();
    std::string_view rest = client;
    pg::WireFrame frame;
    while (pg::NextFrame(rest, 1 << 30, &frame) == pg::WireFrameState::kComplete) {
      rest.remove_prefix(frame.whole.size());
      answers += frame.type == 'Z' ? 1 : 0;
    }
    ASSERT_EQ(rest.size(), 0U) << "half a message";
    w.session_.OnClientGone();
    for (const auto& [shard, lent] : w.lent_) ASSERT_EQ(lent, 0) << shard;
  }
  EXPECT_GT(answers, 20'000U);
}

}  // namespace
}  // namespace foreshard::router

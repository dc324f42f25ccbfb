#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "pg/wire_backend.h"
#include "pg/wire_reader.h"
#include "tests/unit/router/session_world.h"

// A server is lost before each frame that any server says, in each of some dialogues: the client
// gets an answer to all that it asks, and no server stays lent.

namespace foreshard::router {
namespace {

using W = SessionWorld;

constexpr int kTurnsMax = 10'000;
constexpr const char* kMoved = "migration=7 owner=s-1 epoch=2";

std::string Empty(char type) {
  std::string out;
  pg::AppendEmpty(&out, type);
  return out;
}

std::string Farewell() {
  std::string farewell;
  pg::AppendError(&farewell,
                  {.severity = "FATAL", .code = "57P01", .message = "m", .detail = {}, .hint = {}});
  return farewell;
}

// As little of PostgreSQL as a session needs: the state of its transaction, and an answer for each
// message.
class Server {
 public:
  int refusals = 0;  // so many writes are told that their keys have moved

  // The frames that answer `said`.
  std::vector<std::string> Answer(std::string_view said) {
    std::vector<std::string> frames;
    pg::WireFrame frame;
    while (pg::NextFrame(said, 1 << 30, &frame) == pg::WireFrameState::kComplete) {
      said.remove_prefix(frame.whole.size());
      if (skips_ && frame.type != 'S') continue;
      Message(frame, frames);
    }
    EXPECT_EQ(said, "") << "half a message";
    return frames;
  }

 private:
  void Message(const pg::WireFrame& frame, std::vector<std::string>& frames) {
    pg::WireReader body(frame.body);
    switch (frame.type) {
      case 'Q':
        Run(body.String(), frames);
        frames.push_back(W::Ready(status_));
        return;
      case 'P':
        body.String();
        statement_ = body.String();
        frames.push_back(Empty('1'));
        return;
      case 'B':
        frames.push_back(Empty('2'));
        return;
      case 'D':
        frames.push_back(Empty('n'));
        return;
      case 'C':
        frames.push_back(Empty('3'));
        return;
      case 'E':
        skips_ = !Run(statement_, frames);
        return;
      case 'S':
        skips_ = false;
        frames.push_back(W::Ready(status_));
        return;
      default:
        return;
    }
  }

  bool Run(std::string_view sql, std::vector<std::string>& frames) {
    const auto fail = [&](std::string_view code) {
      std::string all = W::Failed(code, 'E', kMoved);
      frames.push_back(all.substr(0, all.size() - W::Ready().size()));
      if (status_ == 'T') status_ = 'E';
      return false;
    };
    std::string tag(sql.substr(0, sql.find(' ')));
    if (tag == "ROLLBACK" || tag == "COMMIT" || tag == "PREPARE") {
      if (status_ == 'E') tag = "ROLLBACK";
      status_ = 'I';
    } else if (status_ == 'E') {
      return fail("25P02");
    } else if (tag == "BEGIN") {
      status_ = 'T';
    } else if (tag == "DELETE" && refusals > 0) {
      --refusals;
      return fail("FS001");
    }
    const std::string done = W::Done(tag == "DELETE" ? "DELETE 1" : tag);
    frames.push_back(done.substr(0, done.size() - W::Ready().size()));
    return true;
  }

  char status_ = 'I';
  bool skips_ = false;
  std::string statement_;
};

std::string Extended(const std::string& sql) {
  std::string out;
  pg::AppendParse(&out, "", sql, {});
  pg::WireWriter(&out, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::AppendDescribe(&out, 'P', "");
  pg::WireWriter(&out, 'E').String("").Int32(0).End();
  return out + Empty('S');
}

// What a client says, each when the one before has been answered.
std::vector<std::vector<std::string>> Dialogues(SessionWorld& w) {
  const std::string write = fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(0));
  const std::string read = fmt::format("SELECT * FROM customers WHERE id = {}", w.SomeKeyOf(0));
  const std::string far = fmt::format("DELETE FROM customers WHERE id = {}", w.SomeKeyOf(2));
  const std::string begin = "BEGIN ISOLATION LEVEL REPEATABLE READ";
  return {{W::Query(write)},
          {W::Query(read)},
          {Extended(write)},
          {Extended(read)},
          {Extended(write) + Extended(write)},
          {W::Query(begin), W::Query(write), W::Query(write), W::Query("COMMIT")},
          {W::Query(begin), Extended(write), Extended(write), W::Query("COMMIT")},
          {W::Query(begin), W::Query(read), W::Query(write), W::Query("ROLLBACK")},
          {W::Query("BEGIN"), Extended(read), Extended(write), Extended("COMMIT")},
          {W::Query("SET work_mem = '7MB'"), W::Query(write), W::Query(begin), Extended(write),
           W::Query("COMMIT")},
          {W::Query("BEGIN"), W::Query(write), W::Query(far), W::Query("COMMIT")},
          {W::Query("BEGIN"), Extended(write), Extended(far), Extended("COMMIT")},
          {W::Query("BEGIN"), W::Query(write), W::Query(far), W::Query("ROLLBACK")},
          {W::Query("DELETE FROM customers")},
          {W::Query("SELECT * FROM customers")}};
}

// One dialogue in which the server is lost that would say frame number `lost` of all; 0: none.
class Loss {
 public:
  Loss(std::size_t dialogue, bool refuses, bool farewell, int lost)
      : said_(Dialogues(w_)[dialogue]), farewell_(farewell), lost_(lost) {
    servers_[0].refusals = refuses ? 2 : 0;
  }

  // Of the frames there were.
  int Play() {
    for (const std::string& message : said_) {
      const auto asked = W::Types(message);
      const auto questions = std::ranges::count(asked, 'Q') + std::ranges::count(asked, 'S');
      w_.ClientSays(message);
      int turns = 0;
      while (turns < kTurnsMax && Turn()) ++turns;
      EXPECT_LT(turns, kTurnsMax) << "it never ends";
      const std::string answers = W::Types(w_.ToClient());
      EXPECT_EQ(std::ranges::count(answers, 'Z'), questions)
          << "of '" << asked << "', answered '" << answers << "'";
    }
    EXPECT_TRUE(w_.session_.at_rest());
    for (const auto& [shard, lent] : w_.lent_) EXPECT_EQ(lent, 0) << "server of shard " << shard;
    return frames_;
  }

 private:
  // False: nobody has anything to say any more.
  bool Turn() {
    for (std::uint32_t shard = 0; shard < 4; ++shard) {
      const std::string said = w_.links_[shard].Take();
      if (said.empty()) continue;
      for (const std::string& frame : servers_[shard].Answer(said)) {
        if (++frames_ == lost_) {
          Lose(shard);
          break;
        }
        w_.ServerSays(shard, frame);
      }
      return true;
    }
    const auto pause = std::exchange(w_.pause_, std::nullopt);
    if (!pause) return false;
    w_.now_ += *pause;
    w_.session_.OnTimer();
    w_.GoOn();
    return true;
  }

  void Lose(std::uint32_t shard) {
    const int before = w_.broken_[shard];
    if (farewell_) w_.ServerSays(shard, Farewell());
    // A farewell is followed by the end, of whom the session has not let go yet.
    if (w_.broken_[shard] == before) w_.session_.OnServerLost(w_.links_[shard], "reset");
    const int refusals = servers_[shard].refusals;
    servers_[shard] = Server();
    servers_[shard].refusals = refusals;
    // What the session has said to a new server meanwhile stands in `said`.
    std::string said = w_.links_[shard].Take();
    const std::uint32_t number = w_.links_[shard].shard;
    if (w_.lent_[shard] == 0) {
      w_.links_[shard] = FakeLink();
      w_.links_[shard].shard = number;
    }
    w_.links_[shard].said = std::move(said);
    w_.GoOn();
  }

  SessionWorld w_;
  std::vector<std::string> said_;
  bool farewell_;
  int lost_;
  int frames_ = 0;
  std::map<std::uint32_t, Server> servers_;
};

TEST(SessionLoss, ALostServerLeavesNoQuestionWithoutAnAnswer) {
  SessionWorld w;
  const std::size_t dialogues = Dialogues(w).size();
  for (std::size_t dialogue = 0; dialogue < dialogues; ++dialogue) {
    for (const bool refuses : {false, true}) {
      const int frames = Loss(dialogue, refuses, false, 0).Play();
      EXPECT_GT(frames, 1);
      for (int lost = 1; lost <= frames; ++lost) {
        for (const bool farewell : {false, true}) {
          SCOPED_TRACE(fmt::format("dialogue {}, {}, {} before frame {}", dialogue,
                                   refuses ? "moved" : "at home", farewell ? "farewell" : "reset",
                                   lost));
          Loss(dialogue, refuses, farewell, lost).Play();
        }
      }
    }
  }
}

}  // namespace
}  // namespace foreshard::router

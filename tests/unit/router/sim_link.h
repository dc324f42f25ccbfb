#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <charconv>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "base/random.h"
#include "pg/wire_reader.h"
#include "router/pool.h"
#include "tests/unit/router/session_world.h"

// A server process of the simulation of sessions over one pool: answers one message after another,
// simple and extended, and knows whose transaction is open on it.

namespace foreshard::router {

// Every statement of a client carries this in a comment: who says it, how many were said before,
// and in which transaction block (0: none).
struct SimTag {
  int client = 0;
  int statement = 0;
  int block = 0;

  std::string Text() const { return fmt::format("/*{}.{}.{}*/", client, statement, block); }
  static SimTag Read(std::string_view text) {
    SimTag tag;
    const char* at = text.data() + 2;
    const char* const end = text.data() + text.size();
    for (int* number : {&tag.client, &tag.statement, &tag.block})
      at = std::from_chars(at, end, *number).ptr + 1;
    return tag;
  }
};

struct SimLink final : ServerLink {
  // Which connection of a shard has a client's block: one, for all of it.
  using Blocks = std::map<std::tuple<int, int, std::uint32_t>, const SimLink*>;

  std::string said;
  std::string& out() override { return said; }
  GroupId group = 0;
  int lent_to = -1;
  int transaction_of = -1;
  bool failed = false;
  bool dead = false;
  bool skipping = false;  // behind an error, up to Sync
  std::map<std::string, std::string> statements;
  std::string portal;
  Blocks* blocks = nullptr;

  // What it says to the next message; empty: nothing (or not yet).
  std::string Answer(Random& random, const std::string& where) {
    pg::WireFrame frame;
    if (pg::NextFrame(said, 1 << 20, &frame) != pg::WireFrameState::kComplete) return {};
    const std::string body(frame.body);
    const char type = frame.type;
    said.erase(0, frame.whole.size());
    if (transaction_of >= 0) {
      EXPECT_EQ(transaction_of, lent_to) << where << ": another one's transaction";
    }
    if (type == 'S') {
      skipping = false;
      return SessionWorld::Ready(StatusByte());
    }
    if (type == 'Q') {
      std::string answer = Run(random, where, body.substr(0, body.size() - 1));
      skipping = false;
      return answer + SessionWorld::Ready(StatusByte());
    }
    if (skipping) return {};
    pg::WireReader reader(body);
    const std::string first(reader.String());
    std::string out;
    switch (type) {
      case 'P':
        statements[first] = std::string(reader.String());
        pg::AppendEmpty(&out, '1');
        return out;
      case 'B': {
        const auto found = statements.find(std::string(reader.String()));
        EXPECT_NE(found, statements.end()) << where << ": a statement that nobody prepared here";
        portal = found == statements.end() ? "" : found->second;
        pg::AppendEmpty(&out, '2');
        return out;
      }
      case 'E':
        return Run(random, where, portal);
      case 'C':
        pg::AppendEmpty(&out, '3');
        return out;
      default:
        ADD_FAILURE() << where << ": " << type;
        return {};
    }
  }

 private:
  char StatusByte() const { return transaction_of < 0 ? 'I' : failed ? 'E' : 'T'; }

  std::string Run(Random& random, const std::string& where, const std::string& text) {
    std::string answer;
    if (text.starts_with("BEGIN")) transaction_of = lent_to;
    const bool ends = text.starts_with("COMMIT") || text.starts_with("ROLLBACK") ||
                      text.starts_with("PREPARE TRANSACTION") ||
                      text.find("decide(") != std::string::npos;
    if (ends) {
      const bool rolled_back = std::exchange(failed, false);
      transaction_of = -1;
      pg::AppendCommandComplete(&answer,
                                rolled_back ? "ROLLBACK" : text.substr(0, text.find(" '")));
      return answer;
    }
    if (failed || random.Chance(0.05)) {
      const bool was = std::exchange(failed, transaction_of >= 0);
      skipping = true;
      pg::AppendError(&answer, {.severity = "ERROR",
                                .code = was ? "25P02" : "23505",
                                .message = "m",
                                .detail = {},
                                .hint = {}});
      return answer;
    }
    const std::size_t at = text.find("/*");
    if (at != std::string::npos) {
      const std::string_view values[] = {std::string_view(text).substr(at)};
      Belongs(SimTag::Read(values[0]), where);
      pg::AppendTextRow(&answer, values);
    }
    pg::AppendCommandComplete(&answer, "SELECT 1");
    return answer;
  }

  // A statement is run for its own client, inside of the transaction that it was said in, and all
  // of that transaction on this connection.
  void Belongs(const SimTag& tag, const std::string& where) {
    EXPECT_EQ(tag.client, lent_to) << where << ": a statement of another client";
    if (tag.block == 0) {
      EXPECT_EQ(transaction_of, -1) << where << ": it was said outside of transactions";
      return;
    }
    EXPECT_EQ(transaction_of, tag.client) << where << ": it was said in a transaction";
    const SimLink*& home = (*blocks)[{tag.client, tag.block, shard}];
    if (home == nullptr) home = this;
    EXPECT_EQ(home, this) << where << ": a transaction that changed its server";
  }
};

}  // namespace foreshard::router

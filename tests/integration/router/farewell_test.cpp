#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "pg/wire_backend.h"
#include "pg/wire_writer.h"
#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// A cutover ends the connections of routers that do not answer, also in the middle of a write. What
// PostgreSQL says as it ends one, and what the router makes of it.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;

const support::Needs kNeeds({"postgres", "psql"});
constexpr int kWriters = 6;
constexpr int kEnded = 600;

enum class Way { kSimple, kExtended, kTransaction };

// What a client heard of one write.
struct Heard {
  bool ready = false;      // to its last word
  bool completed = false;  // CommandComplete of the statement that commits
  std::string error;       // SQLSTATE of the first one
  std::string end;         // why nothing more was heard
};

std::string Extended(const std::string& sql) {
  std::string out;
  pg::AppendParse(&out, "", sql, {});
  pg::WireWriter(&out, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&out, 'E').String("").Int32(0).End();
  pg::AppendEmpty(&out, 'S');
  return out;
}

Heard Say(WireClient& client, const std::string& bytes) {
  Heard heard;
  const Status sent = client.Send(bytes);  // If it failed, what was said before it is still heard.
  while (!heard.ready) {
    const Result<WireMessage> message = client.Receive();
    if (!message) {
      heard.end = message.error().message;
      return heard;
    }
    if (message->type == 'C') heard.completed = true;
    if (message->type == 'Z') heard.ready = true;
    if (message->type != 'E' || !heard.error.empty()) continue;
    const auto error = pg::DecodeError(message->body);
    heard.error = error ? std::string(error->code) : "malformed";
  }
  return heard;
}

std::string Query(const std::string& sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  return out;
}

Heard Increment(WireClient& client, int id, Way way) {
  const std::string update = fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", id);
  if (way == Way::kSimple) return Say(client, Query(update));
  if (way == Way::kExtended) {  // Sync commits, and only ReadyForQuery tells of it.
    Heard heard = Say(client, Extended(update));
    heard.completed = heard.ready;
    return heard;
  }
  for (const std::string& sql : {std::string("BEGIN"), update}) {
    Heard heard = Say(client, Query(sql));
    heard.completed = false;
    if (!heard.ready || !heard.error.empty()) return heard;
  }
  return Say(client, Query("COMMIT"));
}

// Each writer has its key; the test's own thread ends connections at random until it has ended
// enough of them.
class Farewell : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2}));
    ASSERT_TRUE(Good(
        bed_->Psql("CREATE TABLE customers(id bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0)")));
  }

  void EndConnections() {
    auto admin = bed_->Direct(0);
    ASSERT_TRUE(Good(admin));
    for (int ended = 0; ended < kEnded; ++ended) {
      ASSERT_TRUE(support::WaitFor("a connection of a writer to end", 30s, [&] {
        const auto answer = (*admin)->Ask(
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity WHERE "
            "usename = 'app' AND pid <> pg_backend_pid() AND (query LIKE '%customers%' OR query IN "
            "('BEGIN', 'COMMIT')) ORDER BY random() LIMIT 1) AS one");
        return Good(answer) && FirstValue(*answer) == "1";
      })) << ended;
    }
  }

  void Run(const std::function<void(int, const std::stop_token&)>& writer) {
    std::vector<std::jthread> threads;
    for (int id = 1; id <= kWriters; ++id)
      threads.emplace_back([&writer, id](const std::stop_token& stop) { writer(id, stop); });
    EndConnections();
  }

  static Way WayOf(int id) { return static_cast<Way>(id % 3); }
};

struct Score {
  std::int64_t acknowledged = 0;
  int refused = 0;  // 57P01 or 40001
  int unknown = 0;  // ended without a word
  int contradictions = 0;
  std::string unexpected;
};

// The assumption itself, of which the router makes use (kAdminShutdown in router/session.h).
TEST_F(Farewell, PostgresHasNotCommittedWhatItDidNotComplete) {
  for (int id = 1; id <= kWriters; ++id) {
    ASSERT_TRUE(Good(bed_->OnShard(0, fmt::format("INSERT INTO customers VALUES ({})", id))));
  }
  std::array<Score, kWriters + 1> scores;
  Run([&](int id, const std::stop_token& stop) {
    Score& score = scores[static_cast<std::size_t>(id)];
    while (!stop.stop_requested()) {
      auto client = bed_->Direct(0);
      if (!client) continue;  // ended before it was ready
      const std::string read = fmt::format("SELECT v FROM customers WHERE id = {}", id);
      const auto seen = (*client)->Ask(read);
      if (!seen || !FirstError(*seen).empty()) continue;
      score.acknowledged = std::stoll(FirstValue(*seen));
      Heard heard;
      while (!stop.stop_requested()) {
        heard = Increment(**client, id, WayOf(id));
        if (!heard.ready || !heard.error.empty()) break;
        ++score.acknowledged;
      }
      if (heard.error != "57P01" || heard.completed) {
        ++score.unknown;
        continue;
      }
      ++score.refused;
      const Result<std::string> now = bed_->OnShard(0, read);
      if (!now) continue;  // psql was ended
      if (std::stoll(*now) != score.acknowledged) ++score.contradictions;
    }
  });
  int proven = 0;
  for (const Score& score : scores) {
    EXPECT_EQ(score.contradictions, 0);
    proven += score.refused;
  }
  EXPECT_GT(proven, kEnded / 10);
}

// Single statements never notice; a transaction is told to begin again, and nothing else.
TEST_F(Farewell, NothingIsLostBehindTheRouter) {
  for (int id = 1; id <= kWriters; ++id) {
    ASSERT_TRUE(Good(bed_->Psql(fmt::format("INSERT INTO customers(id) VALUES ({})", id))));
  }
  std::array<Score, kWriters + 1> scores;
  Run([&](int id, const std::stop_token& stop) {
    Score& score = scores[static_cast<std::size_t>(id)];
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    while (!stop.stop_requested()) {
      const Heard heard = Increment(**client, id, WayOf(id));
      if (heard.ready && heard.error.empty()) {
        ++score.acknowledged;
        continue;
      }
      const bool again = heard.ready && heard.error == "40001" && WayOf(id) == Way::kTransaction;
      if (!again) score.unexpected = heard.ready ? heard.error : heard.end;
      if (!again) return;
      ++score.refused;
      Say(**client, Query("ROLLBACK"));
    }
  });
  int refused = 0;
  for (int id = 1; id <= kWriters; ++id) {
    const Score& score = scores[static_cast<std::size_t>(id)];
    EXPECT_EQ(score.unexpected, "") << "writer " << id;
    const auto now = bed_->Psql(fmt::format("SELECT v FROM customers WHERE id = {}", id));
    ASSERT_TRUE(Good(now));
    EXPECT_EQ(*now, fmt::format("{}\n", score.acknowledged)) << "writer " << id;
    refused += score.refused;
  }
  EXPECT_GT(refused, 0) << "no transaction was hit: the test shows nothing";
}

}  // namespace
}  // namespace foreshard::router

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <sstream>

#include "pg/wire_writer.h"
#include "tests/integration/router/bed_test.h"
#include "tests/integration/router/message_proxy.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Writes over two shards while something dies: before each message that passes between router and
// shards, the router, the connection of that message, or all of PostgreSQL. Afterwards a write is
// there as a whole or not at all, as its client was told; nothing stays prepared.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql"});
constexpr int kStepsMax = 100;

enum class Dies { kRouter, kConnection, kPostgres, kClient };

// A key of each shard, fresh for every step.
struct Pair {
  std::int64_t on_first = 0;
  std::int64_t on_second = 0;
};

struct Heard {
  std::string error;     // SQLSTATE of the first one; "closed" if the connection ended
  std::string last;      // tag of the last CommandComplete
  bool crashed = false;  // the step was reached
};

// What is on the shards, by key: "shard:v".
using World = std::map<std::int64_t, std::string>;

struct Write {
  const char* name;
  bool rows_before;  // on the first shard, and on the second
  bool second_before;
  std::vector<std::string> (*statements)(const Pair& keys);
  bool (*is_done)(const World& world, const Pair& keys);
  bool (*is_undone)(const World& world, const Pair& keys);
  int steps_min;  // else the test shows little
};

std::string At(const World& world, std::int64_t key) {
  const auto found = world.find(key);
  return found == world.end() ? "" : found->second;
}

const Write kWrites[] = {
    {"INSERT", false, false,
     [](const Pair& keys) {
       return std::vector<std::string>{fmt::format("INSERT INTO customers(id) VALUES ({}), ({})",
                                                   keys.on_first, keys.on_second)};
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first) == "0:0" && At(world, keys.on_second) == "1:0";
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first).empty() && At(world, keys.on_second).empty();
     },
     12},
    {"a transaction", true, true,
     [](const Pair& keys) {
       return std::vector<std::string>{
           "BEGIN", fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", keys.on_first),
           fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", keys.on_second), "COMMIT"};
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first) == "0:1" && At(world, keys.on_second) == "1:1";
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first) == "0:0" && At(world, keys.on_second) == "1:0";
     },
     15},
    {"an UPDATE that takes a row along", true, false,
     [](const Pair& keys) {
       return std::vector<std::string>{fmt::format("UPDATE customers SET id = {} WHERE id = {}",
                                                   keys.on_second, keys.on_first)};
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first).empty() && At(world, keys.on_second) == "1:0";
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first) == "0:0" && At(world, keys.on_second).empty();
     },
     20},
    {"a transaction that takes a row along", true, false,
     [](const Pair& keys) {
       return std::vector<std::string>{
           "BEGIN",
           fmt::format("UPDATE customers SET id = {} WHERE id = {}", keys.on_second, keys.on_first),
           fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", keys.on_second), "COMMIT"};
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first).empty() && At(world, keys.on_second) == "1:1";
     },
     [](const World& world, const Pair& keys) {
       return At(world, keys.on_first) == "0:0" && At(world, keys.on_second).empty();
     },
     22}};

class RouterCrash : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shard_port = [this](int port) {
      auto proxy = MessageProxy::Start(port);
      EXPECT_TRUE(Good(proxy));
      proxy_ = std::move(*proxy);
      return proxy_->port();
    }}));
    ASSERT_TRUE(Good(
        bed_->Psql("CREATE TABLE customers(id bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0)")));
    keys_[0] = KeysWhere("< 0");
    keys_[1] = KeysWhere(">= 0");
    ASSERT_GE(std::min(keys_[0].size(), keys_[1].size()), 4UL * kStepsMax);
    // The last key of each is for warming up.
    ASSERT_TRUE(Good(bed_->Psql(fmt::format("INSERT INTO customers(id) VALUES ({}), ({})",
                                            keys_[0].back(), keys_[1].back()))));
    Connect();
  }
  void TearDown() override {
    client_.reset();
    bed_.reset();
    proxy_.reset();
  }

  std::vector<std::int64_t> KeysWhere(const char* hash) {
    const auto rows = bed_->OnShard(
        0, fmt::format("SELECT id FROM generate_series(1, 2000) AS id WHERE hashint8extended(id, "
                       "0) {}",
                       hash));
    EXPECT_TRUE(Good(rows));
    std::vector<std::int64_t> keys;
    std::istringstream lines(*rows);
    for (std::int64_t key = 0; lines >> key;) keys.push_back(key);
    return keys;
  }
  void Connect() {
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    client_ = std::move(*client);
  }
  // The router has a connection to each shard for this client.
  void WarmUp() {
    for (const auto& keys : keys_) {
      const auto seen =
          client_->Ask(fmt::format("SELECT id FROM customers WHERE id = {}", keys.back()));
      ASSERT_TRUE(Good(seen));
      ASSERT_EQ(FirstValue(*seen), std::to_string(keys.back())) << Trace(*seen);
    }
  }

  void Kill(Dies dies) {
    if (dies == Dies::kConnection) return proxy_->CutHeld();
    if (dies == Dies::kClient) {
      client_->Reset();
      return proxy_->Release();
    }
    if (dies == Dies::kRouter) {
      bed_->router().Signal(SIGKILL);
      ASSERT_TRUE(Good(bed_->router().Wait(20s)));
    } else {
      bed_->postgres().Crash();
    }
    proxy_->CutAll();
    if (dies == Dies::kRouter) return;
    ASSERT_TRUE(Good(bed_->postgres().Start()));
  }
  Heard Say(const std::vector<std::string>& statements, Dies dies);
  void Crash(const Write& write, Dies dies);
  void ExpectNothingPreparedSoon();
  World Look();
  void ExpectWholeOrNothing();

  struct Step {
    const Write* write;
    Pair keys;
    Heard heard;
    std::string held;
  };
  std::unique_ptr<MessageProxy> proxy_;
  std::unique_ptr<WireClient> client_;
  std::vector<std::int64_t> keys_[2];
  std::size_t keys_used_ = 0;
  std::vector<Step> steps_;
};

Heard RouterCrash::Say(const std::vector<std::string>& statements, Dies dies) {
  Heard heard;
  for (const std::string& sql : statements) {
    std::string bytes;
    pg::AppendQuery(&bytes, sql);
    if (!client_->Send(bytes)) heard.error = "closed";
    EXPECT_TRUE(WaitFor("the answer to " + sql, 60s, [&] {
      if (heard.error == "closed") return Seen(true);
      if (!heard.crashed && !proxy_->Held().empty()) {
        heard.crashed = true;
        Kill(dies);
        if (dies == Dies::kClient) heard.error = "closed";
        if (dies == Dies::kClient) return Seen(true);
      }
      const auto message = client_->Receive(1ms);
      if (!message) {
        if (message.error().message == "closed" && heard.error.empty()) heard.error = "closed";
        return Seen(message.error().message == "closed");
      }
      if (message->type == 'E' && heard.error.empty()) heard.error = FirstError({*message});
      if (message->type == 'C') heard.last = message->body.c_str();
      return Seen(message->type == 'Z');
    }));
    if (heard.error == "closed") break;
  }
  return heard;
}

// One write after the other, until one ends before the step is reached.
void RouterCrash::Crash(const Write& write, Dies dies) {
  for (int step = 1; step < kStepsMax; ++step) {
    SCOPED_TRACE(fmt::format("{}, step {}", write.name, step));
    const Pair keys{keys_[0].at(keys_used_), keys_[1].at(keys_used_)};
    ++keys_used_;
    WarmUp();
    if (HasFatalFailure()) return;
    for (const auto& [wanted, key] : {std::pair{write.rows_before, keys.on_first},
                                      std::pair{write.second_before, keys.on_second}}) {
      if (!wanted) continue;
      ASSERT_EQ(FirstError(*client_->Ask(fmt::format("INSERT INTO customers VALUES ({})", key))),
                "");
    }
    proxy_->HoldBefore(step);
    const Heard heard = Say(write.statements(keys), dies);
    proxy_->HoldBefore(0);
    if (HasFatalFailure()) return;
    steps_.push_back({&write, keys, heard, fmt::format("step {}", step)});
    if (!heard.crashed) {
      EXPECT_EQ(heard.error, "");
      EXPECT_GE(step, write.steps_min);
      return;
    }
    if (dies == Dies::kConnection || dies == Dies::kClient) ExpectNothingPreparedSoon();
    if (dies == Dies::kRouter) {
      ASSERT_TRUE(Good(bed_->ReplaceRouter()));
      Connect();
    } else if (dies == Dies::kClient) {
      Connect();
    } else {
      ASSERT_NE(heard.error, "closed") << "the client's own connection is not what broke";
      ASSERT_EQ(FirstError(*client_->Ask("ROLLBACK")), "");
    }
  }
  FAIL() << write.name << " never ends";
}

// The router that was there knows what it has prepared, or may have. Orphans of others are looked
// for after more than ten seconds, and until then their locks would be held.
void RouterCrash::ExpectNothingPreparedSoon() {
  EXPECT_TRUE(WaitFor("nothing is prepared", 5s, [&] {
    const auto left = bed_->postgres().Sql(
        "SELECT (SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_stat_activity "
        "WHERE usename = 'app' AND query LIKE 'PREPARE TRANSACTION%' AND state <> 'idle')");
    return Seen(left && *left == "0|0\n", left ? *left : left.error().message);
  }));
}

World RouterCrash::Look() {
  World world;
  for (const int shard : {0, 1}) {
    const auto rows = bed_->OnShard(shard, "SELECT id || ' ' || v FROM customers");
    EXPECT_TRUE(Good(rows));
    std::istringstream lines(*rows);
    std::int64_t key = 0;
    for (std::string v; lines >> key >> v;) {
      EXPECT_FALSE(world.contains(key)) << key << " is on both shards";
      world[key] = fmt::format("{}:{}", shard, v);
    }
  }
  return world;
}

// After the router has ended what was left.
void RouterCrash::ExpectWholeOrNothing() {
  EXPECT_TRUE(WaitFor("nothing is prepared or open", 90s, [&] {
    const auto left = bed_->postgres().Sql(
        "SELECT (SELECT count(*) FROM pg_prepared_xacts), (SELECT count(*) FROM pg_stat_activity "
        "WHERE usename = 'app' AND xact_start IS NOT NULL)");
    return Seen(left && *left == "0|0\n", left ? *left : left.error().message);
  }));
  const World world = Look();
  int done = 0;
  int undone = 0;
  for (const Step& step : steps_) {
    const bool is_done = step.write->is_done(world, step.keys);
    const bool is_undone = step.write->is_undone(world, step.keys);
    const std::string what = fmt::format(
        "{}, {}: told '{}' after '{}'; {} is at '{}', {} at '{}'", step.write->name, step.held,
        step.heard.error, step.heard.last, step.keys.on_first, At(world, step.keys.on_first),
        step.keys.on_second, At(world, step.keys.on_second));
    EXPECT_NE(is_done, is_undone) << what;
    const std::string& error = step.heard.error;
    if (error.empty()) {
      EXPECT_TRUE(is_done) << what;
    }
    if (error == "40001") {
      EXPECT_TRUE(is_undone) << what;
    }
    if (!error.empty() && error != "closed") {
      EXPECT_TRUE(error == "40001" || error == "08007" || error == "08006") << what;
    }
    is_done ? ++done : ++undone;
  }
  EXPECT_GT(done, 0);
  EXPECT_GT(undone, 0);
  RecordProperty("steps", static_cast<int>(steps_.size()));
  RecordProperty("done", done);
}

TEST_F(RouterCrash, TheRouterDiesBeforeEachMessage) {
  for (const Write& write : kWrites) Crash(write, Dies::kRouter);
  ExpectWholeOrNothing();
}

TEST_F(RouterCrash, AConnectionBreaksBeforeEachMessage) {
  for (const Write& write : kWrites) Crash(write, Dies::kConnection);
  ExpectWholeOrNothing();
}

TEST_F(RouterCrash, TheClientLeavesBeforeEachMessage) {
  for (const Write& write : kWrites) Crash(write, Dies::kClient);
  ExpectWholeOrNothing();
}

// A second and more each: for `make test-long`.
TEST_F(RouterCrash, LongPostgresDiesBeforeEachMessage) {
  for (const Write& write : kWrites) Crash(write, Dies::kPostgres);
  ExpectWholeOrNothing();
}

}  // namespace
}  // namespace foreshard::router

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/integration/router/message_proxy.h"
#include "tests/integration/router/router_bed.h"
#include "tests/integration/router/server_states.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Servers end in every state of the protocol: told to (57P01), cut off without a word, or with all
// of PostgreSQL. The client's own connection goes on; it is told the truth about what it wrote; its
// neighbours notice nothing.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql"});

enum class End { kTold, kCut, kCrashed };

class ServerEnds : public testing::Test {
 protected:
  void SetUp() override {
    auto bed = RouterBed::Create({.shard_port = [this](int port) {
      auto proxy = MessageProxy::Start(port);
      EXPECT_TRUE(Good(proxy));
      proxy_ = std::move(*proxy);
      return proxy_->port();
    }});
    ASSERT_TRUE(Good(bed));
    bed_ = std::move(*bed);
    ASSERT_TRUE(
        Good(bed_->Psql("CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint "
                        "NOT NULL DEFAULT 0)")));
    keys_ = {KeyWhere("< 0"), KeyWhere(">= 0")};
    neighbour_ = Client();
  }
  void TearDown() override {
    client_.reset();
    neighbour_.reset();
    bed_.reset();
    proxy_.reset();
  }

  std::int64_t KeyWhere(const char* hash) {
    const auto key = bed_->OnShard(0, fmt::format("SELECT min(id) FROM generate_series(1, 99) AS "
                                                  "id WHERE hashint8extended(id, 0) {}",
                                                  hash));
    EXPECT_TRUE(Good(key));
    return std::stoll(*key);
  }
  std::unique_ptr<WireClient> Client() {
    auto client = bed_->Client();
    EXPECT_TRUE(Good(client));
    return std::move(*client);
  }
  void Refresh() {
    ASSERT_EQ(FirstError(*neighbour_->Ask(
                  fmt::format("TRUNCATE customers; INSERT INTO customers(id) VALUES ({}), ({})",
                              keys_.first, keys_.second))),
              "");
  }
  std::string App(const std::string& what, const std::string& more) {
    const auto seen = bed_->postgres().Sql(
        fmt::format("SELECT {} FROM pg_stat_activity WHERE usename = 'app' AND {}", what, more));
    return seen ? *seen : seen.error().message;
  }
  void EndServers(End how) {
    if (how == End::kTold) {
      App("count(pg_terminate_backend(pid))",
          fmt::format("pid <> {}", locker_ == nullptr ? 0U : locker_->process_id()));
    } else if (how == End::kCut) {
      proxy_->CutAll();
    } else {
      bed_->postgres().Crash();
      proxy_->CutAll();
      ASSERT_TRUE(Good(bed_->postgres().Start()));
    }
  }
  // Up to the moment at which the servers end.
  void Reach(const ServerState& state);
  Result<std::vector<WireMessage>> Finish(const ServerState& state);
  void Run(const ServerState& state, End how);
  void ExpectTheTruthInEveryState(End how);

  std::unique_ptr<MessageProxy> proxy_;
  std::unique_ptr<RouterBed> bed_;
  std::unique_ptr<WireClient> client_;
  std::unique_ptr<WireClient> neighbour_;
  std::unique_ptr<WireClient> locker_;  // on the first shard, not through the router
  StateKeys keys_;
};

void ServerEnds::Reach(const ServerState& state) {
  for (const StateTurn& turn : state.before) {
    if (turn.until == Until::kBlocked) {
      auto locker = bed_->Direct(0);
      ASSERT_TRUE(Good(locker));
      locker_ = std::move(*locker);
      ASSERT_EQ(FirstError(*locker_->Ask("BEGIN; LOCK TABLE customers")), "");
    }
    ASSERT_TRUE(Good(client_->Send(turn.bytes)));
    if (turn.until == Until::kBlocked) {
      ASSERT_TRUE(WaitFor("it waits for the lock", 20s, [&] {
        const std::string waiting = App("count(*)", "wait_event_type = 'Lock'");
        return Seen(waiting == "1\n", waiting);
      }));
    } else if (turn.until == Until::kReady) {
      const auto answer = client_->ReceiveUntilReady();
      ASSERT_TRUE(Good(answer));
      ASSERT_EQ(FirstError(*answer), turn.error);
    }
    for (int i = 0; i < turn.messages; ++i) ASSERT_TRUE(Good(client_->Receive()));
  }
}

// All that the client hears up to the last ReadyForQuery that it waits for.
Result<std::vector<WireMessage>> ServerEnds::Finish(const ServerState& state) {
  if (!state.after.empty()) {
    if (const Status sent = client_->Send(state.after); !sent) return sent.error();
  }
  std::vector<WireMessage> heard;
  for (int ready = 0; ready < state.readies;) {
    Result<WireMessage> message = client_->Receive(40s);
    if (!message) return Error::Retry(message.error().message + " after " + Trace(heard));
    ready += message->type == 'Z' ? 1 : 0;
    if (message->type == 'E' || message->type == 'Z' || heard.size() < 20)
      heard.push_back(std::move(*message));
  }
  return heard;
}

void ServerEnds::Run(const ServerState& state, End how) {
  SCOPED_TRACE(state.name);
  Refresh();
  client_ = Client();
  Reach(state);
  if (HasFatalFailure()) return;
  EndServers(how);
  if (locker_ != nullptr) {
    (void)locker_->Ask("ROLLBACK");  // Crashed with the others, or lets go.
    locker_.reset();
  }
  const auto heard = Finish(state);
  if (!heard && state.may_close && heard.error().message.starts_with("closed")) {
    client_ = Client();
  } else {
    ASSERT_TRUE(Good(heard));
  }
  const std::string error = heard ? FirstError(*heard) : "closed";
  const std::string told = heard ? Trace(*heard) : error;
  if (state.outcome == Outcome::kWorks) {
    EXPECT_EQ(error, "") << told;
  }
  if (state.outcome == Outcome::kFails) {
    EXPECT_NE(error, "") << told;
  }
  EXPECT_TRUE(IsTrueWord(error)) << told;
  // On the same connection, once nothing is open any more.
  const auto rolled_back = client_->Ask("ROLLBACK");
  ASSERT_TRUE(Good(rolled_back));
  ASSERT_EQ(FirstError(*rolled_back), "") << told << Trace(*rolled_back);
  ASSERT_TRUE(WaitFor("nothing is open", 30s, [&] {
    const std::string open = App("count(*)", "xact_start IS NOT NULL");
    return Seen(open == "0\n", open);
  }));
  const std::string sum = FirstValue(*client_->Ask("SELECT sum(v) FROM customers"));
  const std::string done = std::to_string(state.sum_if_done);
  if (error.empty()) {
    EXPECT_EQ(sum, done);
  } else if (MayHaveHappened(error)) {
    EXPECT_TRUE(sum == "0" || sum == done || state.in_part) << error << ", and the sum is " << sum;
  } else if (!state.in_part) {
    EXPECT_EQ(sum, "0") << error;
  }
  EXPECT_EQ(FirstError(*neighbour_->Ask("SELECT id FROM customers WHERE v = 0")), "");
}

void ServerEnds::ExpectTheTruthInEveryState(End how) {
  const std::vector<ServerState> states = ServerStates(keys_);
  EXPECT_GE(states.size(), 30U);
  for (const ServerState& state : states) {
    Run(state, how);
    if (HasFatalFailure()) return;
  }
  const std::string connections = App("count(*)", "true");
  EXPECT_LE(std::stoi(connections), 40) << "20 of each shard";
}

TEST_F(ServerEnds, ToldToInEveryState) { ExpectTheTruthInEveryState(End::kTold); }

TEST_F(ServerEnds, CutOffInEveryState) { ExpectTheTruthInEveryState(End::kCut); }

// A second and more each: for `make test-long`.
TEST_F(ServerEnds, LongCrashedInEveryState) { ExpectTheTruthInEveryState(End::kCrashed); }

// While the router logs in: before each message of the startup, SCRAM and what is asked behind it.
TEST_F(ServerEnds, WhileTheRouterLogsIn) {
  Refresh();
  client_ = Client();
  std::string query;
  pg::AppendQuery(&query, fmt::format("SELECT v FROM customers WHERE id = {}", keys_.first));
  for (int step = 1;; ++step) {
    ASSERT_LT(step, 60);
    proxy_->CutAll();
    proxy_->HoldBefore(step, MessageProxy::Messages::kLogins);
    ASSERT_TRUE(Good(client_->Send(query)));
    bool held = false;
    std::vector<WireMessage> heard;
    ASSERT_TRUE(WaitFor("an answer", 40s,
                        [&] {
                          if (!proxy_->Held().empty()) {
                            held = true;
                            proxy_->CutHeld();
                          }
                          auto message = client_->Receive(1ms);
                          if (!message) return Seen(false, message.error().message);
                          heard.push_back(std::move(*message));
                          return Seen(heard.back().type == 'Z');
                        }))
        << "step " << step;
    // Once the client has seen the description of the rows, nothing is said again.
    if (FirstError(heard) != "08006" || heard.front().type != 'T') {
      EXPECT_EQ(FirstError(heard), "") << "step " << step;
      EXPECT_EQ(FirstValue(heard), "0") << "step " << step;
    }
    if (held) continue;
    EXPECT_GT(step, 10);  // TLS?, startup, SCRAM in four messages, parameters, what it asks
    return;
  }
}

}  // namespace
}  // namespace foreshard::router

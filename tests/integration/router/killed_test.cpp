#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/integration/router/state_bed.h"
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

class ServerEnds : public StateBed {
 protected:
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
  void Run(const ServerState& state, End how);
  void ExpectTheTruthInEveryState(End how);
};

void ServerEnds::Run(const ServerState& state, End how) {
  SCOPED_TRACE(state.name);
  Refresh();
  client_ = Client();
  Reach(state);
  if (HasFatalFailure()) return;
  EndServers(how);
  Unlock();
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

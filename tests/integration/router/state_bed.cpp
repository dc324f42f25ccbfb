#include "tests/integration/router/state_bed.h"

#include <fmt/format.h>

#include "tests/support/wait.h"

namespace foreshard::router {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

void StateBed::SetUp() {
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

void StateBed::TearDown() {
  locker_.reset();
  client_.reset();
  neighbour_.reset();
  bed_.reset();
  proxy_.reset();
}

std::int64_t StateBed::KeyWhere(const char* hash) {
  const auto key = bed_->OnShard(0, fmt::format("SELECT min(id) FROM generate_series(1, 99) AS "
                                                "id WHERE hashint8extended(id, 0) {}",
                                                hash));
  EXPECT_TRUE(Good(key));
  return std::stoll(*key);
}

std::unique_ptr<WireClient> StateBed::Client() {
  auto client = bed_->Client();
  EXPECT_TRUE(Good(client));
  return std::move(*client);
}

void StateBed::Refresh() {
  ASSERT_EQ(FirstError(*neighbour_->Ask(
                fmt::format("TRUNCATE customers; INSERT INTO customers(id) VALUES ({}), ({})",
                            keys_.first, keys_.second))),
            "");
}

std::string StateBed::App(const std::string& what, const std::string& more) {
  const auto seen = bed_->postgres().Sql(
      fmt::format("SELECT {} FROM pg_stat_activity WHERE usename = 'app' AND {}", what, more));
  return seen ? *seen : seen.error().message;
}

testing::AssertionResult StateBed::WaitsForLock(int sessions) {
  return WaitFor("it waits for the lock", 20s, [&] {
    const std::string waiting = App("count(*)", "wait_event_type = 'Lock'");
    return Seen(waiting == fmt::format("{}\n", sessions), waiting);
  });
}

void StateBed::Lock() {
  auto locker = bed_->Direct(0);
  ASSERT_TRUE(Good(locker));
  locker_ = std::move(*locker);
  ASSERT_EQ(FirstError(*locker_->Ask("BEGIN; LOCK TABLE customers")), "");
}

void StateBed::Unlock() {
  if (locker_ == nullptr) return;
  (void)locker_->Ask("ROLLBACK");  // Crashed with the others, or lets go.
  locker_.reset();
}

void StateBed::Reach(const ServerState& state) {
  for (const StateTurn& turn : state.before) {
    if (turn.until == Until::kBlocked) Lock();
    if (HasFatalFailure()) return;
    ASSERT_TRUE(Good(client_->Send(turn.bytes)));
    if (turn.until == Until::kBlocked) {
      ASSERT_TRUE(WaitsForLock());
    } else if (turn.until == Until::kReady) {
      const auto answer = client_->ReceiveUntilReady();
      ASSERT_TRUE(Good(answer));
      ASSERT_EQ(FirstError(*answer), turn.error);
    }
    for (int i = 0; i < turn.messages; ++i) ASSERT_TRUE(Good(client_->Receive()));
  }
}

Result<std::vector<WireMessage>> StateBed::Finish(const ServerState& state) {
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

}  // namespace foreshard::router

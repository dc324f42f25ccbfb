#include <fmt/format.h>

#include "tests/integration/router/state_bed.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// A cancel request in every state of the protocol. The client hears that its statement was cancelled
// and then it has done nothing, or the whole answer; its session goes on; nobody else is hit.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql"});

std::string Query(std::string_view sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  return out;
}

class Cancels : public StateBed {
 protected:
  struct Told {
    std::string error;
    std::string trace;
    std::int64_t sum_before = 0;  // of customers.v, when the request came
    std::int64_t sum = 0;
  };

  void SetUp() override {
    StateBed::SetUp();
    for (int i = 0; i < 3 && !HasFatalFailure(); ++i) others_.push_back(Client());
  }
  void TearDown() override {
    others_.clear();
    StateBed::TearDown();
  }

  std::int64_t Sum() {
    std::int64_t sum = 0;
    for (int shard = 0; shard < 2; ++shard) {
      const auto part = bed_->OnShard(shard, "SELECT coalesce(sum(v), 0) FROM customers");
      EXPECT_TRUE(Good(part));
      sum += part ? std::stoll(*part) : 0;
    }
    return sum;
  }
  void Cancel(std::uint32_t wrong = 0) {
    ASSERT_TRUE(
        Good(SendCancel(bed_->port(), client_->process_id(), client_->secret_key() ^ wrong)));
  }
  // Asks until an error comes: a request that overtook its statement found nothing to cancel.
  void CancelUntilAnError(std::vector<WireMessage>* heard) {
    ASSERT_TRUE(WaitFor("an error", 20s, [&] {
      Cancel();
      for (auto message = client_->Receive(20ms); message; message = client_->Receive(20ms)) {
        heard->push_back(std::move(*message));
        if (heard->back().type == 'E' || heard->back().type == 'Z') return Seen(true);
      }
      return Seen(false, Trace(*heard));
    }));
  }
  void HearToTheEnd(std::vector<WireMessage>* heard) {
    while (heard->empty() || heard->back().type != 'Z') {
      auto message = client_->Receive();
      ASSERT_TRUE(Good(message)) << Trace(*heard);
      heard->push_back(std::move(*message));
    }
  }
  void OthersSay() {
    for (const auto& other : others_)
      ASSERT_TRUE(Good(other->Send(Query("SELECT 7 FROM pg_sleep(0.01)"))));
  }
  void OthersHear() {
    for (const auto& other : others_) {
      const auto answer = other->ReceiveUntilReady();
      ASSERT_TRUE(Good(answer));
      EXPECT_EQ(FirstValue(*answer), "7") << Trace(*answer);
    }
  }
  // A request that came late may hit what the same session says next, as with PostgreSQL.
  void ExpectTheSessionGoesOn() {
    EXPECT_TRUE(WaitFor("the session goes on", 20s, [&] {
      const auto ended = client_->Ask("ROLLBACK");
      const auto seven = client_->Ask("SELECT 7");
      return Seen(ended && seven && FirstError(*ended).empty() && FirstValue(*seven) == "7",
                  seven ? Trace(*seven) : seven.error().message);
    }));
  }
  void ExpectNothingPrepared() {
    EXPECT_TRUE(WaitFor("nothing is prepared", 20s, [&] {
      const auto left = bed_->postgres().Sql("SELECT count(*) FROM pg_prepared_xacts");
      return Seen(left && *left == "0\n", left ? *left : left.error().message);
    }));
  }
  Told Run(const ServerState& state, bool cancel);
  void ExpectCancelledOrComplete(const ServerState& state, const Told& whole, const Told& told);
  void SetSynchronous(const std::string& names);

  std::vector<std::unique_ptr<WireClient>> others_;
  int hits_ = 0;
};

Cancels::Told Cancels::Run(const ServerState& state, bool cancel) {
  Refresh();
  client_ = Client();
  Reach(state);
  Told told;
  if (HasFatalFailure()) return told;
  const bool blocked = locker_ != nullptr;
  told.sum_before = blocked ? 0 : Sum();
  std::vector<WireMessage> first;
  OthersSay();
  if (cancel) {
    Cancel(1U << 7);  // Not its key: nobody is hit.
    Cancel();
    if (blocked) CancelUntilAnError(&first);
  }
  if (blocked) OthersHear();
  Unlock();
  const auto rest = Finish(state);
  if (!blocked) OthersHear();  // The proxy waits for who does not read.
  EXPECT_TRUE(Good(rest));
  if (!rest || HasFatalFailure()) return told;
  first.insert(first.end(), rest->begin(), rest->end());
  told.error = FirstError(first);
  told.trace = Trace(first);
  if (cancel && blocked) {
    EXPECT_EQ(told.error, "57014") << "nobody else ended its wait\n" << told.trace;
  }
  ExpectTheSessionGoesOn();
  ExpectNothingPrepared();
  told.sum = Sum();
  return told;
}

void Cancels::ExpectCancelledOrComplete(const ServerState& state, const Told& whole,
                                        const Told& told) {
  if (told.error.empty()) {
    EXPECT_EQ(told.trace, whole.trace);
    EXPECT_EQ(told.sum, whole.sum);
    return;
  }
  ++hits_;
  EXPECT_EQ(told.error, "57014") << told.trace;
  if (!state.in_part) {
    EXPECT_EQ(told.sum, told.sum_before) << told.trace;
  }
}

TEST_F(Cancels, InEveryState) {
  const std::vector<ServerState> states = ServerStates(keys_);
  EXPECT_GE(states.size(), 30U);
  for (const ServerState& state : states) {
    SCOPED_TRACE(state.name);
    const Told whole = Run(state, false);
    if (HasFatalFailure()) return;
    EXPECT_EQ(whole.error, "") << whole.trace;
    ExpectCancelledOrComplete(state, whole, Run(state, true));
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(hits_, 12) << "else the test shows little";
}

// PostgreSQL looks for interrupts when the next row comes.
TEST_F(Cancels, WhileRowsAreAwaited) {
  Refresh();
  client_ = Client();
  ASSERT_TRUE(Good(client_->Send(Query("COPY customers(id, v) FROM STDIN"))));
  std::vector<WireMessage> heard;
  while (heard.empty() || heard.back().type == 'S') {
    auto message = client_->Receive();
    ASSERT_TRUE(Good(message));
    heard.push_back(std::move(*message));
  }
  ASSERT_EQ(heard.back().type, 'G');
  ASSERT_TRUE(WaitFor("an error", 20s, [&, id = 3'000'000]() mutable {
    Cancel();
    std::string row;
    pg::WireWriter(&row, 'd').Bytes(fmt::format("{}\t1\n", id++)).End();
    (void)client_->Send(row);
    auto message = client_->Receive(20ms);
    if (message) heard.push_back(std::move(*message));
    return Seen(heard.back().type == 'E', Trace(heard));
  }));
  HearToTheEnd(&heard);
  EXPECT_EQ(FirstError(heard), "57014") << Trace(heard);
  ExpectTheSessionGoesOn();
  EXPECT_EQ(Sum(), 0);
}

// Each event loop has one connection to each shard here, and transactions keep them.
TEST_F(Cancels, WhileItWaitsForAConnection) {
  Refresh();
  bed_->WriteConfig(R"("clientConnections":500,"serverConnectionsPerShard":1)");
  ASSERT_TRUE(WaitFor("the router takes it", 20s, [&] {
    const std::string log = bed_->RouterLog();
    return Seen(log.find(R"("what":"config")") != std::string::npos, log);
  }));
  App("count(pg_terminate_backend(pid))", "true");  // As many as there were before may stay.
  const std::string read = fmt::format("SELECT v FROM customers WHERE id = {}", keys_.first);
  std::vector<std::unique_ptr<WireClient>> holders;
  for (int tries = 0; holders.size() < 2; ++tries) {
    ASSERT_LT(tries, 60);
    client_ = Client();
    ASSERT_EQ(FirstError(*client_->Ask("BEGIN")), "");
    ASSERT_TRUE(Good(client_->Send(Query(read))));
    std::vector<WireMessage> heard;
    ASSERT_TRUE(WaitFor("an answer", 20s, [&] {
      auto message = client_->Receive(200ms);
      if (!message) Cancel();
      if (message) heard.push_back(std::move(*message));
      return Seen(!heard.empty() && heard.back().type == 'Z', Trace(heard));
    }));
    const std::string error = FirstError(heard);
    if (error.empty()) holders.push_back(std::move(client_));
  }
  client_ = Client();
  ASSERT_TRUE(Good(client_->Send(Query(read))));
  std::vector<WireMessage> heard;
  CancelUntilAnError(&heard);
  EXPECT_EQ(FirstError(heard), "57014") << Trace(heard);
  ASSERT_TRUE(Good(client_->ReceiveUntilReady()));
  for (const auto& holder : holders) ASSERT_EQ(FirstError(*holder->Ask("COMMIT")), "");
  EXPECT_EQ(FirstValue(*client_->Ask(read)), "0");
}

// What waits at the end of a transaction waits in PREPARE on the second shard, and in the decision
// on the first one. Cancelled, neither shard has done anything.
TEST_F(Cancels, InBothPhasesOfACommit) {
  for (int shard = 0; shard < 2; ++shard) {
    ASSERT_TRUE(Good(bed_->OnShard(
        shard,
        "CREATE FUNCTION public.waits() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
        "pg_advisory_xact_lock(7); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER waits AFTER "
        "UPDATE ON customers DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
        "public.waits()")));
  }
  const std::string write = "UPDATE customers SET v = v + 1";
  for (int shard = 0; shard < 2; ++shard) {
    for (const bool block : {true, false}) {
      SCOPED_TRACE(fmt::format("shard {}, {}", shard, block ? "COMMIT" : "a lone statement"));
      Refresh();
      client_ = Client();
      if (block) {
        ASSERT_EQ(FirstError(*client_->Ask("BEGIN")), "");
        for (const std::int64_t key : {keys_.first, keys_.second})
          ASSERT_EQ(FirstError(*client_->Ask(fmt::format("{} WHERE id = {}", write, key))), "");
      }
      const auto locker = bed_->Direct(shard);
      ASSERT_TRUE(Good(locker));
      ASSERT_EQ(FirstError(*(*locker)->Ask("SELECT pg_advisory_lock(7)")), "");
      ASSERT_TRUE(Good(client_->Send(Query(block ? "COMMIT" : write))));
      ASSERT_TRUE(WaitsForLock());
      OthersSay();
      std::vector<WireMessage> heard;
      CancelUntilAnError(&heard);
      HearToTheEnd(&heard);
      EXPECT_EQ(FirstError(heard), "57014") << Trace(heard);
      OthersHear();
      ASSERT_EQ(FirstError(*(*locker)->Ask("SELECT pg_advisory_unlock(7)")), "");
      ExpectTheSessionGoesOn();
      ExpectNothingPrepared();
      EXPECT_EQ(Sum(), 0);
    }
  }
}

// The request comes while nothing of a two-phase COMMIT moves: before each of its messages.
TEST_F(Cancels, BeforeEachMessageOfACommit) {
  for (int step = 1;; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    ASSERT_LT(step, 60);
    Refresh();
    client_ = Client();
    ASSERT_EQ(FirstError(*client_->Ask("BEGIN")), "");
    for (const std::int64_t key : {keys_.first, keys_.second}) {
      ASSERT_EQ(FirstError(*client_->Ask(
                    fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", key))),
                "");
    }
    proxy_->HoldBefore(step);
    ASSERT_TRUE(Good(client_->Send(Query("COMMIT"))));
    std::vector<WireMessage> heard;
    ASSERT_TRUE(WaitFor("the step", 20s, [&] {
      auto message = client_->Receive(1ms);
      if (message) heard.push_back(std::move(*message));
      return Seen(!proxy_->Held().empty() || (!heard.empty() && heard.back().type == 'Z'));
    }));
    const bool held = !proxy_->Held().empty();
    for (int i = 0; i < 3; ++i) Cancel();
    proxy_->Release();
    HearToTheEnd(&heard);
    const std::string error = FirstError(heard);
    EXPECT_TRUE(error.empty() || error == "57014") << Trace(heard);
    ExpectTheSessionGoesOn();
    ExpectNothingPrepared();
    EXPECT_EQ(Sum(), error.empty() ? 2 : 0) << Trace(heard);
    if (held) continue;
    EXPECT_GT(step, 10);  // Two messages there and three back, three times
    return;
  }
}

void Cancels::SetSynchronous(const std::string& names) {
  ASSERT_TRUE(Good(bed_->postgres().Sql(
      fmt::format("ALTER SYSTEM SET synchronous_standby_names = '{}'", names))));
  ASSERT_TRUE(Good(bed_->postgres().Sql("SELECT pg_reload_conf()")));
  ASSERT_TRUE(WaitFor("it is taken", 20s, [&] {
    const auto set = bed_->postgres().Sql("SHOW synchronous_standby_names");
    return Seen(set && *set == names + "\n", set ? *set : set.error().message);
  }));
}

// Cancelled while its commit waits for a replica, PostgreSQL says COMMIT with a warning: it is
// there, and may be gone after a failover. The client must not take it for done.
TEST_F(Cancels, WhileACommitWaitsForAReplica) {
  const std::string write =
      fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", keys_.first);
  std::string extended;
  pg::AppendParse(&extended, "", write, {});
  pg::WireWriter(&extended, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&extended, 'E').String("").Int32(0).End();
  pg::AppendEmpty(&extended, 'S');
  struct Case {
    const char* name;
    std::vector<std::string> before;
    std::string last;
  };
  for (const Case& one : {Case{"a lone write", {}, Query(write)},
                          Case{"a lone write, extended", {}, extended},
                          Case{"COMMIT", {"BEGIN", write}, Query("COMMIT")},
                          Case{"both shards", {}, Query("UPDATE customers SET v = v + 1")}}) {
    SCOPED_TRACE(one.name);
    Refresh();
    client_ = Client();
    for (const std::int64_t key : {keys_.first, keys_.second})
      ASSERT_EQ(FirstError(*client_->Ask(fmt::format("SELECT FROM customers WHERE id = {}", key))),
                "");
    SetSynchronous("nobody");
    for (const std::string& sql : one.before) ASSERT_EQ(FirstError(*client_->Ask(sql)), "");
    ASSERT_TRUE(Good(client_->Send(one.last)));
    ASSERT_TRUE(WaitFor("it waits for a replica", 20s, [&] {
      const std::string waiting = App("count(*) > 0", "wait_event = 'SyncRep'");
      return Seen(waiting == "t\n", waiting);
    }));
    std::vector<WireMessage> heard;
    CancelUntilAnError(&heard);
    SetSynchronous("");
    const std::string error = FirstError(heard);
    EXPECT_TRUE(error == "08007" || (error == "08006" && one.name == std::string("both shards")))
        << Trace(heard);
    EXPECT_EQ(Trace(heard).find("COMMIT\\00"), std::string::npos) << Trace(heard);
    HearToTheEnd(&heard);
    ExpectTheSessionGoesOn();
    ExpectNothingPrepared();
    if (error == "08007") {
      EXPECT_GT(Sum(), 0);
    } else {
      EXPECT_EQ(Sum(), 0) << "the second shard never had it for sure, so neither has it";
    }
  }
}

}  // namespace
}  // namespace foreshard::router

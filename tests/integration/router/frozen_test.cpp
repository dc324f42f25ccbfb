#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "base/clock.h"
#include "pg/wire_writer.h"
#include "router/limits.h"
#include "tests/integration/router/bed_test.h"
#include "tests/integration/router/far_side.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The machine of a shard freezes: nothing closes, nothing refuses, nothing answers. The router
// gives its connections up within five seconds (router/limits.h, kUserTimeout), tells the truth
// about what was in flight, and lets what did nothing go on with the new primary.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql", "curl", "ip", "nsenter"});
// The kernel looks once a second whether five have passed.
constexpr std::chrono::milliseconds kNoticed = 7s;

std::string Query(std::string_view sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  return out;
}

class Frozen : public BedTest {
 protected:
  static void SetUpTestSuite() {
    auto made = FarSide::Make();  // Once: it moves the process.
    ASSERT_TRUE(Good(made));
    far_ = std::move(*made);
  }
  static void TearDownTestSuite() { far_.reset(); }

  void SetUp() override {
    ASSERT_NE(far_, nullptr);
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 1}));
    const Result<int> port = far_->Serve(bed_->postgres().port());
    ASSERT_TRUE(Good(port));
    ASSERT_TRUE(Good(
        bed_->Psql("CREATE TABLE customers(id bigint PRIMARY KEY, v bigint NOT NULL DEFAULT 0);\n"
                   "INSERT INTO customers(id) VALUES (1), (2), (3), (4), (5);\n")));
    PutAt(fmt::format("{}:{}", FarSide::kAddress, *port), 2);
  }
  void TearDown() override {
    EXPECT_TRUE(Good(far_->SpeakAgain()));
    clients_.clear();
    locker_.reset();
    bed_.reset();
  }
  std::string Near() const { return fmt::format("127.0.0.1:{}", bed_->postgres().port()); }
  // The shard's primary is there from now on.
  void PutAt(const std::string& place, int epoch) {
    std::string table = bed_->TableJson(epoch);
    const std::string near = Near();
    table.replace(table.find(near), near.size(), place);
    bed_->WriteTable(table);
    ASSERT_TRUE(WaitFor("the router knows", 20s, [&] {
      const auto metrics = bed_->Metrics();
      const std::string wanted = fmt::format("foreshard_router_table_epoch {}", epoch);
      return Seen(metrics && metrics->find(wanted) != std::string::npos);
    }));
  }
  WireClient& Client() {
    auto client = bed_->Client();
    EXPECT_TRUE(Good(client));
    clients_.push_back(std::move(*client));
    return *clients_.back();
  }
  WireClient& InTransaction(int id) {
    WireClient& client = Client();
    EXPECT_EQ(FirstError(*client.Ask("BEGIN")), "");
    EXPECT_EQ(
        FirstError(*client.Ask(fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", id))),
        "");
    return client;
  }
  // What the client hears within so long; "nothing" if it hears nothing.
  std::string Told(WireClient& client, const char* what) {
    const MonotonicTime begin = clock_.Monotonic();
    const auto heard = client.ReceiveUntilReady(kNoticed);
    const auto took =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Monotonic() - begin);
    fmt::print("{}: {} ms behind the one before\n", what, took.count());
    return heard ? FirstError(*heard) : "nothing";
  }

  static std::unique_ptr<FarSide> far_;
  SystemClock clock_;
  std::unique_ptr<WireClient> locker_;
  std::vector<std::unique_ptr<WireClient>> clients_;
};

std::unique_ptr<FarSide> Frozen::far_;

TEST_F(Frozen, IsNoticedWithinSecondsWhateverWasInFlight) {
  WireClient& idle = InTransaction(1);
  WireClient& commits = InTransaction(2);
  auto locker = bed_->Direct(0);
  ASSERT_TRUE(Good(locker));
  locker_ = std::move(*locker);
  ASSERT_EQ(FirstError(*locker_->Ask("BEGIN; UPDATE customers SET v = 7 WHERE id = 3")), "");
  WireClient& writes = Client();
  ASSERT_TRUE(Good(writes.Send(Query("UPDATE customers SET v = 8 WHERE id = 3"))));
  ASSERT_TRUE(WaitFor("it waits for the row", 20s, [&] {
    const auto waiting = bed_->postgres().Sql(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND wait_event_type = 'Lock'");
    return Seen(waiting && *waiting == "1\n", waiting ? *waiting : "");
  }));
  WireClient& reads = Client();
  ASSERT_EQ(FirstValue(*reads.Ask("SELECT v FROM customers WHERE id = 4")), "0");

  ASSERT_TRUE(Good(far_->FallSilent()));
  ASSERT_TRUE(Good(idle.Send(Query("UPDATE customers SET v = v + 1 WHERE id = 1"))));
  ASSERT_TRUE(Good(commits.Send(Query("COMMIT"))));
  ASSERT_TRUE(Good(reads.Send(Query("SELECT v FROM customers WHERE id = 4"))));
  // From the first to the last of them not longer than that; nobody closes anything.
  const MonotonicTime begin = clock_.Monotonic();
  EXPECT_EQ(Told(writes, "a write that waited for its answer"), "08007");
  EXPECT_EQ(Told(idle, "a statement of a transaction"), "40001");
  EXPECT_EQ(Told(commits, "a COMMIT"), "08007");
  EXPECT_LE(clock_.Monotonic() - begin, kNoticed);

  // What did nothing waits for the new primary, and so does who comes now.
  WireClient& comes = *clients_.front();
  ASSERT_EQ(FirstError(*comes.Ask("ROLLBACK")), "");
  ASSERT_TRUE(Good(comes.Send(Query("SELECT v FROM customers WHERE id = 5"))));
  EXPECT_FALSE(reads.Receive(50ms).ok());
  ASSERT_TRUE(Good(bed_->postgres().Sql(
      fmt::format("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app' "
                  "AND pid <> {}",
                  locker_->process_id()))));  // The frozen machine is fenced.
  PutAt(Near(), 3);
  EXPECT_EQ(FirstValue(*reads.ReceiveUntilReady(kNoticed)), "0");
  EXPECT_EQ(FirstValue(*comes.ReceiveUntilReady(kNoticed)), "0");
  EXPECT_EQ(FirstValue(*commits.Ask("SELECT v FROM customers WHERE id = 1")), "0");
}

// A server that waits for a lock reads nothing more of a COPY, for as long as it takes. Its machine
// answers the kernel's probes until it freezes.
TEST_F(Frozen, AServerThatDidNotReadBeforeIsGivenUpOnlyThen) {
  auto locker = bed_->Direct(0);
  ASSERT_TRUE(Good(locker));
  locker_ = std::move(*locker);
  ASSERT_EQ(FirstError(*locker_->Ask("BEGIN; INSERT INTO customers(id) VALUES (100)")), "");
  WireClient& copies = Client();
  ASSERT_TRUE(Good(copies.Send(Query("COPY customers(id, v) FROM STDIN"))));
  ASSERT_TRUE(Good(copies.Receive()));
  std::string rows = "100\t1\n";
  while (rows.size() < 60'000) rows += "100\t1\n";
  std::string data;
  pg::WireWriter(&data, 'd').Bytes(rows).End();
  std::atomic<std::int64_t> sent = 0;
  std::jthread sender([&](const std::stop_token& stop) {
    while (!stop.stop_requested() && sent < 1'000 && copies.Send(data).ok()) sent += 1;
  });
  std::int64_t last = -1;
  MonotonicTime since = clock_.Monotonic();
  ASSERT_TRUE(WaitFor("nothing is taken for longer than a frozen machine is borne", 60s, [&] {
    if (const std::int64_t now = sent; now != std::exchange(last, now)) since = clock_.Monotonic();
    return Seen(clock_.Monotonic() - since > kNoticed, std::to_string(last));
  })) << FirstError(*copies.ReceiveUntilReady(1s));
  EXPECT_FALSE(copies.Receive(50ms).ok()) << "it was given up while it lived";
  ASSERT_TRUE(Good(far_->FallSilent()));
  const auto told = copies.ReceiveUntilReady(2 * kUserTimeout + 2s);
  ASSERT_TRUE(Good(told));
  EXPECT_EQ(FirstError(*told), "08006");
}

}  // namespace
}  // namespace foreshard::router

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <sstream>
#include <thread>

#include "pg/wire_writer.h"
#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Clients that ask and do not read, and servers that do not take what a client says: the router
// holds the other side back instead of keeping it all.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql"});
constexpr int kSlowClients = 10;

class SlowPeers : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(
        Create({.shards = 2}, "CREATE TABLE customers(id bigint PRIMARY KEY, name text)"));
    neighbour_ = Client();
    ASSERT_EQ(FirstValue(*neighbour_->Ask("SELECT 1")), "1");
    before_kb_ = bed_->ResidentKb();
  }
  void TearDown() override {
    if (bed_ == nullptr) return;
    EXPECT_EQ(FirstValue(*neighbour_->Ask("SELECT 1")), "1");
    EXPECT_TRUE(bed_->router().Running()) << bed_->router().ErrorOutput();
  }
  std::int64_t GrownKb() { return bed_->ResidentKb() - before_kb_; }
  testing::AssertionResult ServersWaitFor(const std::string& event, int servers) {
    return WaitFor(fmt::format("{} servers in {}", servers, event), 60s, [&] {
      const auto seen = bed_->postgres().Sql(
          fmt::format("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app' AND '{}' IN "
                      "(wait_event, wait_event_type)",
                      event));
      return Seen(seen && *seen == fmt::format("{}\n", servers), seen ? *seen : "");
    });
  }
  std::vector<std::unique_ptr<WireClient>> Slow(const std::string& sql) {
    std::vector<std::unique_ptr<WireClient>> slow;
    std::string query;
    pg::AppendQuery(&query, sql);
    for (int i = 0; i < kSlowClients; ++i) {
      slow.push_back(Client());
      EXPECT_TRUE(Good(slow.back()->Send(query)));
    }
    return slow;
  }
  // Reads an answer to its end: how many rows it has.
  static int RowsOf(WireClient& client) {
    for (int rows = 0;;) {
      const auto message = client.Receive();
      EXPECT_TRUE(Good(message));
      if (!message || message->type == 'E') return -1;
      rows += message->type == 'D' ? 1 : 0;
      if (message->type == 'Z') return rows;
    }
  }

  std::unique_ptr<WireClient> neighbour_;
  std::int64_t before_kb_ = 0;
};

// Ten answers of 100 MB. Each may have 1 MB in the router (kClientBacklogBytesMax), and what one
// recv() brings on top.
TEST_F(SlowPeers, AnswersThatNobodyReadsWaitInTheServers) {
  auto slow = Slow("SELECT repeat('x', 1000) FROM generate_series(1, 100000)");
  ASSERT_TRUE(ServersWaitFor("ClientWrite", kSlowClients));
  EXPECT_LT(GrownKb(), kSlowClients * 3 * 1024);
  EXPECT_EQ(FirstValue(*neighbour_->Ask("SELECT 2")), "2");
  EXPECT_EQ(RowsOf(*slow.front()), 100'000);
  EXPECT_EQ(FirstValue(*slow.front()->Ask("SELECT 3")), "3");
  EXPECT_LT(GrownKb(), kSlowClients * 3 * 1024);
  slow.clear();  // The others leave with their answers unread: their servers are not reused.
  EXPECT_TRUE(ServersWaitFor("ClientWrite", 0));
}

// The same of both shards: rows that pass as they come.
TEST_F(SlowPeers, AnswersOfSeveralShardsWaitInTheServersToo) {
  std::string rows = "COPY customers(id, name) FROM STDIN;\n";
  for (int id = 1; id <= 400; ++id) rows += fmt::format("{}\t{}\n", id, std::string(1'000, 'x'));
  ASSERT_TRUE(Good(bed_->Psql(rows + "\\.\n")));
  auto slow = Slow("SELECT id, repeat(name, 500) FROM customers");  // 200 MB
  ASSERT_TRUE(ServersWaitFor("ClientWrite", 2 * kSlowClients));
  EXPECT_LT(GrownKb(), 2 * kSlowClients * 4 * 1024);
  EXPECT_EQ(RowsOf(*slow.front()), 400);
}

// COPY of 200 MB whose first row waits for somebody else's transaction.
TEST_F(SlowPeers, AServerThatDoesNotReadHoldsItsClientBack) {
  const auto key = bed_->OnShard(0,
                                 "SELECT min(id) FROM generate_series(1, 99) AS id WHERE "
                                 "hashint8extended(id, 0) < 0");
  ASSERT_TRUE(Good(key));
  auto other = bed_->Direct(0);
  ASSERT_TRUE(Good(other));
  ASSERT_EQ(FirstError(*(*other)->Ask(
                fmt::format("BEGIN; INSERT INTO customers VALUES ({})", std::stoll(*key)))),
            "");
  const auto client = Client();
  std::string bytes;
  pg::AppendQuery(&bytes, "COPY customers(id, name) FROM STDIN");
  ASSERT_TRUE(Good(client->Send(bytes)));
  ASSERT_TRUE(Good(client->Receive()));
  std::atomic<std::int64_t> sent = 0;
  std::jthread sender([&](const std::stop_token& stop) {
    std::string rows;
    for (int row = 0; row < 100; ++row)
      rows += fmt::format("{}\t{}\n", std::stoll(*key), std::string(1'000, 'x'));
    std::string data;
    pg::WireWriter(&data, 'd').Bytes(rows).End();
    while (!stop.stop_requested() && sent < 200 << 20) {
      if (!client->Send(data)) return;
      sent += static_cast<std::int64_t>(data.size());
    }
    std::string end;
    pg::AppendEmpty(&end, 'c');
    (void)client->Send(end);
  });
  ASSERT_TRUE(ServersWaitFor("Lock", 1));
  std::int64_t last = -1;
  int unchanged = 0;
  ASSERT_TRUE(WaitFor("the client is held back", 60s, [&] {
    const std::int64_t now = sent;
    unchanged = now == std::exchange(last, now) ? unchanged + 1 : 0;
    return Seen(unchanged > 100, std::to_string(now));
  }));
  EXPECT_LT(last, 100 << 20);
  EXPECT_LT(GrownKb(), 16 * 1024);
  EXPECT_EQ(FirstValue(*neighbour_->Ask("SELECT 2")), "2");
  ASSERT_EQ(FirstError(*(*other)->Ask("COMMIT")), "");
  const auto answer = client->ReceiveUntilReady(60s);
  ASSERT_TRUE(Good(answer));
  EXPECT_EQ(FirstError(*answer), "23505");  // The row is there now.
}

// The receive queues of the router's clients, in bytes: what the kernel has and it did not read.
std::int64_t UnreadBytes(int port) {
  std::istringstream lines(support::ReadFile("/proc/net/tcp"));
  const std::string local = fmt::format(":{:04X}", port);
  std::int64_t unread = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string slot;
    std::string from;
    std::string to;
    std::string state;
    std::string queues;
    words >> slot >> from >> to >> state >> queues;
    if (from.ends_with(local) && state == "01")
      unread += std::stoll(queues.substr(queues.find(':') + 1), nullptr, 16);
  }
  return unread;
}

// Before its first server has answered, a client may say a lot.
TEST(SlowServers, AClientThatSpeaksBeforeItIsWelcomeIsHeldBack) {
  auto bed = RouterBed::Create({.shards = 1});
  ASSERT_TRUE(Good(bed));
  (*bed)->postgres().Freeze();
  std::string hurry;
  for (int i = 0; i < 100; ++i) pg::AppendQuery(&hurry, "SELECT 1 -- " + std::string(1 << 20, 'x'));
  Result<std::unique_ptr<WireClient>> client = Error::Retry("not connected");
  std::jthread sender([&] { client = (*bed)->Client(hurry); });
  int full = 0;
  EXPECT_TRUE(WaitFor("the client is held back", 10s, [&] {
    const std::int64_t unread = UnreadBytes((*bed)->port());
    full = unread > 100'000 ? full + 1 : 0;
    return Seen(full > 50, std::to_string(unread));
  }));
  (*bed)->postgres().Thaw();
  sender.join();
  ASSERT_TRUE(Good(client));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(FirstValue(*(*client)->ReceiveUntilReady()), "1");
}

}  // namespace
}  // namespace foreshard::router

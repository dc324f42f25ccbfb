#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/random.h"
#include "pg/wire_startup.h"
#include "pg/wire_writer.h"
#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The router while its clients come and go by the thousand, cancel what is not theirs, and its
// table changes all the time. Each case ends with the proof that it works as before.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql", "pgbench"});
constexpr std::uint64_t kSeed = 4'711;

class RouterChaos : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2}));
    std::string rows =
        "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0);"
        "INSERT INTO customers(id) VALUES (1)";
    for (int id = 2; id <= 200; ++id) rows += fmt::format(",({})", id);
    ASSERT_TRUE(Good(bed_->Psql(rows + ";")));
  }
  void TearDown() override {
    if (bed_ == nullptr) return;
    ASSERT_TRUE(bed_->router().Running()) << bed_->router().ErrorOutput();
    const Result<std::string> count = bed_->Psql("SELECT count(*) FROM customers WHERE id <= 200");
    ASSERT_TRUE(Good(count));
    EXPECT_EQ(*count, "200\n");
  }
  std::string SumOfValues() {
    const Result<std::string> sum = bed_->Psql("SELECT sum(v) FROM customers");
    return sum ? *sum : "ERROR " + sum.error().message;
  }
  std::size_t OpenFiles() {
    std::size_t count = 0;
    const std::string folder = fmt::format("/proc/{}/fd", bed_->router().pid());
    for ([[maybe_unused]] const auto& file : std::filesystem::directory_iterator(folder)) ++count;
    return count;
  }
};

std::string Query(std::string_view sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  return out;
}

int Connected(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

TEST_F(RouterChaos, TenThousandConnectionsComeAndGo) {
  const auto steady = Client();
  ASSERT_EQ(FirstValue(*steady->Ask("SELECT 1")), "1");
  const std::size_t files = OpenFiles();
  Random random(kSeed);
  std::string startup;
  pg::AppendStartup(&startup, {{"user", "app"}, {"database", "app"}});
  std::string ssl;
  pg::AppendSslRequest(&ssl);
  std::vector<int> open;
  std::int64_t after_first = 0;
  for (int i = 0; i < 10'000; ++i) {
    const int fd = Connected(bed_->port());
    ASSERT_GE(fd, 0) << i;
    open.push_back(fd);
    const std::string& said = random.Chance(0.5) ? startup : ssl;
    const std::string part =
        said.substr(0, static_cast<std::size_t>(random.Below(said.size() + 1)));
    if (!part.empty()) {
      ASSERT_EQ(::send(fd, part.data(), part.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(part.size()));
    }
    if (open.size() > 200) {
      const auto one = static_cast<std::size_t>(random.Below(open.size()));
      ::close(open[one]);
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(one));
    }
    if (i == 2'000) after_first = bed_->ResidentKb();
    if (i % 500 == 0) {
      ASSERT_EQ(FirstValue(*steady->Ask("SELECT 1")), "1") << "seed " << kSeed;
    }
  }
  EXPECT_LT(bed_->ResidentKb() - after_first, 8 * 1024) << "kilobytes more after 8,000 of them";
  for (const int fd : open) ::close(fd);
  EXPECT_TRUE(WaitFor("all are gone", 20s, [&] {
    const std::size_t now = OpenFiles();
    return Seen(now <= files + 2, fmt::format("{} files, {} before", now, files));
  }));
}

// Requests with right and wrong keys rain on sessions that share a few servers.
TEST_F(RouterChaos, CancelsHitWhomTheyMeanOrNobody) {
  Random random(kSeed);
  const auto target = Client();
  std::vector<std::unique_ptr<WireClient>> others;
  for (int i = 0; i < 6; ++i) others.push_back(Client());
  int hits = 0;
  for (int round = 0; round < 60; ++round) {
    ASSERT_TRUE(target->Send(Query("SELECT pg_sleep(0.02)")).ok());
    for (const auto& other : others)
      ASSERT_TRUE(other->Send(Query("SELECT pg_sleep(0.002), 7")).ok());
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(Good(SendCancel(bed_->port(), target->process_id(), target->secret_key())));
      const auto& other = others[static_cast<std::size_t>(random.Below(others.size()))];
      ASSERT_TRUE(Good(SendCancel(bed_->port(), other->process_id(),
                                  other->secret_key() ^ (1U << random.Below(32)))));
    }
    const auto hit = target->ReceiveUntilReady();
    ASSERT_TRUE(Good(hit));
    hits += FirstError(*hit) == "57014" ? 1 : 0;
    for (const auto& other : others) {
      const auto answer = other->ReceiveUntilReady();
      ASSERT_TRUE(Good(answer));
      ASSERT_EQ(FirstError(*answer), "") << "seed " << kSeed << ", round " << round;
    }
  }
  EXPECT_GT(hits, 10);
}

// A new table each time that the router looks at its file, while clients read and write.
void ChangeTables(RouterBed& bed, int changes, int transactions) {
  const support::TemporaryDirectory scripts("chaos");
  const std::string script = scripts.Write(
      "script.sql",
      "\\set id random(1, 200)\n\\set other random(1, 200)\n"
      "UPDATE customers SET v = v + 1 WHERE id = :id;\nSELECT v FROM customers WHERE id = :other;\n"
      "SELECT count(*) FROM customers;\n");
  auto load = support::ChildProcess::Start(
      {.command = {"pgbench", "-n",
                   "-h",      "127.0.0.1",
                   "-p",      std::to_string(bed.port()),
                   "-U",      "app",
                   "-M",      "prepared",
                   "-c",      "4",
                   "-j",      "1",
                   "-t",      std::to_string(transactions),
                   "-R",      "200",
                   "-f",      script,
                   "app"},
       .environment = {{"PGPASSWORD", RouterBed::kPassword}, {"PGSSLMODE", "disable"}}});
  ASSERT_TRUE(Good(load));
  for (int epoch = 2; epoch < 2 + changes; ++epoch) {
    bed.WriteTable(bed.TableJson(epoch));
    ASSERT_TRUE(WaitFor("the router has taken it", 10s, [&] {
      const std::string log = bed.router().ErrorOutput();
      std::size_t taken = 0;
      for (std::size_t at = 0; (at = log.find("\"what\":\"table\"", at)) != std::string::npos; ++at)
        ++taken;
      return Seen(taken + 2 > static_cast<std::size_t>(epoch), std::to_string(taken));
    }));
  }
  const auto ended = (*load)->Wait(120s);
  ASSERT_TRUE(Good(ended));
  EXPECT_NE((*load)->Output().find("number of failed transactions: 0 "), std::string::npos)
      << (*load)->Output() << (*load)->ErrorOutput();
}

TEST_F(RouterChaos, TheTableChangesUnderLoad) {
  ChangeTables(*bed_, 20, 200);
  EXPECT_EQ(SumOfValues(), "800\n");  // 4 clients x 200
}

// 1,000 changes take as many looks at the file, 200 ms each: for `make test-long`.
TEST_F(RouterChaos, LongTheTableChangesAThousandTimesUnderLoad) {
  ChangeTables(*bed_, 1'000, 10'000);
  EXPECT_EQ(SumOfValues(), "40000\n");
}

}  // namespace
}  // namespace foreshard::router

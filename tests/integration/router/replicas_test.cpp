#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Reads on replicas: one primary whose databases are two shards, and two streaming standbys of it
// in zones a and b. The router runs in zone b.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::PostgresServer;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql", "pg_basebackup"});

class ReplicaReads : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2, .arguments = {"--zone", "b"}}));
    ASSERT_TRUE(Good(bed_->Psql(
        "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0);"
        "INSERT INTO customers(id) VALUES (1), (2), (3), (4), (5), (6), (7), (8);")));
    std::vector<int> ports;
    for (const char* zone : {"a", "b"}) {
      auto standby = PostgresServer::CreateStandby(bed_->postgres(), {{"foreshard.zone", zone}});
      ASSERT_TRUE(Good(standby));
      ports.push_back((*standby)->port());
      standbys_.push_back(std::move(*standby));
    }
    bed_->SetReplicas(ports);
    bed_->WriteTable(bed_->TableJson(2));
    client_ = Client();
  }

  std::string Ask(std::string_view sql) {
    const auto answer = client_->Ask(sql);
    EXPECT_TRUE(Good(answer)) << sql;
    if (!answer) return "nothing";
    return FirstError(*answer).empty() ? FirstValue(*answer) : FirstError(*answer);
  }
  void Set(const std::string& level) {
    ASSERT_EQ(Ask("SET foreshard.consistency = '" + level + "'"), "");
  }
  std::string Where() { return Ask("SELECT inet_server_port() FROM customers WHERE id = 1"); }
  std::string PortOf(int standby) const { return std::to_string(standbys_[standby]->port()); }
  std::string PrimarysPort() { return std::to_string(bed_->postgres().port()); }
  testing::AssertionResult ReadsComeFrom(const std::string& port) {
    return WaitFor("reads come from " + port, 20s, [&] {
      const std::string where = Where();
      return Seen(where == port, where);
    });
  }
  // What a standby hears it keeps, but does not replay.
  void Pause() {
    for (const auto& standby : standbys_)
      ASSERT_TRUE(Good(standby->Sql("SELECT pg_wal_replay_pause()")));
    for (const auto& standby : standbys_) {
      ASSERT_TRUE(WaitFor("it stands still", 10s, [&] {
        const auto state = standby->Sql("SELECT pg_get_wal_replay_pause_state()");
        return Seen(state && *state == "paused\n", state ? *state : "");
      }));
    }
  }
  void Resume() {
    for (const auto& standby : standbys_)
      ASSERT_TRUE(Good(standby->Sql("SELECT pg_wal_replay_resume()")));
  }

  std::vector<std::unique_ptr<PostgresServer>> standbys_;
  std::unique_ptr<WireClient> client_;
};

TEST_F(ReplicaReads, WhoSaysNothingReadsThePrimaryAndWhoAsksReadsItsZone) {
  EXPECT_EQ(Where(), PrimarysPort());
  EXPECT_EQ(Ask("SHOW foreshard.consistency"), "strong");
  Set("eventual");
  EXPECT_TRUE(ReadsComeFrom(PortOf(1)));
  EXPECT_EQ(Ask("UPDATE customers SET v = 1 WHERE id = 1 RETURNING inet_server_port()"),
            PrimarysPort());
  ASSERT_EQ(Ask("BEGIN"), "");
  EXPECT_EQ(Where(), PrimarysPort());
  ASSERT_EQ(Ask("COMMIT"), "");
  Set("strong");
  EXPECT_EQ(Where(), PrimarysPort());
  // What a replica cannot do is the primary's, and what is wrong there too is told once.
  Set("eventual");
  EXPECT_EQ(Ask("SELECT txid_current() > 0 FROM customers WHERE id = 1"), "t");
  EXPECT_EQ(Ask("SELECT 1 / v FROM customers WHERE id = 2"), "22012");
  EXPECT_EQ(Ask("SELECT count(*) FROM customers"), "8");
  EXPECT_EQ(Ask("SET foreshard.consistency = 'weak'"), "22023");
}

TEST_F(ReplicaReads, EachLevelHoldsWhileReplicasLagBehind) {
  Set("eventual");
  ASSERT_TRUE(ReadsComeFrom(PortOf(1)));
  Pause();
  ASSERT_EQ(Ask("UPDATE customers SET v = 5 WHERE id = 1"), "");
  EXPECT_EQ(Ask("SELECT v FROM customers WHERE id = 1"), "0");
  Set("read_your_writes");
  EXPECT_EQ(Ask("SELECT v FROM customers WHERE id = 1"), "5");
  EXPECT_EQ(Where(), PrimarysPort());
  Set("bounded");
  EXPECT_TRUE(ReadsComeFrom(PrimarysPort()));  // Once half a second has passed.
  EXPECT_EQ(Ask("SELECT v FROM customers WHERE id = 1"), "5");
  Resume();
  EXPECT_TRUE(ReadsComeFrom(PortOf(1)));
  EXPECT_EQ(Ask("SELECT v FROM customers WHERE id = 1"), "5");
  Set("read_your_writes");
  EXPECT_TRUE(ReadsComeFrom(PortOf(1)));
}

TEST_F(ReplicaReads, ASessionAlwaysReadsWhatItWrote) {
  Set("read_your_writes");
  ASSERT_TRUE(ReadsComeFrom(PortOf(1)));
  int by_replica = 0;
  for (int i = 1; i <= 2'000 || by_replica < 3; ++i) {
    ASSERT_LT(i, 100'000) << "replicas never catch up";
    // Reads between the writes give the replica the time to come near.
    if (i % 100 == 0) {
      ASSERT_EQ(Ask(fmt::format("UPDATE customers SET v = {} WHERE id = 3", i)), "");
    }
    const auto answer =
        client_->Ask("SELECT v || ' ' || inet_server_port() FROM customers WHERE id = 3");
    ASSERT_TRUE(Good(answer));
    const std::string seen = FirstValue(*answer);
    ASSERT_TRUE(seen.starts_with(fmt::format("{} ", i / 100 * 100))) << i << ": " << seen;
    if (i >= 100 && !seen.ends_with(PrimarysPort())) ++by_replica;
  }
}

TEST_F(ReplicaReads, AReplicaThatDiesIsLeftAndTakenBack) {
  Set("eventual");
  ASSERT_TRUE(ReadsComeFrom(PortOf(1)));
  standbys_[1]->Crash();
  for (int i = 0; i < 100; ++i) {
    const std::string where = Where();
    ASSERT_TRUE(where == PortOf(0) || where == PrimarysPort()) << where;
  }
  EXPECT_TRUE(ReadsComeFrom(PortOf(0)));
  standbys_[0]->Crash();
  EXPECT_TRUE(ReadsComeFrom(PrimarysPort()));
  ASSERT_TRUE(Good(standbys_[1]->Start()));
  EXPECT_TRUE(ReadsComeFrom(PortOf(1)));
}

}  // namespace
}  // namespace foreshard::router

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pg/wire_writer.h"
#include "tests/integration/router/router_bed.h"
#include "tests/support/await.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// A router that nobody told of a cutover, on real PostgreSQL.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;

const support::Needs kNeeds({"postgres", "psql"});

std::string Query(const std::string& sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  return out;
}
std::string Extended(const std::string& sql) {
  std::string out;
  pg::AppendParse(&out, "", sql, {});
  pg::WireWriter(&out, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&out, 'E').String("").Int32(0).End();
  pg::AppendEmpty(&out, 'S');
  return out;
}

// A write that matches no row fires no trigger, so nothing but a proof keeps a router that heard
// nothing from telling "UPDATE 0" of a row that has moved.
TEST(Lease, AWriteIsNotBelievedOfAShardThatHasLostItsKeys) {
  const auto bed = RouterBed::Create({.shards = 2});
  ASSERT_TRUE(Good(bed));
  const auto on_shard = [&bed](int shard, const std::string& sql) {
    const auto done = (*bed)->OnShard(shard, sql);
    return done ? *done : "ERROR " + done.error().message;
  };
  ASSERT_TRUE(Good((*bed)->Psql(
      "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0)")));
  const auto made = (*bed)->Client();
  ASSERT_TRUE(Good(made));
  WireClient& client = **made;
  const std::string update = "UPDATE customers SET v = v + 1 WHERE id = 1";
  const std::vector<std::vector<std::string>> ways = {
      {Query(update)},
      {Extended(update)},
      {Query("BEGIN"), Query(update), Query("COMMIT")},
      {Query("BEGIN ISOLATION LEVEL REPEATABLE READ"), Extended(update), Query("COMMIT")},
      {Query("UPDATE customers SET name = 'x' WHERE id = 1; " + update)},
  };
  ASSERT_EQ(FirstError(*client.Ask("INSERT INTO customers(id) VALUES (1)")), "");
  int loses = on_shard(0, "SELECT count(*) FROM customers") == "1\n" ? 0 : 1;
  const char* bound = loses == 0 ? "upper_bound" : "lower_bound";
  for (const int shard : {0, 1}) {
    ASSERT_EQ(on_shard(shard, fmt::format(
                                  "INSERT INTO foreshard.migration(migration_id, uid, peer, phase, "
                                  "token, state) VALUES (7, 'u', 's-1', 'Cutover', 1, 'open');"
                                  "INSERT INTO foreshard.range(range_id, kind, {}, owner, epoch, "
                                  "leased, migration_id) "
                                  "VALUES ('m', 'hash', '80', 's-{}', 1, true, 7)",
                                  bound, loses)),
              "");
  }
  int written = 0;
  for (const std::vector<std::string>& way : ways) {
    const int gains = 1 - loses;
    // As a cutover leaves it for whom nobody told: connections end, the keys are the other's.
    on_shard(loses, "SELECT pg_terminate_backend(pid) FROM foreshard.connection");
    const auto before = client.Ask("SELECT v FROM customers WHERE id = 1");
    ASSERT_TRUE(Good(before));
    ASSERT_EQ(FirstValue(*before), std::to_string(written)) << Trace(*before);
    on_shard(loses, "DELETE FROM customers");
    on_shard(gains, fmt::format("INSERT INTO customers(id, v) VALUES (1, {})", written));
    for (const int shard : {gains, loses}) {
      on_shard(shard, fmt::format("UPDATE foreshard.range SET owner = 's-{}', epoch = {}", gains,
                                  100 + written));
    }
    ++written;
    std::string heard;
    for (const std::string& said : way) {
      ASSERT_TRUE(Good(client.Send(said)));
      const auto answer = client.ReceiveUntilReady();
      ASSERT_TRUE(Good(answer));
      heard += Trace(*answer);
    }
    EXPECT_NE(heard.find("UPDATE 1"), std::string::npos) << "way " << written << ": " << heard;
    EXPECT_EQ(on_shard(gains, "SELECT v FROM customers"), fmt::format("{}\n", written)) << heard;
    loses = gains;
  }
}

// A cutover that stands still between close and open: each shard says that the other one owns the
// only customer, the loser with the newer epoch; nothing is leased, and the router has to log in
// anew.
class BetweenCloseAndOpen : public testing::Test {
 protected:
  void SetUp() override {
    auto bed = RouterBed::Create({.shards = 2});
    ASSERT_TRUE(Good(bed));
    bed_ = std::move(*bed);
    ASSERT_TRUE(Good(bed_->Psql(
        "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0)")));
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    client_ = std::move(*client);
    ASSERT_EQ(FirstError(*client_->Ask("INSERT INTO customers(id) VALUES (1)")), "");
    loses_ = OnShard(0, "SELECT count(*) FROM customers") == "1\n" ? 0 : 1;
    gains_ = 1 - loses_;
    OnShard(gains_, "INSERT INTO customers(id) VALUES (1)");
    for (const int shard : {0, 1}) {
      OnShard(shard,
              fmt::format("INSERT INTO foreshard.migration(migration_id, uid, peer, phase, token, "
                          "state) VALUES (7, 'u', 's-1', 'Cutover', 1, 'open');"
                          "INSERT INTO foreshard.range(range_id, kind, {}, owner, epoch, "
                          "migration_id) VALUES ('m', 'hash', '80', 's-{}', {}, 7)",
                          loses_ == 0 ? "upper_bound" : "lower_bound", 1 - shard,
                          shard == loses_ ? 100 : 1));
    }
    OnShard(loses_, "SELECT pg_terminate_backend(pid) FROM foreshard.connection");
  }
  std::string OnShard(int shard, const std::string& sql) {
    const auto done = bed_->OnShard(shard, sql);
    EXPECT_TRUE(Good(done)) << sql;
    return done ? *done : std::string();
  }
  // The client's statement has been refused so often: it has asked both shards.
  void AwaitRefusals(double wanted) {
    const Status refused = support::Await("each shard has refused twice", 20s, [&] {
      const auto metrics = bed_->Metrics();
      constexpr std::string_view kCount = "\nforeshard_stale_owner_total ";
      const std::size_t at = metrics ? metrics->find(kCount) : std::string::npos;
      const double times =
          at == std::string::npos ? 0 : std::stod(metrics->substr(at + kCount.size()));
      return support::Seen(times >= wanted, fmt::format("{} refusals", times));
    });
    EXPECT_TRUE(Good(refused)) << bed_->RouterLog();
  }
  void Open() {
    OnShard(gains_, fmt::format("UPDATE foreshard.range SET owner = 's-{}', epoch = 100; INSERT "
                                "INTO foreshard.gate VALUES (7)",
                                gains_));
  }

  std::unique_ptr<RouterBed> bed_;
  std::unique_ptr<WireClient> client_;
  int loses_ = 0;
  int gains_ = 1;
};

// The gainer names the loser until it opens, and a refusal may be under way for long: meanwhile the
// loser has been emptied. What a shard says of another one is no reason to believe an "UPDATE 0" of
// that one.
TEST_F(BetweenCloseAndOpen, AnEmptiedShardIsNotBelievedThoughTheOtherOneNamesIt) {
  OnShard(loses_, "DELETE FROM customers");
  OnShard(gains_,
          "CREATE TRIGGER gate BEFORE INSERT OR UPDATE OR DELETE ON customers FOR EACH ROW "
          "EXECUTE FUNCTION foreshard.gate_check('7')");
  ASSERT_TRUE(Good(client_->Send(Query("UPDATE customers SET v = v + 1 WHERE id = 1"))));
  AwaitRefusals(4);
  Open();
  const auto answer = client_->ReceiveUntilReady();
  ASSERT_TRUE(Good(answer));
  EXPECT_NE(Trace(*answer).find("UPDATE 1"), std::string::npos) << Trace(*answer);
  EXPECT_EQ(OnShard(gains_, "SELECT v FROM customers"), "1\n");
}

// The loser says who gets the keys before that one has all of them.
TEST_F(BetweenCloseAndOpen, AShardThatHasNotOpenedIsNotReadThoughTheLoserNamesIt) {
  OnShard(loses_, "UPDATE customers SET v = 5");
  ASSERT_TRUE(Good(client_->Send(Query("SELECT v FROM customers WHERE id = 1"))));
  AwaitRefusals(4);
  OnShard(gains_, "UPDATE customers SET v = 5");
  Open();
  const auto answer = client_->ReceiveUntilReady();
  ASSERT_TRUE(Good(answer));
  EXPECT_EQ(FirstValue(*answer), "5") << Trace(*answer);
}

// A migration that is over: the keys have come back to the shard that it took them from, with
// another one, of which the router knows nothing yet. The first one's row still speaks of the time
// between.
class AfterTheWayBack : public testing::Test {
 protected:
  void SetUp() override {
    auto bed = RouterBed::Create({.shards = 1});
    ASSERT_TRUE(Good(bed));
    bed_ = std::move(*bed);
    ASSERT_TRUE(Good(bed_->Psql("CREATE TABLE customers(id bigint PRIMARY KEY, name text)")));
    auto client = bed_->Client();
    ASSERT_TRUE(Good(client));
    client_ = std::move(*client);
    ASSERT_EQ(FirstError(*client_->Ask("INSERT INTO customers VALUES (1, 'here')")), "");
    WriteTable(R"([{"migration":"m","number":7,"range":{"from":"","to":""}}])", 1);
    OnShard(
        "INSERT INTO foreshard.migration(migration_id, uid, peer, phase, token, state) VALUES (7, "
        "'u', 's-1', 'Cutover', 1, 'open'); INSERT INTO foreshard.range(range_id, kind, owner, "
        "epoch, leased, migration_id) VALUES ('m', 'hash', 's-0', 1, true, 7); SELECT "
        "pg_terminate_backend(pid) FROM foreshard.connection");
    ASSERT_EQ(Read(), "here");  // by a session that knows of the lease
    OnShard("UPDATE foreshard.range SET owner = 's-1'");
  }
  void OnShard(const std::string& sql) { EXPECT_TRUE(Good(bed_->OnShard(0, sql))) << sql; }
  void WriteTable(const std::string& moving, int times) {
    bed_->WriteTable(bed_->TableJson(1, moving));
    const Status taken = support::Await("the router has the table", 20s, [&] {
      const std::string log = bed_->RouterLog();
      int seen = 0;
      for (std::size_t at = 0; (at = log.find("file_taken", at)) != std::string::npos; ++at) ++seen;
      return support::Seen(seen >= times, log);
    });
    EXPECT_TRUE(Good(taken));
  }
  std::string Read() {
    const auto answer = client_->Ask("SELECT name FROM customers WHERE id = 1");
    EXPECT_TRUE(Good(answer));
    return answer ? FirstValue(*answer) : std::string();
  }

  std::unique_ptr<RouterBed> bed_;
  std::unique_ptr<WireClient> client_;
};

TEST_F(AfterTheWayBack, WhoSawTheMarkLeaveTheTableAsksForNoProof) {
  WriteTable("[]", 2);  // of the same epoch
  EXPECT_EQ(Read(), "here");
}

TEST_F(AfterTheWayBack, WhoSawNothingIsToldNothingByARowThatIsSettled) {
  OnShard("UPDATE foreshard.range SET leased = false, migration_id = NULL");
  EXPECT_EQ(Read(), "here");
}

}  // namespace
}  // namespace foreshard::router

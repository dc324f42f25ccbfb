#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pg/wire_writer.h"
#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Who waits for a server connection waits so long and no longer, and can go on afterwards.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;
using support::Seen;
using support::WaitFor;

const support::Needs kNeeds({"postgres", "psql", "curl"});
constexpr int kWorkers = 2;  // of the bed's router: each has one connection to each shard here

class QueryWait : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2}, "CREATE TABLE customers(id bigint PRIMARY KEY)"));
    for (int shard = 0; shard < 2; ++shard) {
      const auto key =
          bed_->OnShard(0, fmt::format("SELECT min(id) FROM generate_series(1, 99) AS id WHERE "
                                       "hashint8extended(id, 0) {} 0",
                                       shard == 0 ? "<" : ">="));
      ASSERT_TRUE(Good(key));
      reads_[shard] = fmt::format("SELECT id FROM customers WHERE id = {}", std::stoll(*key));
      ASSERT_TRUE(Good(bed_->Psql(
          fmt::format("INSERT INTO customers VALUES ({}) ON CONFLICT DO NOTHING", *key))));
      keys_[shard] = std::to_string(std::stoll(*key));
    }
    bed_->WriteConfig(
        R"("clientConnections":500,"serverConnectionsPerShard":1,"queryWaitMillis":300)");
    ASSERT_TRUE(WaitFor("the router takes it", 20s, [&] {
      const std::string log = bed_->RouterLog();
      return Seen(log.find(R"("what":"config")") != std::string::npos, log);
    }));
  }
  // Until all connections to the first shard are in use. Whose event loop has none left is told so.
  void HoldAll() {
    for (int tries = 0; holders_.size() < kWorkers; ++tries) {
      ASSERT_LT(tries, 60);
      auto client = Client();
      const auto answer = client->Ask("BEGIN");
      ASSERT_EQ(FirstError(*answer), "");
      const std::string error = FirstError(*client->Ask(reads_[0]));
      if (error.empty()) holders_.push_back(std::move(client));
      if (!error.empty()) {
        ASSERT_EQ(error, "57014");
      }
    }
  }

  std::string reads_[2];
  std::string keys_[2];
  std::vector<std::unique_ptr<WireClient>> holders_;
};

TEST_F(QueryWait, EndsWith57014AndTheSessionGoesOn) {
  const auto early = Client();  // Logged in before all are held.
  HoldAll();
  const auto refused = early->Ask(reads_[0]);
  ASSERT_TRUE(Good(refused));
  EXPECT_EQ(FirstError(*refused), "57014") << Trace(*refused);
  EXPECT_NE(Trace(*refused).find("shard s-0"), std::string::npos) << Trace(*refused);
  EXPECT_EQ(FirstValue(*early->Ask(reads_[1])), keys_[1]) << "the other shard is free";

  // A pipeline: the first cycle fails at once and as a whole, the next one is another matter.
  std::string pipeline;
  for (const std::string& read : reads_) {
    pg::AppendParse(&pipeline, "", read, {});
    pg::WireWriter(&pipeline, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
    pg::WireWriter(&pipeline, 'E').String("").Int32(0).End();
    pg::AppendEmpty(&pipeline, 'S');
  }
  ASSERT_TRUE(Good(early->Send(pipeline)));
  const auto first = early->ReceiveUntilReady();
  ASSERT_TRUE(Good(first));
  EXPECT_EQ(FirstError(*first), "57014") << Trace(*first);
  const auto second = early->ReceiveUntilReady();
  ASSERT_TRUE(Good(second));
  EXPECT_EQ(FirstValue(*second), keys_[1]) << Trace(*second);

  // In a transaction it fails as any error does.
  ASSERT_EQ(FirstError(*early->Ask("BEGIN")), "");
  ASSERT_EQ(FirstValue(*early->Ask(reads_[1])), keys_[1]);
  EXPECT_EQ(FirstError(*early->Ask(reads_[0])), "57014");
  EXPECT_EQ(FirstError(*early->Ask(reads_[1])), "25P02");
  EXPECT_EQ(FirstError(*early->Ask("ROLLBACK")), "");

  const auto metrics = bed_->Metrics();
  ASSERT_TRUE(Good(metrics));
  EXPECT_EQ(metrics->find("foreshard_router_query_waits_expired_total 0"), std::string::npos)
      << *metrics;

  for (const auto& holder : holders_) ASSERT_EQ(FirstError(*holder->Ask("COMMIT")), "");
  EXPECT_EQ(FirstValue(*early->Ask(reads_[0])), keys_[0]);
}

TEST_F(QueryWait, AShardThatIsAwayIsNamed) {
  const auto client = Client();
  ASSERT_TRUE(Good(bed_->postgres().Stop(support::PostgresServer::StopMode::kFast)));
  const auto refused = client->Ask(reads_[0]);
  ASSERT_TRUE(Good(refused));
  EXPECT_EQ(FirstError(*refused), "57P03") << Trace(*refused);
  ASSERT_TRUE(Good(bed_->postgres().Start()));
  ASSERT_TRUE(WaitFor("it works again", 20s, [&] {
    const auto answer = client->Ask(reads_[0]);
    return Seen(answer && FirstValue(*answer) == keys_[0], answer ? Trace(*answer) : "");
  }));
  // That it was away is forgotten.
  HoldAll();
  EXPECT_EQ(FirstError(*client->Ask(reads_[0])), "57014");
}

}  // namespace
}  // namespace foreshard::router

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

// The loser has been emptied. The gainer still refuses, and says that the loser owns the keys: so
// does a destination before it opens, and so does a refusal that was under way for long. What a
// shard says of another one is no reason to believe an "UPDATE 0" of that one.
TEST(Lease, AnEmptiedShardIsNotBelievedThoughAnotherOneNamesIt) {
  const auto bed = RouterBed::Create({.shards = 2});
  ASSERT_TRUE(Good(bed));
  const auto on_shard = [&bed](int shard, const std::string& sql) {
    const auto done = (*bed)->OnShard(shard, sql);
    EXPECT_TRUE(Good(done)) << sql;
    return done ? *done : std::string();
  };
  ASSERT_TRUE(Good((*bed)->Psql(
      "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0)")));
  const auto made = (*bed)->Client();
  ASSERT_TRUE(Good(made));
  WireClient& client = **made;
  ASSERT_EQ(FirstError(*client.Ask("INSERT INTO customers(id) VALUES (1)")), "");
  const int loses = on_shard(0, "SELECT count(*) FROM customers") == "1\n" ? 0 : 1;
  const int gains = 1 - loses;
  for (const int shard : {0, 1}) {
    on_shard(shard,
             fmt::format("INSERT INTO foreshard.migration(migration_id, uid, peer, phase, token, "
                         "state) VALUES (7, 'u', 's-1', 'Cutover', 1, 'open');"
                         "INSERT INTO foreshard.range(range_id, kind, {}, owner, epoch, "
                         "migration_id) VALUES ('m', 'hash', '80', 's-{}', {}, 7)",
                         loses == 0 ? "upper_bound" : "lower_bound", shard == loses ? gains : loses,
                         shard == loses ? 100 : 1));
  }
  on_shard(loses, "DELETE FROM customers");
  on_shard(gains,
           "INSERT INTO customers(id) VALUES (1);"
           "CREATE TRIGGER gate BEFORE INSERT OR UPDATE OR DELETE ON customers FOR EACH ROW "
           "EXECUTE FUNCTION foreshard.gate_check('7')");
  on_shard(loses, "SELECT pg_terminate_backend(pid) FROM foreshard.connection");

  ASSERT_TRUE(Good(client.Send(Query("UPDATE customers SET v = v + 1 WHERE id = 1"))));
  const Status refused = support::Await("each shard has refused twice", 20s, [&] {
    const auto metrics = (*bed)->Metrics();
    constexpr std::string_view kCount = "\nforeshard_stale_owner_total ";
    const std::size_t at = metrics ? metrics->find(kCount) : std::string::npos;
    const double times =
        at == std::string::npos ? 0 : std::stod(metrics->substr(at + kCount.size()));
    return support::Seen(times >= 4, fmt::format("{} refusals", times));
  });
  EXPECT_TRUE(Good(refused)) << (*bed)->RouterLog();
  on_shard(gains, "UPDATE foreshard.range SET owner = 's-" + std::to_string(gains) +
                      "', epoch = 100; INSERT INTO foreshard.gate VALUES (7)");
  const auto answer = client.ReceiveUntilReady();
  ASSERT_TRUE(Good(answer));
  EXPECT_NE(Trace(*answer).find("UPDATE 1"), std::string::npos) << Trace(*answer);
  EXPECT_EQ(on_shard(gains, "SELECT v FROM customers"), "1\n");
}

}  // namespace
}  // namespace foreshard::router

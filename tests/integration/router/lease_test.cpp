#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pg/wire_writer.h"
#include "tests/integration/router/router_bed.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// A router that nobody told of a cutover, on real PostgreSQL.

namespace foreshard::router {
namespace {

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

}  // namespace
}  // namespace foreshard::router

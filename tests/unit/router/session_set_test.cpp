#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

using W = SessionWorld;

// A client between four servers that say yes to everything.
struct Obedient {
  SessionWorld w;
  char status = 'I';

  // What the servers were told, as texts; each Query is answered with `tag`.
  std::vector<std::string> Ask(std::string_view sql, std::string_view tag = "OK") {
    std::vector<std::string> told;
    w.ClientSays(W::Query(sql));
    for (bool any = true; any;) {
      any = false;
      for (std::uint32_t shard = 0; shard < 4; ++shard) {
        const std::string said = w.links_[shard].Take();
        std::string_view rest = said;
        pg::WireFrame frame;
        while (pg::NextFrame(rest, 1 << 30, &frame) == pg::WireFrameState::kComplete) {
          rest.remove_prefix(frame.whole.size());
          told.push_back(fmt::format("{}: {}", shard, frame.body.substr(0, frame.body.size() - 1)));
          const bool begins = frame.body.starts_with("BEGIN");
          const bool ends =
              frame.body.starts_with("COMMIT") || frame.body == std::string_view("ROLLBACK", 9);
          if (begins) status = 'T';
          if (ends) status = 'I';
          w.ServerSays(shard, W::Done(begins ? "BEGIN" : tag, status));
          any = true;
        }
      }
    }
    return told;
  }
  std::string Key(std::uint32_t shard) { return std::to_string(w.SomeKeyOf(shard)); }
  std::uint32_t ShardOf(const std::string& sql) {
    const std::vector<std::string> told = Ask(sql, "SELECT 1");
    return told.empty() ? 99 : static_cast<std::uint32_t>(told.back()[0] - '0');
  }
};

TEST(SessionSet, ALocalShardKeyEndsWithItsTransaction) {
  Obedient o;
  o.Ask("SET foreshard.shard_key = '" + o.Key(1) + "'");
  EXPECT_EQ(o.ShardOf("SELECT nextval('s')"), 1U);
  o.Ask("BEGIN");
  o.Ask("SET LOCAL foreshard.shard_key = '" + o.Key(2) + "'");
  EXPECT_EQ(o.ShardOf("SELECT nextval('s')"), 2U);
  o.Ask("COMMIT", "COMMIT");
  EXPECT_EQ(o.ShardOf("SELECT nextval('s')"), 1U);
  o.w.ToClient();
  o.Ask("SET LOCAL foreshard.shard_key = '" + o.Key(3) + "'");  // No transaction: only a warning.
  EXPECT_NE(o.w.ToClient().find("25P01"), std::string::npos);
  EXPECT_EQ(o.ShardOf("SELECT nextval('s')"), 1U);
}

TEST(SessionSet, RollbackToASavepointTakesSettingsBack) {
  Obedient o;
  o.Ask("SET foreshard.shard_key = '" + o.Key(1) + "'");
  o.Ask("BEGIN");
  o.Ask("SAVEPOINT a", "SAVEPOINT");
  o.Ask("SET foreshard.shard_key = '" + o.Key(1) + "0'");
  o.Ask("SAVEPOINT b", "SAVEPOINT");
  o.Ask("SET foreshard.shard_key = 'no key'");
  o.Ask("ROLLBACK TO a", "ROLLBACK");
  o.Ask("COMMIT", "COMMIT");
  EXPECT_EQ(o.ShardOf("SELECT nextval('s')"), 1U);
}

// What the server forgot with the savepoint must not be taken for what it has in force.
TEST(SessionSet, AServerIsSetAnewAfterRollbackToASavepoint) {
  Obedient o;
  o.Ask("BEGIN");
  o.Ask("SAVEPOINT a", "SAVEPOINT");
  o.Ask("SET work_mem = '9MB'", "SET");
  o.Ask("ROLLBACK TO a", "ROLLBACK");
  o.Ask("COMMIT", "COMMIT");
  const std::vector<std::string> told = o.Ask("SELECT 1", "SELECT 1");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0], "0: RESET ALL");
}

TEST(SessionSet, CharacteristicsOfTheSessionFollowTheClientOnly) {
  Obedient o;
  o.Ask("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET");
  const std::string script = *o.w.links_[0].settings;
  EXPECT_NE(script.find("set_config('default_transaction_isolation','repeatable read',false)"),
            std::string::npos)
      << script;
  EXPECT_NE(script.find("set_config('default_transaction_read_only','on',false)"),
            std::string::npos)
      << script;
}

TEST(SessionSet, ALocalSearchPathDecidesWhatNamesMean) {
  Obedient o;
  o.Ask("BEGIN");
  o.Ask("SET LOCAL search_path = elsewhere", "SET");
  o.w.ToClient();
  EXPECT_TRUE(o.Ask("SELECT * FROM customers WHERE id = 1").empty());
  EXPECT_NE(o.w.ToClient().find("elsewhere.customers"), std::string::npos);
  o.Ask("ROLLBACK", "ROLLBACK");
  EXPECT_FALSE(o.Ask("SELECT * FROM customers WHERE id = 1").empty());
}

TEST(SessionSet, SerializableIsPromisedOnOneShardOnly) {
  for (const char* begin :
       {"BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET default_transaction_isolation = 'serializable'; BEGIN"}) {
    SCOPED_TRACE(begin);
    Obedient o;
    std::string_view rest = begin;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find("; "), rest.size());
      o.Ask(rest.substr(0, end), "SET");
      rest.remove_prefix(std::min(end + 2, rest.size()));
    }
    EXPECT_FALSE(o.Ask("UPDATE customers SET v = 1 WHERE id = " + o.Key(1), "UPDATE 1").empty());
    EXPECT_FALSE(o.Ask("UPDATE customers SET v = 1 WHERE id = " + o.Key(1), "UPDATE 1").empty());
    o.w.ToClient();
    EXPECT_TRUE(o.Ask("UPDATE customers SET v = 1 WHERE id = " + o.Key(2), "UPDATE 1").empty());
    EXPECT_NE(o.w.ToClient().find("a SERIALIZABLE transaction on several shards"),
              std::string::npos);
    o.Ask("ROLLBACK", "ROLLBACK");
  }
  Obedient o;
  o.Ask("BEGIN ISOLATION LEVEL SERIALIZABLE");
  o.w.ToClient();
  o.Ask("SELECT count(*) FROM customers", "SELECT 1");
  EXPECT_NE(o.w.ToClient().find("a SERIALIZABLE transaction on several shards"), std::string::npos);
}

// Columns that were learned are named to the shard; one that is no more shows that they are old.
TEST(SessionSet, ColumnsThatAreNoMoreAreForgotten) {
  Obedient o;
  o.w.LearnColumns("public.customers", {"name", "id"});
  const std::string insert = "INSERT INTO customers VALUES ('a', " + o.Key(1) + ")";
  o.w.ClientSays(W::Query(insert));
  EXPECT_NE(o.w.links_[1].Take().find("(\"name\", \"id\")"), std::string::npos);
  o.w.ServerSays(1, W::Failed("42703"));
  EXPECT_NE(o.w.ToClient().find("42703"), std::string::npos);
  o.w.ClientSays(W::Query(insert));  // It asks a shard what the columns are now.
  EXPECT_NE(o.w.links_[0].Take().find("pg_attribute"), std::string::npos);
}

// A function is asked for once; then the statement is routed by what it is.
TEST(SessionSet, FunctionsAreAskedForOnce) {
  SessionWorld w;
  const std::string call =
      "SELECT peek(id) FROM customers WHERE id = " + std::to_string(w.SomeKeyOf(2));
  w.ClientSays(W::Query(call));
  EXPECT_NE(w.links_[0].Take().find("ANY ('{\"peek\"}'"), std::string::npos);
  std::string row;
  pg::WireWriter(&row, 'D').Int16(1).Int32(6).Bytes("-upeek").End();
  w.ServerSays(0, row + W::Done("SELECT 1"));
  EXPECT_NE(w.links_[2].Take().find("peek(id)"), std::string::npos);
  w.ServerSays(2, W::Done("SELECT 1"));
  w.ToClient();
  w.ClientSays(W::Query("SELECT peek(1)"));
  EXPECT_EQ(w.links_[0].Take(), "");
  EXPECT_NE(w.ToClient().find("the router cannot see what this function"), std::string::npos);
}

TEST(SessionSet, SetConfigIsRememberedForEachServer) {
  Obedient o;
  EXPECT_EQ(o.Ask("SELECT set_config('app.user', 'ann', false)", "SELECT 1"),
            std::vector<std::string>{"0: SELECT set_config('app.user', 'ann', false)"});
  EXPECT_NE(o.Ask("UPDATE customers SET v = 1 WHERE id = " + o.Key(2))[0].find("'app.user','ann'"),
            std::string::npos);
  o.Ask("BEGIN");
  o.Ask("SELECT set_config('app.user', 'bob', true)", "SELECT 1");
  const std::vector<std::string> joins = o.Ask("UPDATE customers SET v = 1 WHERE id = " + o.Key(2));
  bool replayed = false;
  for (const std::string& told : joins)
    replayed = replayed || told.find("set_config('app.user', 'bob', true)") != std::string::npos;
  EXPECT_TRUE(replayed);
  o.w.ToClient();
  EXPECT_TRUE(o.Ask("SELECT set_config('app.user', 'eve', true)").empty());
  EXPECT_NE(o.w.ToClient().find("set_config() in a transaction on several shards"),
            std::string::npos);
}

TEST(SessionSet, SetConfigOfAValueThatWouldMisleadTheRouterIsRefused) {
  Obedient o;
  EXPECT_TRUE(o.Ask("SELECT set_config('client_encoding', 'LATIN1', false)").empty());
  EXPECT_NE(o.w.ToClient().find("the router speaks UTF8"), std::string::npos);
}

// A row limit of one suspends the portal: it has run all the same.
TEST(SessionSet, SetConfigWithAParameterCountsThoughItsPortalWasSuspended) {
  SessionWorld w;
  std::string asked;
  pg::AppendParse(&asked, "", "SELECT set_config('app.user', $1, false)", {});
  pg::WireWriter(&asked, 'B')
      .String("")
      .String("")
      .Int16(0)
      .Int16(1)
      .Int32(3)
      .Bytes("ann")
      .Int16(0)
      .End();
  pg::WireWriter(&asked, 'E').String("").Int32(1).End();
  pg::AppendEmpty(&asked, 'S');
  w.ClientSays(asked);
  std::string answer;
  pg::AppendEmpty(&answer, '1');
  pg::AppendEmpty(&answer, '2');
  const std::string_view row[] = {"ann"};
  pg::AppendTextRow(&answer, row);
  pg::AppendEmpty(&answer, 's');
  w.links_[0].Take();
  w.ServerSays(0, answer + W::Ready());
  EXPECT_EQ(W::Types(w.ToClient()), "12DsZ");
  w.ClientSays(W::Query("UPDATE customers SET v = 1 WHERE id = " + std::to_string(w.SomeKeyOf(2))));
  EXPECT_NE(w.links_[2].Take().find("'app.user','ann'"), std::string::npos);
}

// What the router itself refuses ends a transaction as PostgreSQL would end it, in a pipeline too.
TEST(SessionSet, ARefusalInAPipelineFailsTheTransaction) {
  SessionWorld w;
  const std::uint32_t shard = w.OwnerOf(7);
  w.ClientSays(W::Query("BEGIN") + W::Query("SELECT * FROM customers WHERE id = 7"));
  w.ServerSays(shard, W::Done("BEGIN", 'T'));
  w.ServerSays(shard, W::Done("SELECT 0", 'T'));
  w.ToClient();
  std::string pipeline;
  pg::AppendParse(&pipeline, "", "SELECT name FROM customers WHERE id = 7", {});
  pg::WireWriter(&pipeline, 'B').String("").String("").Int16(0).Int16(0).Int16(0).End();
  pg::WireWriter(&pipeline, 'E').String("nowhere").Int32(0).End();
  pg::AppendEmpty(&pipeline, 'S');
  w.ClientSays(pipeline);
  std::string answer;
  pg::AppendEmpty(&answer, '1');
  pg::AppendEmpty(&answer, '2');
  w.ServerSays(shard, answer + W::Ready('T'));
  EXPECT_TRUE(w.ToClient().ends_with(W::Ready('E')));
  w.ClientSays(W::Query("SELECT * FROM customers WHERE id = 7"));
  EXPECT_NE(w.ToClient().find("25P02"), std::string::npos);
  w.ClientSays(W::Query("COMMIT"));
  EXPECT_NE(w.links_[shard].Take().find("ROLLBACK"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::router

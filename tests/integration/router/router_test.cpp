#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pg/wire_writer.h"
#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;

const support::Needs kNeeds({"postgres", "psql", "pgbench"});

constexpr const char* kTables =
    "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0);"
    "CREATE TABLE orders(customer_id bigint NOT NULL, id bigint, v int, PRIMARY KEY(customer_id, "
    "id));"
    "CREATE TABLE countries(code text PRIMARY KEY, name text);";

class RouterTest : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2}));
    const Result<std::string> made = bed_->Psql(kTables);
    ASSERT_TRUE(Good(made));
  }
  std::string Psql(std::string_view sql) {
    const Result<std::string> done = bed_->Psql(sql);
    return done ? *done : "ERROR " + done.error().message;
  }
  std::string OnShard(int shard, std::string_view sql) {
    const Result<std::string> done = bed_->OnShard(shard, sql);
    return done ? *done : "ERROR " + done.error().message;
  }

  void DecideBy(std::string_view statement) {
    ASSERT_EQ(
        OnShard(0, fmt::format("CREATE OR REPLACE FUNCTION foreshard.decide(p_name text, p_shards "
                               "text[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS "
                               "$body$ BEGIN {}; END $body$",
                               statement)),
        "");
  }
  void ExpectNothingOfAWriteOverShards(std::string_view code) {
    const auto client = Client();
    const auto answer =
        client->Ask("INSERT INTO customers(id) VALUES (1),(2),(3),(4),(5),(6),(7),(8)");
    ASSERT_TRUE(Good(answer));
    EXPECT_EQ(FirstError(*answer), code) << Trace(*answer);
    EXPECT_TRUE(support::WaitFor("nothing is prepared", 20s, [&] {
      const std::string left = OnShard(0, "SELECT count(*) FROM pg_prepared_xacts");
      return support::Seen(left == "0\n", left);
    }));
    EXPECT_EQ(FirstValue(*client->Ask("SELECT count(*) FROM customers")), "0");
  }
};

TEST_F(RouterTest, CopiesAHundredThousandRowsToTheirOwners) {
  std::string copy = "COPY customers(id, name) FROM STDIN;\n";
  for (int i = 1; i <= 100'000; ++i) copy += fmt::format("{}\tname {}\n", i, i);
  copy += "\\.\nSELECT count(*), sum(id), min(id), max(id) FROM customers;\n";
  EXPECT_EQ(Psql(copy), "100000|5000050000|1|100000\n");
  EXPECT_EQ(OnShard(0, "SELECT count(*) FROM customers WHERE hashint8extended(id, 0) >= 0"), "0\n");
  EXPECT_EQ(OnShard(1, "SELECT count(*) FROM customers WHERE hashint8extended(id, 0) < 0"), "0\n");
  EXPECT_EQ(Psql("SELECT id FROM customers ORDER BY id DESC LIMIT 2"), "100000\n99999\n");
}

TEST_F(RouterTest, ServesPgbenchInAllModesOverTwoShards) {
  std::string rows = "COPY customers(id) FROM STDIN;\n";
  for (int i = 1; i <= 1'000; ++i) rows += fmt::format("{}\n", i);
  ASSERT_EQ(Psql(rows + "\\.\n"), "");
  const support::TemporaryDirectory scripts("pgbench");
  const std::string script =
      scripts.Write("script.sql",
                    "\\set id random(1, 1000)\n"
                    "UPDATE customers SET v = v + 1 WHERE id = :id;\n"
                    "BEGIN;\nSELECT v FROM customers WHERE id = :id;\n"
                    "UPDATE customers SET v = v + 1 WHERE id = :id;\nCOMMIT;\n");
  for (const char* mode : {"simple", "extended", "prepared"}) {
    const Result<std::string> ran =
        bed_->Pgbench({"-M", mode, "-c", "8", "-j", "2", "-t", "100", "-f", script});
    ASSERT_TRUE(Good(ran)) << mode;
    EXPECT_NE(ran->find("number of failed transactions: 0 "), std::string::npos) << *ran;
  }
  EXPECT_EQ(Psql("SELECT sum(v) FROM customers"), "4800\n");  // 3 modes x 8 clients x 100 x 2
}

TEST_F(RouterTest, ManyClientsReadWhileOwnershipMustBeProven) {
  for (const int shard : {0, 1}) {
    ASSERT_EQ(OnShard(shard,
                      "INSERT INTO foreshard.migration(migration_id, uid, peer, phase, token, "
                      "state) VALUES (7, 'u', 's-1', 'Ready', 1, 'open');"
                      "INSERT INTO foreshard.range(range_id, kind, upper_bound, owner, epoch, "
                      "leased, migration_id) VALUES ('m', 'hash', '80', 's-0', 1, true, 7)"),
              "");
  }
  std::string rows = "COPY customers(id) FROM STDIN;\n";
  for (int i = 1; i <= 1'000; ++i) rows += fmt::format("{}\n", i);
  ASSERT_EQ(Psql(rows + "\\.\n"), "");
  const support::TemporaryDirectory scripts("pgbench");
  const std::string script = scripts.Write("script.sql",
                                           "\\set id random(1, 1000)\n"
                                           "UPDATE customers SET v = v + 1 WHERE id = :id;\n"
                                           "SELECT v FROM customers WHERE id = :id;\n"
                                           "SELECT count(*), sum(v) FROM customers WHERE id = "
                                           ":id;\n");
  // More clients than server connections: every wait of the pool is taken.
  for (const char* mode : {"simple", "extended", "prepared"}) {
    const Result<std::string> ran =
        bed_->Pgbench({"-M", mode, "-c", "48", "-j", "2", "-t", "40", "-f", script});
    ASSERT_TRUE(Good(ran)) << mode;
    EXPECT_NE(ran->find("number of failed transactions: 0 "), std::string::npos) << *ran;
  }
  EXPECT_EQ(Psql("SELECT sum(v) FROM customers"), "5760\n");  // 3 modes x 48 clients x 40
}

TEST_F(RouterTest, WritesOverShardsAreAllOrNothing) {
  ASSERT_EQ(Psql("INSERT INTO customers(id) VALUES (1),(2),(3),(4),(5),(6),(7),(8)"), "");
  ASSERT_NE(OnShard(0, "SELECT count(*) FROM customers"), "0\n");
  ASSERT_NE(OnShard(1, "SELECT count(*) FROM customers"), "0\n");
  // The last row is there already: none of the others may come to be, on either shard.
  const auto client = Client();
  const auto failed = client->Ask("INSERT INTO customers(id) VALUES (11),(12),(13),(14),(15),(8)");
  ASSERT_TRUE(Good(failed));
  EXPECT_EQ(FirstError(*failed), "23505");
  const auto block = client->Ask(
      "BEGIN; INSERT INTO customers(id) VALUES (21),(22),(23),(24); INSERT INTO customers(id) "
      "VALUES (1); COMMIT");
  ASSERT_TRUE(Good(block));
  EXPECT_EQ(FirstError(*block), "23505");
  EXPECT_EQ(block->back().body, "E");
  EXPECT_EQ(FirstError(*client->Ask("SELECT 1")), "25P02");
  EXPECT_EQ(FirstError(*client->Ask("ROLLBACK")), "");
  EXPECT_EQ(FirstValue(*client->Ask("SELECT count(*) FROM customers")), "8");
  EXPECT_EQ(OnShard(0, "SELECT count(*) FROM pg_prepared_xacts"), "0\n");
  EXPECT_EQ(OnShard(0, "SELECT count(*) FROM foreshard.decision WHERE NOT committed"), "0\n");
}

// The first shard's connection ends in the very statement that decides, and says so: whoever is
// told to end has not committed.
TEST_F(RouterTest, ADecisionThatWasToldToEndIsRolledBack) {
  DecideBy("PERFORM pg_terminate_backend(pg_backend_pid())");
  ExpectNothingOfAWriteOverShards("40001");
}

// It is killed: nobody knows whether it has decided. PostgreSQL starts anew.
TEST_F(RouterTest, ALostDecisionIsResolvedAndNothingStaysPrepared) {
  DecideBy("EXECUTE $sql$COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID'$sql$");
  ExpectNothingOfAWriteOverShards("08007");
}

// A router died: what it left prepared is ended by another, as the decision says.
TEST_F(RouterTest, OrphansOfADeadRouterAreResolved) {
  ASSERT_EQ(FirstError(*Client()->Ask("SELECT 1")), "");  // This router knows the user now.
  for (const char* orphan : {"1:decided", "2:undecided"}) {
    const auto shard = bed_->Direct(1);
    ASSERT_TRUE(Good(shard));
    ASSERT_EQ(FirstError(*(*shard)->Ask(
                  fmt::format("BEGIN; INSERT INTO customers(id) VALUES ({:c}); PREPARE TRANSACTION "
                              "'foreshard:s-0:dead:{}@s-1'",
                              orphan[0], orphan))),
              "");
  }
  const auto decider = bed_->Direct(0);
  ASSERT_TRUE(Good(decider));
  ASSERT_EQ(FirstError(*(*decider)->Ask("SELECT foreshard.decide('foreshard:s-0:dead:1:decided')")),
            "");
  EXPECT_TRUE(support::WaitFor("nothing is prepared", 60s, [&] {
    const std::string left = OnShard(0, "SELECT count(*) FROM pg_prepared_xacts");
    return support::Seen(left == "0\n", left);
  }));
  EXPECT_EQ(OnShard(1, "SELECT id FROM customers"), "1\n");
}

TEST_F(RouterTest, DdlThatFailsOnOneShardChangesNone) {
  ASSERT_EQ(OnShard(1, "ALTER TABLE public.customers ADD COLUMN extra int"), "");
  EXPECT_EQ(FirstError(*Client()->Ask("ALTER TABLE customers ADD COLUMN extra int")), "42701");
  EXPECT_EQ(OnShard(0, "SELECT count(*) FROM pg_attribute WHERE attname = 'extra'"), "0\n");
  EXPECT_EQ(Psql("ALTER TABLE customers ADD COLUMN IF NOT EXISTS extra int"), "");
  EXPECT_EQ(OnShard(0, "SELECT count(*) FROM pg_attribute WHERE attname = 'extra'"), "1\n");
}

TEST_F(RouterTest, ReferenceTablesAreTheSameEverywhere) {
  EXPECT_EQ(Psql("INSERT INTO countries VALUES ('at', 'Austria') RETURNING code"), "at\n");
  EXPECT_EQ(OnShard(0, "SELECT * FROM countries"), "at|Austria\n");
  EXPECT_EQ(OnShard(1, "SELECT * FROM countries"), "at|Austria\n");
  EXPECT_EQ(Psql("SELECT name FROM countries"), "Austria\n");
}

TEST_F(RouterTest, RefusesWhatItCannotDoExactly) {
  const auto client = Client();
  EXPECT_EQ(FirstError(*client->Ask("LISTEN news")), "0A000");
  EXPECT_EQ(FirstError(*client->Ask("UPDATE customers SET id = id + 1")), "0A000");
  EXPECT_EQ(FirstError(*client->Ask("SELECT * FROM no_such_table")), "0A000");
  EXPECT_EQ(FirstError(*client->Ask("SELEC 1")), "42601");
  std::string call;
  pg::WireWriter(&call, 'F').Int32(1).Int16(0).Int16(0).Int16(0).End();
  ASSERT_TRUE(client->Send(call).ok());
  EXPECT_EQ(FirstError(*client->ReceiveUntilReady()), "0A000");
  EXPECT_EQ(FirstValue(*client->Ask("SELECT 7")), "7");
}

TEST_F(RouterTest, SettingsFollowTheClientFromServerToServer) {
  const auto one = Client();
  const auto two = Client();
  ASSERT_EQ(FirstError(*one->Ask("SET work_mem = '7MB'")), "");
  EXPECT_EQ(FirstValue(*two->Ask("SHOW work_mem")), "4MB");
  EXPECT_EQ(FirstValue(*one->Ask("SHOW work_mem")), "7MB");
  ASSERT_EQ(FirstError(*one->Ask("BEGIN; SET work_mem = '9MB'; ROLLBACK")), "");
  EXPECT_EQ(FirstValue(*one->Ask("SHOW work_mem")), "7MB");
  ASSERT_EQ(FirstError(*one->Ask("RESET ALL")), "");
  EXPECT_EQ(FirstValue(*one->Ask("SHOW work_mem")), "4MB");
  ASSERT_EQ(FirstError(*one->Ask("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")), "");
  EXPECT_EQ(FirstValue(*two->Ask("SHOW default_transaction_read_only")), "off");
  EXPECT_EQ(FirstError(*two->Ask("INSERT INTO customers(id) VALUES (1)")), "");
  EXPECT_EQ(FirstError(*one->Ask("INSERT INTO customers(id) VALUES (2)")), "25006");
}

TEST_F(RouterTest, AServerThatEndsHurtsOnlyWhatItWasDoing) {
  const auto client = Client();
  ASSERT_EQ(FirstError(*client->Ask("INSERT INTO customers(id) VALUES (1)")), "");
  const char* end_all =
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'";
  // Between statements nobody notices.
  ASSERT_TRUE(Good(bed_->postgres().Sql(end_all)));
  EXPECT_EQ(FirstValue(*client->Ask("SELECT id FROM customers WHERE id = 1")), "1");
  // Inside a transaction the client must begin again, on the same connection.
  ASSERT_EQ(FirstError(*client->Ask("BEGIN")), "");
  ASSERT_EQ(FirstError(*client->Ask("UPDATE customers SET v = 1 WHERE id = 1")), "");
  ASSERT_TRUE(Good(bed_->postgres().Sql(end_all)));
  const std::string code = FirstError(*client->Ask("UPDATE customers SET v = 2 WHERE id = 1"));
  EXPECT_TRUE(code == "40001" || code == "25P02") << code;
  EXPECT_EQ(FirstError(*client->Ask("ROLLBACK")), "");
  EXPECT_EQ(FirstValue(*client->Ask("SELECT v FROM customers WHERE id = 1")), "0");
}

TEST_F(RouterTest, WaitsForAServerThatComesBack) {
  const auto client = Client();
  ASSERT_EQ(FirstError(*client->Ask("INSERT INTO customers(id) VALUES (1)")), "");
  ASSERT_TRUE(Good(bed_->postgres().Stop(support::PostgresServer::StopMode::kFast)));
  std::string query;
  pg::AppendQuery(&query, "SELECT id FROM customers WHERE id = 1");
  ASSERT_TRUE(client->Send(query).ok());
  ASSERT_TRUE(Good(bed_->postgres().Start()));
  const auto answer = client->ReceiveUntilReady();
  ASSERT_TRUE(Good(answer));
  EXPECT_EQ(FirstValue(*answer), "1") << Trace(*answer);
}

TEST_F(RouterTest, CancelHitsTheRightQueryOnly) {
  const auto sleeper = Client();
  const auto other = Client();
  std::string query;
  pg::AppendQuery(&query, "SELECT pg_sleep(30)");
  ASSERT_TRUE(sleeper->Send(query).ok());
  ASSERT_TRUE(support::WaitFor("the query runs", 10s, [&] {
    const auto seen = bed_->postgres().Sql(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)' AND state = "
        "'active' AND usename = 'app'");
    return support::Seen(seen && *seen == "1\n", seen ? *seen : "");
  }));
  // A wrong key does nothing.
  ASSERT_TRUE(Good(SendCancel(bed_->port(), sleeper->process_id(), sleeper->secret_key() + 1)));
  EXPECT_EQ(FirstValue(*other->Ask("SELECT 1")), "1");
  ASSERT_TRUE(Good(SendCancel(bed_->port(), sleeper->process_id(), sleeper->secret_key())));
  const auto answer = sleeper->ReceiveUntilReady(10s);
  ASSERT_TRUE(Good(answer));
  EXPECT_EQ(FirstError(*answer), "57014");
  EXPECT_EQ(FirstValue(*sleeper->Ask("SELECT 2")), "2");
}

// Sessions share servers: a cancel that comes late must find its own session's query or none.
TEST_F(RouterTest, LateCancelsHitNoOtherSession) {
  const auto idle = Client();
  const auto busy = Client();
  for (int i = 0; i < 150; ++i) {
    // The server that worked for `idle` works for `busy` next.
    ASSERT_EQ(FirstValue(*idle->Ask("SELECT 1")), "1");
    std::string query;
    pg::AppendQuery(&query, "SELECT pg_sleep(0.001), 7");
    ASSERT_TRUE(busy->Send(query).ok());
    ASSERT_TRUE(Good(SendCancel(bed_->port(), idle->process_id(), idle->secret_key())));
    const auto answer = busy->ReceiveUntilReady();
    ASSERT_TRUE(Good(answer));
    ASSERT_EQ(FirstError(*answer), "") << i;
  }
}

// An INSERT without columns after somebody changed the table behind this router's back.
TEST_F(RouterTest, ATableThatChangedElsewhereNeverGetsAValueInTheWrongPlace) {
  const auto client = Client();
  ASSERT_EQ(FirstError(*client->Ask("ALTER TABLE customers ADD COLUMN w int")), "");
  ASSERT_EQ(FirstError(*client->Ask("INSERT INTO customers VALUES (1, 'a', 5, 6)")), "");
  for (const int shard : {0, 1})
    ASSERT_EQ(OnShard(shard, "ALTER TABLE public.customers DROP COLUMN name"), "");
  EXPECT_EQ(FirstError(*client->Ask("INSERT INTO customers VALUES (2, 5, 6)")), "42703");
  EXPECT_EQ(FirstError(*client->Ask("INSERT INTO customers VALUES (2, 7, 8)")), "");
  EXPECT_EQ(Psql("SELECT id, v, w FROM customers WHERE id = 2"), "2|7|8\n");
}

TEST_F(RouterTest, AStaleTableCostsTimeNotAnError) {
  const auto client = Client();
  ASSERT_EQ(FirstError(*client->Ask("INSERT INTO customers(id) VALUES (1),(2),(3),(4)")), "");
  // Shard 0 has given all its keys to shard 1; this router has not heard it.
  ASSERT_EQ(OnShard(0,
                    "INSERT INTO foreshard.migration(migration_id, uid, peer, phase, token, state) "
                    "VALUES (7, 'u', 's-1', 'Cutover', 1, 'closed');"
                    "INSERT INTO foreshard.range(range_id, kind, upper_bound, owner, epoch, "
                    "migration_id) VALUES ('m', 'hash', '80', 's-1', 2, 7);"
                    "CREATE TRIGGER zzz_foreshard_7_insert BEFORE INSERT ON customers FOR EACH ROW "
                    "WHEN (hashint8extended(NEW.id, 0) < 0) "
                    "EXECUTE FUNCTION foreshard.gate_check('7')"),
            "");
  const std::string before = OnShard(0, "SELECT count(*) FROM customers");
  bed_->WriteTable(bed_->TableJson(
      1, R"([{"migration":"m","number":7,"range":{"from":"","to":"80"},"keys":[]}])"));
  for (int id = 100; id < 120; ++id) {
    const auto answer = client->Ask(fmt::format("INSERT INTO customers(id) VALUES ({})", id));
    ASSERT_TRUE(Good(answer));
    EXPECT_EQ(FirstError(*answer), "") << Trace(*answer);
  }
  EXPECT_EQ(OnShard(0, "SELECT count(*) FROM customers"), before);
  EXPECT_EQ(OnShard(1, "SELECT count(*) FROM customers WHERE id >= 100"), "20\n");
}

TEST_F(RouterTest, AConnectionSaysByWhichTableItIsUsed) {
  const auto client = Client();
  const auto used = [&](const std::string& what) {
    EXPECT_EQ(FirstError(*client->Ask("SELECT 1")), "");
    return OnShard(0, "SELECT " + what + " FROM foreshard.connection WHERE router <> ''");
  };
  const std::string process = used("max(pid)");
  EXPECT_EQ(used("max(epoch)"), "1\n");
  bed_->WriteTable(bed_->TableJson(2));
  EXPECT_TRUE(support::WaitFor("the new epoch", 20s, [&] {
    const std::string epoch = used("max(epoch)");
    return support::Seen(epoch == "2\n", epoch);
  }));
  EXPECT_EQ(used("max(pid)"), process);  // the same connection, not a new one
}

TEST(RouterLogin, RefusesWrongPasswordsAndUnknownUsersAlike) {
  auto bed = RouterBed::Create({.shards = 1, .tls = true});
  ASSERT_TRUE(Good(bed));
  EXPECT_EQ(*(*bed)->Psql("SELECT 1", "channel_binding=require"), "1\n");
  const Result<std::string> wrong = (*bed)->Psql("SELECT 1", "password=wrong");
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("password authentication failed for user \"app\""),
            std::string::npos);
  const Result<std::string> unknown = (*bed)->Psql("SELECT 1", "user=nobody");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("password authentication failed for user \"nobody\""),
            std::string::npos);
  const Result<std::string> database = (*bed)->Psql("SELECT 1", "dbname=elsewhere");
  ASSERT_FALSE(database.ok());
  EXPECT_NE(database.error().message.find("database \"elsewhere\" does not exist"),
            std::string::npos);
}

TEST(RouterDrain, FinishesTransactionsAndThenEnds) {
  auto bed = RouterBed::Create({.shards = 1});
  ASSERT_TRUE(Good(bed));
  auto client = (*bed)->Client();
  ASSERT_TRUE(Good(client));
  ASSERT_EQ(FirstError(*(*client)->Ask("BEGIN")), "");
  ASSERT_EQ(FirstValue(*(*client)->Ask("SELECT 1")), "1");
  (*bed)->router().Signal(SIGTERM);
  ASSERT_TRUE(support::WaitFor("nobody new gets in", 20s,
                               [&] { return support::Seen(!(*bed)->Client().ok()); }));
  EXPECT_EQ(FirstValue(*(*client)->Ask("SELECT 2")), "2");
  EXPECT_EQ(FirstError(*(*client)->Ask("COMMIT")), "");
  const auto farewell = (*client)->Receive();
  ASSERT_TRUE(Good(farewell));
  EXPECT_EQ(FirstError({*farewell}), "57P01");
  const auto ended = (*bed)->router().Wait(20s);
  ASSERT_TRUE(Good(ended));
  EXPECT_TRUE(ended->ok()) << support::ToString(*ended);
}

}  // namespace
}  // namespace foreshard::router

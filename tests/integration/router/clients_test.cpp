#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/integration/router/bed_test.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// Clients that people use, each over TLS with SCRAM and channel binding, against two shards.

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;
using support::Good;

const support::Needs kNeeds({"postgres", "psql", "pgbench"});

class RouterClients : public BedTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(Create({.shards = 2, .tls = true}));
    ASSERT_TRUE(Good(bed_->Psql(
        "CREATE TABLE customers(id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0);"
        "INSERT INTO customers(id) VALUES (1), (2), (3), (4), (5), (6), (7), (8);")));
  }
  std::string Psql(std::string_view sql) {
    const Result<std::string> done = bed_->Psql(sql, "channel_binding=require");
    return done ? *done : "ERROR " + done.error().message;
  }
  support::TemporaryDirectory files_{"clients"};
};

TEST_F(RouterClients, PsqlCopiesBothWaysAndDescribesTables) {
  const std::string in =
      files_.Write("in.csv", "id,name\n100,\"a, b\"\n101,\n102,\"say \"\"x\"\"\"\n");
  EXPECT_EQ(Psql(fmt::format("\\copy customers(id, name) FROM '{}' CSV HEADER\n"
                             "SELECT id, name FROM customers WHERE id >= 100 ORDER BY id;",
                             in)),
            "100|a, b\n101|\n102|say \"x\"\n");
  EXPECT_EQ(Psql("\\copy (SELECT id, name FROM customers WHERE id = 100) TO STDOUT CSV\n"),
            "100,\"a, b\"\n");
  const std::string described = Psql("\\d customers\n");
  EXPECT_NE(described.find("id|bigint||not null|"), std::string::npos) << described;
  EXPECT_EQ(Psql("SELECT 1 AS a \\gset\n\\echo :a\n"), "1\n");
}

TEST_F(RouterClients, PsqlPreparesAndRunsTransactions) {
  EXPECT_EQ(Psql("PREPARE one(bigint) AS SELECT id FROM customers WHERE id = $1;\n"
                 "EXECUTE one(1);\nEXECUTE one(2);\nEXECUTE one(1);\nDEALLOCATE one;\n"),
            "1\n2\n1\n");
  EXPECT_EQ(Psql("BEGIN; UPDATE customers SET v = 5 WHERE id IN (1, 2, 3, 4); ROLLBACK;\n"
                 "SELECT sum(v) FROM customers;\n"
                 "BEGIN; UPDATE customers SET v = 1 WHERE id IN (1, 2, 3, 4); COMMIT;\n"
                 "SELECT sum(v) FROM customers;\n"),
            "0\n4\n");
}

// Control-C in psql sends a cancel request, over a connection of its own.
TEST_F(RouterClients, PsqlCancels) {
  auto psql = support::ChildProcess::Start(
      {.command = {"psql", "-qAtX", "-c", "SELECT pg_sleep(60) FROM customers WHERE id = 1",
                   fmt::format("host=127.0.0.1 port={} user=app dbname=app sslmode=require",
                               bed_->port())},
       .environment = {{"PGPASSWORD", RouterBed::kPassword}}});
  ASSERT_TRUE(Good(psql));
  ASSERT_TRUE(support::WaitFor("the statement runs", 20s, [&] {
    const auto seen = bed_->postgres().Sql(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(60)%' AND state = "
        "'active'");
    return support::Seen(seen && *seen == "1\n", seen ? *seen : "");
  }));
  (*psql)->Signal(SIGINT);
  const auto ended = (*psql)->Wait(20s);
  ASSERT_TRUE(Good(ended));
  EXPECT_NE((*psql)->ErrorOutput().find("canceling statement due to user request"),
            std::string::npos)
      << (*psql)->ErrorOutput();
  EXPECT_EQ(Psql("SELECT 7;"), "7\n");
}

// pgbench in its three modes, over TLS; its statements and pipelines are libpq's.
TEST_F(RouterClients, PgbenchRunsItsModesOverTls) {
  const std::string script =
      files_.Write("modes.sql",
                   "\\set id random(1, 8)\nBEGIN;\nUPDATE customers SET v = v + 1 WHERE id = :id;\n"
                   "SELECT v FROM customers WHERE id = :id;\nCOMMIT;\n"
                   "SELECT count(*) FROM customers;\n");
  for (const char* mode : {"simple", "extended", "prepared"}) {
    const Result<std::string> ran = support::RunOrError(
        {.command = {"pgbench", "-n", "-h", "127.0.0.1", "-p", std::to_string(bed_->port()), "-U",
                     "app", "-M", mode, "-c", "4", "-j", "1", "-t", "50", "-f", script, "app"},
         .environment = {{"PGPASSWORD", RouterBed::kPassword},
                         {"PGSSLMODE", "require"},
                         {"PGCHANNELBINDING", "require"}}},
        60s);
    ASSERT_TRUE(Good(ran)) << mode;
    EXPECT_NE(ran->find("number of failed transactions: 0 "), std::string::npos) << *ran;
  }
  EXPECT_EQ(Psql("SELECT sum(v) FROM customers;"), "600\n");  // 3 modes x 4 clients x 50
}

// pgbench's pipelines are libpq's pipeline mode.
TEST_F(RouterClients, PipelinesOfLibpqKeepTheirOrder) {
  const std::string script =
      files_.Write("pipeline.sql",
                   "\\set id random(1, 8)\n\\set other random(1, 8)\n\\startpipeline\n"
                   "SELECT v FROM customers WHERE id = :id;\n"
                   "SELECT v FROM customers WHERE id = :other;\n"
                   "SELECT count(*) FROM customers;\n"
                   "BEGIN;\nUPDATE customers SET v = v + 1 WHERE id = :id;\n"
                   "SELECT v FROM customers WHERE id = :id;\nCOMMIT;\n\\endpipeline\n");
  for (const char* mode : {"extended", "prepared"}) {
    const Result<std::string> ran =
        bed_->Pgbench({"-M", mode, "-c", "4", "-j", "1", "-t", "50", "-f", script});
    ASSERT_TRUE(Good(ran)) << mode;
    EXPECT_NE(ran->find("number of failed transactions: 0 "), std::string::npos) << *ran;
  }
  EXPECT_EQ(Psql("SELECT sum(v) FROM customers;"), "400\n");  // 2 modes x 4 clients x 50
}

constexpr const char* kPsycopg = R"py(
import io, sys, threading
import psycopg2, psycopg2.errors
def connect():
    return psycopg2.connect(host='127.0.0.1', port=int(sys.argv[1]), user='app', dbname='app',
                            password=sys.argv[2], sslmode='require', channel_binding='require')
one = connect()
cursor = one.cursor()
cursor.execute('SELECT id FROM customers WHERE id = %s', (3,))
assert cursor.fetchall() == [(3,)]
cursor.execute('UPDATE customers SET v = 5 WHERE id = 3')
cursor.execute('UPDATE customers SET v = 5 WHERE id = 4')
one.rollback()
cursor.execute('SELECT sum(v) FROM customers')
assert cursor.fetchone() == (0,), 'a rollback over two shards'
lines = ''.join('%d\tn%d\n' % (i, i) for i in range(200, 300))
cursor.copy_expert('COPY customers(id, name) FROM STDIN', io.StringIO(lines))
one.commit()
cursor.execute('SELECT count(*) FROM customers WHERE id >= 200')
assert cursor.fetchone() == (100,)
out = io.StringIO()
cursor.copy_expert('COPY (SELECT id FROM customers WHERE id = 205) TO STDOUT', out)
assert out.getvalue() == '205\n'
try:
    cursor.execute("INSERT INTO customers(id) VALUES (3)")
    sys.exit('no error')
except psycopg2.errors.UniqueViolation as error:
    assert error.pgcode == '23505'
one.rollback()
named = one.cursor('portal')
named.itersize = 2
named.execute('SELECT generate_series(1, 5)')
assert [row[0] for row in named] == [1, 2, 3, 4, 5]
one.rollback()
def cancel():
    other = connect()
    watching = other.cursor()
    for _ in range(200):
        watching.execute("SELECT count(*) FROM pg_stat_activity "
                         "WHERE query LIKE '%%pg_sleep(60)' AND state = 'active'")
        if watching.fetchone()[0] > 0:
            break
        other.rollback()
    one.cancel()
threading.Thread(target=cancel).start()
try:
    cursor.execute('SELECT pg_sleep(60)')
    sys.exit('not cancelled')
except psycopg2.errors.QueryCanceled:
    one.rollback()
cursor.execute('SELECT 1')
assert cursor.fetchone() == (1,)
print('all good')
)py";

TEST_F(RouterClients, PsycopgReadsWritesCopiesAndCancels) {
  const std::string script = files_.Write("psycopg.py", kPsycopg);
  const Result<std::string> ran = support::RunOrError(
      {.command = {"/usr/bin/python3", script, std::to_string(bed_->port()), RouterBed::kPassword}},
      60s);
  ASSERT_TRUE(Good(ran));
  EXPECT_EQ(*ran, "all good\n");
}

}  // namespace
}  // namespace foreshard::router

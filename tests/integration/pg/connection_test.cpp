#include "pg/connection.h"

#include <gtest/gtest.h>

#include "tests/support/needs.h"
#include "tests/support/postgres_server.h"
#include "tests/support/wait.h"

namespace foreshard::pg {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

class ConnectionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = support::PostgresServer::Create();
    ASSERT_TRUE(Good(made));
    server_ = made->release();
  }
  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  static std::unique_ptr<Connection> Connect(bool replication = false) {
    auto made = Connection::Connect({.conninfo = server_->Conninfo(), .replication = replication},
                                    clock_, Soon());
    EXPECT_TRUE(Good(made));
    return made ? std::move(*made) : nullptr;
  }
  static Deadline Soon() { return Deadline::After(clock_, 20s); }

  static SystemClock clock_;
  static support::PostgresServer* server_;
};

SystemClock ConnectionTest::clock_;
support::PostgresServer* ConnectionTest::server_ = nullptr;

TEST_F(ConnectionTest, RowsComeAsValues) {
  const auto session = Connect();
  const auto rows =
      session->Exec("SELECT $1::bigint, $2::text, NULL, $3::boolean", {42, "it's", true}, Soon());
  ASSERT_TRUE(Good(rows));
  EXPECT_EQ(rows->Int(0, 0), 42);
  EXPECT_EQ(rows->Text(0, 1), "it's");
  EXPECT_TRUE(rows->IsNull(0, 2));
  EXPECT_TRUE(rows->Bool(0, 3));
  EXPECT_EQ(session->server_version() / 10000, 15);
}

TEST_F(ConnectionTest, AnErrorKeepsTheSessionAndItsWords) {
  const auto session = Connect();
  const auto refused = session->Exec("SELECT 1 / 0", Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "22012");
  EXPECT_EQ(session->last_error().message, "division by zero");
  EXPECT_TRUE(Good(session->Exec("SELECT 1", Soon())));
}

TEST_F(ConnectionTest, ARefusedLoginIsGivenUp) {
  const auto refused = Connection::Connect(
      {.conninfo = server_->Conninfo("postgres", "postgres", "wrong")}, clock_, Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().kind, Error::Kind::kGiveUp);
  const auto missing =
      Connection::Connect({.conninfo = server_->Conninfo("nowhere")}, clock_, Soon());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().kind, Error::Kind::kGiveUp);
}

TEST_F(ConnectionTest, ADeadlineCancelsTheStatementAndKeepsTheSession) {
  const auto session = Connect();
  const auto slow = session->Exec("SELECT pg_sleep(60)", Deadline::After(clock_, 100ms));
  ASSERT_FALSE(slow.ok());
  EXPECT_EQ(slow.error().kind, Error::Kind::kReobserve) << "it may have had its effect";
  EXPECT_TRUE(session->alive());
  EXPECT_TRUE(Good(session->Exec("SELECT 1", Soon())));
}

TEST_F(ConnectionTest, ASessionThatIsEndedIsNoticed) {
  const auto session = Connect();
  const auto other = Connect();
  ASSERT_TRUE(Good(
      other->Exec("SELECT pg_terminate_backend($1::integer)", {session->backend_pid()}, Soon())));
  const auto lost = session->Exec("SELECT 1", Soon());
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().kind, Error::Kind::kReobserve);
  EXPECT_FALSE(session->alive());
}

TEST_F(ConnectionTest, ATransactionThatIsNotCommittedIsRolledBack) {
  const auto session = Connect();
  ASSERT_TRUE(Good(session->Exec("CREATE TEMP TABLE t (a int)", Soon())));
  {
    auto transaction = Transaction::Begin(*session, "BEGIN", Soon());
    ASSERT_TRUE(Good(transaction));
    ASSERT_TRUE(Good(session->Exec("INSERT INTO t VALUES (1)", Soon())));
  }
  auto transaction = Transaction::Begin(*session, "BEGIN", Soon());
  ASSERT_TRUE(Good(transaction));
  ASSERT_TRUE(Good(session->Exec("INSERT INTO t VALUES (2)", Soon())));
  ASSERT_TRUE(Good(transaction->Commit(Soon())));
  EXPECT_EQ(session->Exec("SELECT string_agg(a::text, ',') FROM t", Soon())->Text(0, 0), "2");
}

TEST_F(ConnectionTest, ASlotExportsItsSnapshotOverAReplicationSession) {
  const auto walsender = Connect(true);
  const auto slot = walsender->Exec(
      "CREATE_REPLICATION_SLOT s TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')", Soon());
  ASSERT_TRUE(Good(slot));
  const auto session = Connect();
  EXPECT_TRUE(
      Good(session->Exec("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT " +
                             QuoteLiteral(slot->Text(0, 2)),
                         Soon())));
}

TEST_F(ConnectionTest, NoticesAreKept) {
  const auto session = Connect();
  ASSERT_TRUE(Good(session->Exec("DO $$BEGIN RAISE WARNING 'mind the gap'; END$$", Soon())));
  const std::vector<ServerError> notices = session->TakeNotices();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].message, "mind the gap");
  EXPECT_TRUE(session->TakeNotices().empty());
}

}  // namespace
}  // namespace foreshard::pg

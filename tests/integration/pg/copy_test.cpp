#include "pg/copy.h"

#include <gtest/gtest.h>

#include "pg/connection.h"
#include "tests/support/needs.h"
#include "tests/support/postgres_server.h"
#include "tests/support/wait.h"

namespace foreshard::pg {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

class CopyTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = support::PostgresServer::Create();
    ASSERT_TRUE(Good(made));
    server_ = std::move(*made);
    auto session = Connection::Connect({.conninfo = server_->Conninfo()}, clock_, Soon());
    ASSERT_TRUE(Good(session));
    session_ = std::move(*session);
    ASSERT_TRUE(Good(session_->Exec("CREATE TABLE t (a bigint PRIMARY KEY, b text)", Soon())));
  }
  Deadline Soon() const { return Deadline::After(clock_, 30s); }

  SystemClock clock_;
  std::unique_ptr<support::PostgresServer> server_;
  std::unique_ptr<Connection> session_;
};

TEST_F(CopyTest, RowsStreamOutAndInUnchanged) {
  ASSERT_TRUE(Good(session_->Exec(
      "INSERT INTO t SELECT k, repeat(chr(9) || k, 20) FROM generate_series(1, 20000) k", Soon())));
  auto out = session_->StartCopyOut("COPY t TO STDOUT", Soon());
  ASSERT_TRUE(Good(out));
  std::string rows;
  while (true) {
    const auto more = out->Next(rows, Soon());
    ASSERT_TRUE(Good(more));
    if (!*more) break;
  }
  const std::string digest = "SELECT sum(hashtextextended(t::text, 0)::numeric)::text FROM t";
  const std::string before = session_->Exec(digest, Soon())->Text(0, 0);
  ASSERT_TRUE(Good(session_->Exec("TRUNCATE t", Soon())));
  auto in = session_->StartCopyIn("COPY t FROM STDIN", Soon());
  ASSERT_TRUE(Good(in));
  ASSERT_TRUE(Good(in->Write(rows, Soon())));
  const auto count = in->Finish(Soon());
  ASSERT_TRUE(Good(count));
  EXPECT_EQ(*count, 20000);
  EXPECT_EQ(session_->Exec(digest, Soon())->Text(0, 0), before);
}

TEST_F(CopyTest, AnErrorAtTheEndIsTold) {
  auto in = session_->StartCopyIn("COPY t FROM STDIN", Soon());
  ASSERT_TRUE(Good(in));
  ASSERT_TRUE(Good(in->Write("1\tx\n1\ty\n", Soon())));
  const auto count = in->Finish(Soon());
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.error().code, "23505");
  EXPECT_TRUE(Good(session_->Exec("SELECT 1", Soon()))) << "the session goes on";
}

TEST_F(CopyTest, AnAbortedCopyLeavesNoRow) {
  auto in = session_->StartCopyIn("COPY t FROM STDIN", Soon());
  ASSERT_TRUE(Good(in));
  ASSERT_TRUE(Good(in->Write("1\tx\n", Soon())));
  ASSERT_TRUE(Good(in->Abort("changed my mind", Soon())));
  EXPECT_EQ(session_->Exec("SELECT count(*) FROM t", Soon())->Int(0, 0), 0);
}

TEST_F(CopyTest, AWrongStatementIsRefusedBeforeTheFirstRow) {
  const auto missing = session_->StartCopyOut("COPY nowhere TO STDOUT", Soon());
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, "42P01");
  EXPECT_TRUE(Good(session_->Exec("SELECT 1", Soon())));
}

}  // namespace
}  // namespace foreshard::pg

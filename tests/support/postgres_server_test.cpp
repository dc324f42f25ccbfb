#include "tests/support/postgres_server.h"

#include <gtest/gtest.h>

#include "tests/support/needs.h"
#include "tests/support/port.h"
#include "tests/support/shared_memory.h"
#include "tests/support/wait.h"

namespace foreshard::support {
namespace {

const Needs kNeeds({"postgres", "initdb", "psql"});

TEST(PostgresServer, AnswersSqlWithTheSettingsAskedFor) {
  const auto server = PostgresServer::Create({.settings = {{"work_mem", "7MB"}}});
  ASSERT_TRUE(Good(server));
  const Result<std::string> rows = (*server)->Sql("show work_mem; show wal_level; select 1, 'a'");
  ASSERT_TRUE(Good(rows));
  EXPECT_EQ(*rows, "7MB\nlogical\n1|a\n");
}

TEST(PostgresServer, AWrongStatementIsAnErrorWithItsMessage) {
  const auto server = PostgresServer::Create();
  ASSERT_TRUE(Good(server));
  const Result<std::string> rows = (*server)->Sql("select * from nowhere");
  ASSERT_FALSE(rows.ok());
  EXPECT_NE(rows.error().message.find("relation \"nowhere\" does not exist"), std::string::npos);
}

TEST(PostgresServer, KeepsPortAndCommittedRowsOverACrash) {
  auto server = PostgresServer::Create({.settings = {{"fsync", "on"}}});
  ASSERT_TRUE(Good(server));
  const int port = (*server)->port();
  ASSERT_TRUE(Good((*server)->Sql("create table t (a int); insert into t values (42)")));
  (*server)->Crash();
  EXPECT_FALSE((*server)->Running());
  EXPECT_FALSE(PortAccepts(port));
  ASSERT_TRUE(Good((*server)->Start()));
  EXPECT_EQ((*server)->port(), port);
  EXPECT_EQ(*(*server)->Sql("select a from t"), "42\n");
}

// The machine has 4,096 of them, and nobody else takes these away.
TEST(PostgresServer, LeavesNoSharedMemoryHoweverItEnds) {
  auto running = PostgresServer::Create();
  auto killed = PostgresServer::Create();
  auto frozen = PostgresServer::Create();
  std::vector<ServerSegment> segments;
  for (const auto* server : {&running, &killed, &frozen}) {
    ASSERT_TRUE(Good(*server));
    const auto segment = SegmentOf((**server)->data_directory());
    ASSERT_TRUE(segment);
    ASSERT_TRUE(Exists(*segment));
    segments.push_back(*segment);
  }
  (*killed)->Crash();
  (*frozen)->Freeze();
  running->reset();
  killed->reset();
  frozen->reset();
  for (const ServerSegment& segment : segments) EXPECT_FALSE(Exists(segment)) << segment.id;
}

TEST(PostgresServer, TwoRunBesideEachOtherAndOneSubscribesToTheOther) {
  auto source = PostgresServer::Create();
  auto destination = PostgresServer::Create({.tls = true});
  ASSERT_TRUE(Good(source));
  ASSERT_TRUE(Good(destination));
  ASSERT_TRUE(
      Good((*source)->Sql("create table t (a int primary key); insert into t values (1);"
                          "create publication p for table t")));
  ASSERT_TRUE(Good((*destination)->Sql("create table t (a int primary key)")));
  ASSERT_TRUE(Good(
      (*destination)
          ->Sql("create subscription s connection '" + (*source)->Conninfo() + "' publication p")));
  EXPECT_TRUE(WaitFor("the row", std::chrono::seconds(30), [&] {
    const Result<std::string> rows = (*destination)->Sql("select a from t");
    return Seen(rows.ok() && *rows == "1\n", rows.ok() ? *rows : rows.error().message);
  }));
  EXPECT_EQ(*(*destination)->Sql("show ssl"), "on\n");
}

}  // namespace
}  // namespace foreshard::support

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

Statement Of(const std::string& text) { return World().Meaning(text); }

TEST(ClassifySession, TransactionControl) {
  EXPECT_EQ(Of("BEGIN").kind, StatementKind::kBegin);
  EXPECT_EQ(Of("START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").session.target,
            "isolation level repeatable read, read only");
  EXPECT_EQ(Of("BEGIN READ WRITE NOT DEFERRABLE").session.target, "read write, not deferrable");
  EXPECT_EQ(Of("COMMIT").kind, StatementKind::kCommit);
  EXPECT_EQ(Of("END").kind, StatementKind::kCommit);
  EXPECT_TRUE(Of("COMMIT AND CHAIN").session.chain);
  EXPECT_EQ(Of("ROLLBACK").kind, StatementKind::kRollback);
  EXPECT_EQ(Of("ABORT").kind, StatementKind::kRollback);
  EXPECT_EQ(Of("SAVEPOINT a").session.name, "a");
  EXPECT_EQ(Of("RELEASE a").kind, StatementKind::kReleaseSavepoint);
  EXPECT_EQ(Of("ROLLBACK TO SAVEPOINT a").kind, StatementKind::kRollbackToSavepoint);
  EXPECT_EQ(Of("PREPARE TRANSACTION 'x'").kind, StatementKind::kRefused);
  EXPECT_EQ(Of("COMMIT PREPARED 'x'").kind, StatementKind::kRefused);
}

TEST(ClassifySession, SetConfigIsFollowedWhereItIsRunOnce) {
  const Statement both =
      Of("SELECT current_setting('jit') AS cur, set_config('jit', 'off', false), "
         "pg_catalog.set_config('App.Claims', $1::text, true)");
  EXPECT_EQ(both.kind, StatementKind::kRead);
  ASSERT_EQ(both.set_configs.size(), 2U);
  EXPECT_EQ(both.set_configs[0], (SetConfig{.name = "jit", .value = "off"}));
  EXPECT_EQ(both.set_configs[1],
            (SetConfig{.name = "app.claims", .value = "", .parameter = 1, .local = true}));
  EXPECT_TRUE(Of("SELECT set_config('a.b', NULL, false)").set_configs[0].is_null);
  for (const char* refused :
       {"SELECT set_config('a.b', 'c', false) WHERE false",
        "SELECT set_config('a.b', 'c', false) FROM customers WHERE id = 1",
        "SELECT set_config('a.b', 'c', false), generate_series(1, 0)",
        "SELECT set_config('a.b', 'c', $1)", "SELECT set_config($1, 'c', false)",
        "SELECT set_config('a.b', 'c' || 'd', false)",
        "SELECT upper(set_config('a.b', 'c', false))",
        "SELECT set_config('foreshard.shard_key', '1', false)",
        "SELECT set_config('transaction_read_only', 'on', true)",
        "SELECT set_config('a.b', 'c', false) LIMIT 0",
        "SELECT 1 UNION SELECT set_config('a.b', 'c', false)::int",
        "WITH x AS (SELECT set_config('a.b', 'c', false)) SELECT 1",
        "EXPLAIN ANALYZE SELECT set_config('a.b', 'c', false)",
        "COPY (SELECT set_config('a.b', 'c', false)) TO STDOUT"}) {
    const Statement statement = Of(refused);
    EXPECT_TRUE(statement.set_configs.empty()) << refused;
    EXPECT_TRUE(statement.kind == StatementKind::kRefused ||
                (statement.inner && statement.inner->kind == StatementKind::kRefused))
        << refused;
  }
}

TEST(ClassifySession, SettingsKeepTheirValueAsShowPrintsIt) {
  const Statement path = Of("SET search_path = \"$user\", 'b', public");
  EXPECT_EQ(path.kind, StatementKind::kSet);
  EXPECT_EQ(path.session.name, "search_path");
  EXPECT_EQ(path.session.value, "$user, b, public");
  EXPECT_EQ(Of("SET foreshard.shard_key = '-5'").session.value, "-5");
  EXPECT_EQ(Of("SET work_mem TO 64").session.value, "64");
  EXPECT_EQ(Of("SET x.y = -5").session.value, "-5");
  EXPECT_EQ(Of("SET enable_seqscan = off").session.value, "off");
  EXPECT_EQ(Of("SET TIME ZONE 'UTC'").session.name, "timezone");
  EXPECT_TRUE(Of("SET LOCAL work_mem = '1MB'").session.local);
  EXPECT_TRUE(Of("SET work_mem TO DEFAULT").session.to_default);
  EXPECT_EQ(Of("RESET work_mem").kind, StatementKind::kReset);
  EXPECT_TRUE(Of("RESET ALL").session.all);
  EXPECT_EQ(Of("SHOW work_mem").kind, StatementKind::kShow);
  EXPECT_EQ(Of("SET TRANSACTION READ ONLY").session.target, "read only");
  EXPECT_EQ(Of("SET CONSTRAINTS ALL DEFERRED").kind, StatementKind::kSetConstraints);
}

TEST(ClassifySession, SettingsThatWouldDeceiveTheRouterAreRefused) {
  for (const char* text : {"SET standard_conforming_strings = off", "SET client_encoding = latin1",
                           "SET NAMES 'latin1'", "SET ROLE other",
                           "SET SESSION AUTHORIZATION other", "SET TRANSACTION SNAPSHOT '1'"}) {
    EXPECT_EQ(Of(text).kind, StatementKind::kRefused) << text;
  }
  EXPECT_EQ(Of("SET client_encoding = 'UTF8'").kind, StatementKind::kSet);
  EXPECT_EQ(Of("SET standard_conforming_strings = on").kind, StatementKind::kSet);
}

TEST(ClassifySession, PreparedStatementsAndCursors) {
  const std::string text = "PREPARE p (bigint) AS SELECT * FROM customers WHERE id = $1";
  const Statement prepare = Of(text);
  EXPECT_EQ(prepare.kind, StatementKind::kPrepare);
  EXPECT_EQ(prepare.session.name, "p");
  EXPECT_EQ(prepare.inner_first, 6U);
  const Statement execute = Of("EXECUTE p (5, 'x', NULL)");
  EXPECT_EQ(execute.arguments.size(), 3U);
  EXPECT_EQ(execute.arguments[2].from, ValueSource::From::kNull);
  EXPECT_TRUE(Of("DEALLOCATE ALL").session.all);
  EXPECT_EQ(Of("DEALLOCATE p").session.name, "p");
  EXPECT_EQ(Of("DISCARD ALL").session.target, "ALL");
  const World world;
  EXPECT_EQ(Where(world.Go("DECLARE c CURSOR FOR SELECT * FROM customers WHERE id = 5").decision),
            "one " + std::to_string(world.ShardOf(5)));
  EXPECT_EQ(Where(world.Go("DECLARE c CURSOR FOR SELECT * FROM customers").decision),
            "refused 0A000");
  EXPECT_EQ(Of("DECLARE c CURSOR WITH HOLD FOR SELECT 1").kind, StatementKind::kRefused);
  EXPECT_EQ(Of("FETCH 5 FROM c").session.name, "c");
  EXPECT_EQ(Of("CLOSE c").session.name, "c");
  EXPECT_TRUE(Of("CLOSE ALL").session.all);
}

TEST(ClassifySession, ExplainGoesWhereItsStatementGoes) {
  const World world;
  EXPECT_EQ(
      Where(world.Go("EXPLAIN (ANALYZE, COSTS off) SELECT * FROM customers WHERE id = 5").decision),
      "one " + std::to_string(world.ShardOf(5)));
  EXPECT_EQ(Where(world.Go("EXPLAIN SELECT * FROM customers").decision), "refused 0A000");
  EXPECT_EQ(Where(world.Go("EXPLAIN SELECT 1").decision), "any");
  EXPECT_EQ(Of("EXPLAIN SELECT * FROM nosuch").kind, StatementKind::kRefused);
}

TEST(ClassifySession, ListenCannotWork) {
  EXPECT_EQ(Of("LISTEN x").kind, StatementKind::kRefused);
  EXPECT_NE(Of("LISTEN x").refusal.hint, "");
  EXPECT_EQ(Of("NOTIFY x, 'y'").kind, StatementKind::kNotify);
  EXPECT_EQ(Of("UNLISTEN *").kind, StatementKind::kUnlisten);
}

}  // namespace
}  // namespace foreshard::router

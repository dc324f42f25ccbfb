#include <gtest/gtest.h>

#include <filesystem>

#include "operator/scram_verifier.h"
#include "operator/shards/ca_files.h"
#include "operator/shards/pg_shard_admin.h"
#include "pg/connection.h"
#include "tests/support/needs.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_directory.h"

namespace foreshard::op {
namespace {

const support::Needs kNeeds({"postgres"});

class PgShardAdminTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    support::PostgresOptions options;
    options.tls = true;
    auto made = support::PostgresServer::Create(options);
    ASSERT_TRUE(made.ok()) << made.error().message;
    server = std::move(*made);
  }
  static void TearDownTestSuite() { server.reset(); }

  ShardLogin Login() const {
    return {.host = "localhost",
            .address = "127.0.0.1",
            .port = server->port(),
            .password = server->password(),
            .authority_pem = support::ReadFile(server->certificate_file())};
  }
  Deadline Soon() { return Deadline::After(clock, std::chrono::seconds(20)); }

  static inline std::unique_ptr<support::PostgresServer> server;
  const SystemClock clock;
  support::TemporaryDirectory directory{"shards"};
  CaFiles files{directory.File("ca")};
  PgShardAdmin admin{clock, files};
  ShardSetup setup{.database = "app",
                   .app_verifier = *NewScramVerifier("client-password"),
                   .foreshard_password = "operator-password",
                   .exporter_password = "exporter-password"};
};

TEST_F(PgShardAdminTest, MakesRolesDatabaseAndSchemaOnce) {
  const auto before = admin.Inspect(Login(), setup, {"public.orders"}, Soon());
  ASSERT_TRUE(before.ok()) << before.error().message;
  EXPECT_FALSE(before->set_up);

  ASSERT_TRUE(admin.SetUp(Login(), setup, Soon()).ok());
  const auto after = admin.Inspect(Login(), setup, {"public.orders"}, Soon());
  ASSERT_TRUE(after.ok()) << after.error().message;
  EXPECT_TRUE(after->set_up);
  EXPECT_FALSE(after->has_rows);
  EXPECT_GT(after->size_bytes, 1'000'000);
  EXPECT_EQ(*server->Sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'"),
            setup.app_verifier + "\n")
      << "routers log in with the key of this very verifier";
  EXPECT_EQ(*server->Sql("SELECT to_regclass('foreshard.migration') IS NOT NULL", "app"), "t\n");

  const Status again = admin.SetUp(Login(), setup, Soon());
  EXPECT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(admin.Inspect(Login(), setup, {}, Soon())->set_up);
}

TEST_F(PgShardAdminTest, EachRoleLogsInAndMayWhatItNeeds) {
  ASSERT_TRUE(admin.SetUp(Login(), setup, Soon()).ok());
  struct Case {
    const char* user;
    const char* password;
    const char* sql;
  };
  const Case cases[] = {
      {"app", "client-password", "CREATE TABLE mine (i int); DROP TABLE mine"},
      {"foreshard", "operator-password", "SET session_replication_role = replica"},
      {"exporter", "exporter-password", "SELECT count(*) FROM pg_stat_activity"}};
  for (const Case& one : cases) {
    const auto session = pg::Connection::Connect(
        {.conninfo = server->Conninfo("app", one.user, one.password)}, clock, Soon());
    ASSERT_TRUE(session.ok()) << one.user << ": " << session.error().message;
    const auto rows = (*session)->Exec(one.sql, Soon());
    EXPECT_TRUE(rows.ok()) << one.user << ": " << (rows.ok() ? "" : rows.error().message);
  }
}

TEST_F(PgShardAdminTest, AnotherPasswordIsAnotherSetup) {
  ASSERT_TRUE(admin.SetUp(Login(), setup, Soon()).ok());
  ShardSetup changed = setup;
  changed.app_verifier = *NewScramVerifier("new-password");
  EXPECT_FALSE(admin.Inspect(Login(), changed, {}, Soon())->set_up);
  ASSERT_TRUE(admin.SetUp(Login(), changed, Soon()).ok());
  EXPECT_TRUE(admin.Inspect(Login(), changed, {}, Soon())->set_up);
  const auto session = pg::Connection::Connect(
      {.conninfo = server->Conninfo("app", "app", "new-password")}, clock, Soon());
  EXPECT_TRUE(session.ok());
}

TEST_F(PgShardAdminTest, SeesRowsInShardedTablesOnly) {
  ASSERT_TRUE(admin.SetUp(Login(), setup, Soon()).ok());
  ASSERT_TRUE(
      server
          ->Sql("CREATE TABLE public.countries (i int); INSERT INTO public.countries VALUES (1);"
                "CREATE TABLE public.orders (i int)",
                "app")
          .ok());
  EXPECT_FALSE(admin.Inspect(Login(), setup, {"public.orders"}, Soon())->has_rows);
  ASSERT_TRUE(server->Sql("INSERT INTO public.orders VALUES (1)", "app").ok());
  EXPECT_TRUE(admin.Inspect(Login(), setup, {"public.orders", "public.absent"}, Soon())->has_rows);
}

TEST_F(PgShardAdminTest, NoPasswordReachesTheServersLog) {
  ASSERT_TRUE(server->Sql("ALTER SYSTEM SET log_statement = 'all'; SELECT pg_reload_conf()").ok() ||
              server->Sql("ALTER SYSTEM SET log_statement = 'all'").ok());
  ASSERT_TRUE(admin.Reload(Login(), Soon()).ok());
  ShardSetup other = setup;
  other.foreshard_password = "very-secret-text";
  ASSERT_TRUE(admin.SetUp(Login(), other, Soon()).ok());
  EXPECT_EQ(server->Log().find("very-secret-text"), std::string::npos);
}

TEST_F(PgShardAdminTest, RefusesAServerOfAnotherAuthority) {
  ShardLogin login = Login();
  login.authority_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const auto seen = admin.Inspect(login, setup, {}, Soon());
  EXPECT_FALSE(seen.ok());
}

TEST(CaFiles, OneFileForEachText) {
  support::TemporaryDirectory directory{"ca"};
  CaFiles files{directory.File("deep/ca")};
  const auto one = files.PathOf("first");
  const auto again = files.PathOf("first");
  const auto two = files.PathOf("second");
  ASSERT_TRUE(one.ok() && again.ok() && two.ok());
  EXPECT_EQ(*one, *again);
  EXPECT_NE(*one, *two);
  EXPECT_EQ(support::ReadFile(*one), "first");
}

}  // namespace
}  // namespace foreshard::op

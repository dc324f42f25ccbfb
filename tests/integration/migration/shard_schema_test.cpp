#include "migration/shard_schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/predicate.h"
#include "migration/shard_objects.h"
#include "tests/integration/migration/two_shards.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using support::Good;

// One server would do, but each test begins from rows of its own; the servers are shared.
class ShardSchema : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = made->release();
  }
  static void TearDownTestSuite() {
    delete shards_;
    shards_ = nullptr;
  }

  void SetUp() override {
    Exec(
        "TRUNCATE customers, orders, foreshard.migration, foreshard.gate, foreshard.range, "
        "foreshard.barrier");
    Exec(fmt::format(
        "INSERT INTO foreshard.migration (migration_id, uid, peer, phase, token, state) "
        "VALUES (7, 'uid', 's-bbbb', 'Ready', 100, 'open')"));
    Exec(
        "INSERT INTO foreshard.range VALUES ('migration-7', 'hash', '40', '80', NULL, 's-aaaa', "
        "12, false, 7)");
    Exec("INSERT INTO foreshard.gate VALUES (7)");
    for (const TableSpec& table : shards_->Spec().tables) {
      for (const std::string& sql : GateTriggerSql(shards_->Spec(), table)) Exec(sql);
    }
  }

  void Exec(std::string_view sql) { Exec(*admin_, sql); }
  static void Exec(pg::Connection& connection, std::string_view sql) {
    ASSERT_TRUE(Good(connection.Exec(sql, shards_->Soon()))) << sql;
  }
  // SQLSTATE of a statement, "" if it works.
  static std::string Code(pg::Connection& connection, std::string_view sql) {
    const auto result = connection.Exec(sql, shards_->Soon());
    return result.ok() ? std::string() : result.error().code;
  }
  std::string Call(std::string_view call) {
    return Code(*admin_, fmt::format("SELECT foreshard.{}", call));
  }
  std::string State() {
    return shards_->Sql(Side::kSource,
                        "SELECT state || ' ' || attempt || ' ' || token FROM foreshard.migration");
  }
  void SetState(std::string_view state, int attempt) {
    Exec(fmt::format("UPDATE foreshard.migration SET state = '{}', attempt = {}", state, attempt));
  }
  // A customer whose hash lies in K, or not.
  std::int64_t KeyWhere(bool inside) {
    const std::string k = PredicateSql(shards_->Spec(), "k");
    return std::stoll(shards_->Sql(
        Side::kSource,
        fmt::format("SELECT k FROM generate_series(1::bigint, 100) k WHERE ({}) = {} LIMIT 1", k,
                    inside)));
  }
  std::string Insert(bool inside) {
    return fmt::format("INSERT INTO customers VALUES ({})", KeyWhere(inside));
  }

  static TwoShards* shards_;
  std::unique_ptr<pg::Connection> admin_ = shards_->Connect(Side::kSource);
  std::unique_ptr<pg::Connection> client_ = shards_->Connect(Side::kSource, "app");
};

TwoShards* ShardSchema::shards_ = nullptr;

TEST_F(ShardSchema, InstallingAgainWritesNothing) {
  const std::string before = shards_->Sql(Side::kSource, "SELECT pg_current_wal_insert_lsn()");
  EXPECT_TRUE(Good(InstallShardSchema(*admin_, shards_->Soon())));
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT pg_current_wal_insert_lsn()"), before);
}

TEST_F(ShardSchema, AnUpgradeKeepsTheRows) {
  Exec("COMMENT ON SCHEMA foreshard IS 'an older text'");
  Exec("DROP FUNCTION foreshard.enter");
  EXPECT_TRUE(Good(InstallShardSchema(*admin_, shards_->Soon())));
  EXPECT_EQ(Call("enter(7, 101, 'Cutover')"), "");
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT phase FROM foreshard.migration"), "Cutover");
}

TEST_F(ShardSchema, OneOpenGateTakesWritesOfItsKeys) {
  EXPECT_EQ(Code(*client_, Insert(true)), "");
  EXPECT_EQ(Code(*client_, Insert(false)), "");
}

TEST_F(ShardSchema, AClosedGateRefusesBeforeAnyEffectAndNamesTheOwner) {
  ASSERT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
  const auto refused = client_->Exec(Insert(true), shards_->Soon());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "FS001");
  EXPECT_EQ(client_->last_error().detail, "migration=7 owner=s-bbbb epoch=13");
  EXPECT_EQ(Code(*client_, Insert(false)), "") << "other keys go on";
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM customers"), "1");
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT kind || seq || source FROM foreshard.barrier"),
            "cutover1s-aaaa");
}

// The trigger runs with the writer's rights and search path.
TEST_F(ShardSchema, NothingThatAWriterSetsOpensTheGate) {
  const std::int64_t key = KeyWhere(true);
  ASSERT_EQ(Code(*client_, Insert(true)), "");
  ASSERT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
  Exec("CREATE SCHEMA evil AUTHORIZATION app;"
       "CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
       "CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes);"
       "CREATE FUNCTION evil.gate_pass(bigint) RETURNS void LANGUAGE sql AS 'SELECT';"
       "CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS 'SELECT $1';"
       "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA evil TO app");
  ASSERT_EQ(Code(*client_, "SET search_path = evil, pg_catalog, public"), "");
  EXPECT_EQ(Code(*client_, fmt::format("UPDATE customers SET v = 9 WHERE id = {}", key)), "FS001");
  EXPECT_EQ(Code(*client_, fmt::format("DELETE FROM customers WHERE id = {}", key)), "FS001");
  EXPECT_EQ(Code(*client_, "SELECT foreshard.gate_pass(0)"), "FS001") << "no migration, no pass";
  EXPECT_EQ(Code(*client_, "SELECT foreshard.gate_take(7, 101, 1, 's-aaaa', 14, '0 s')"), "42501");
  EXPECT_EQ(Code(*client_, "SELECT foreshard.gate_rehearse()"), "42501");
}

TEST_F(ShardSchema, EveryWayOfWritingAsksTheGate) {
  const std::int64_t key = KeyWhere(true);
  ASSERT_EQ(Code(*client_, Insert(true)), "");
  ASSERT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
  EXPECT_EQ(Code(*client_, fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", key)),
            "FS001");
  EXPECT_EQ(Code(*client_, fmt::format("DELETE FROM customers WHERE id = {}", key)), "FS001");
  EXPECT_EQ(
      Code(*client_,
           fmt::format("INSERT INTO customers VALUES ({}) ON CONFLICT (id) DO UPDATE SET v = 9",
                       key)),
      "FS001");
  auto copy = client_->StartCopyIn("COPY customers (id) FROM STDIN", shards_->Soon());
  ASSERT_TRUE(Good(copy));
  ASSERT_TRUE(Good(copy->Write(fmt::format("{}\n", key), shards_->Soon())));
  const auto copied = copy->Finish(shards_->Soon());
  ASSERT_FALSE(copied.ok());
  EXPECT_EQ(copied.error().code, "FS001");
}

TEST_F(ShardSchema, AnOlderSnapshotGetsASerializationFailureAfterTheClose) {
  for (const char* level : {"REPEATABLE READ", "SERIALIZABLE"}) {
    SetUp();
    Exec(*client_, fmt::format("BEGIN ISOLATION LEVEL {}", level));
    Exec(*client_, "SELECT count(*) FROM customers");  // takes the snapshot
    ASSERT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
    EXPECT_EQ(Code(*client_, Insert(true)), "40001") << level;
    Exec(*client_, "ROLLBACK");
  }
}

TEST_F(ShardSchema, TheReplicaRolePassesTheGate) {
  ASSERT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
  Exec("SET session_replication_role = replica");
  EXPECT_EQ(Code(*admin_, Insert(true)), "");
  EXPECT_EQ(Code(*client_, "SET session_replication_role = replica"), "42501")
      << "clients may not choose that";
}

TEST_F(ShardSchema, AClientReachesOnlyWhatRoutersNeed) {
  ASSERT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
  EXPECT_EQ(Code(*client_, "DELETE FROM foreshard.gate"), "42501");
  EXPECT_EQ(Code(*client_, "SELECT foreshard.gate_reopen(7, 999, 1, 's-aaaa', 99)"), "42501");
  EXPECT_EQ(Code(*client_, "SELECT * FROM foreshard.range"), "") << "routers' sessions read it";
  EXPECT_EQ(Code(*client_, "SELECT foreshard.connected('router-1', 12)"), "");
  EXPECT_EQ(shards_->Sql(Side::kSource,
                         "SELECT router FROM foreshard.connection c JOIN pg_stat_activity USING "
                         "(pid, backend_start)"),
            "router-1");
}

TEST_F(ShardSchema, TheCopyRoleMayDoWhatTheOwnersMayAndNoMore) {
  EXPECT_EQ(Code(*client_, "SELECT foreshard.let_copy(ARRAY['public.orders'::regclass])"), "42501");
  Exec("CREATE TABLE IF NOT EXISTS public.of_a_superuser (id int)");
  Exec("CREATE TABLE IF NOT EXISTS public.of_nobody_asked (id int)");
  ASSERT_EQ(Call("let_copy(ARRAY['public.orders', 'public.of_a_superuser']::regclass[])"), "");
  const auto copier = pg::Connection::Connect(
      {.conninfo = shards_->server(Side::kSource).Conninfo("app", kCopyRole, "foreshard")},
      shards_->clock(), shards_->Soon());
  ASSERT_TRUE(Good(copier));
  for (const char* may : {"SET session_replication_role = replica", "DELETE FROM public.orders",
                          "INSERT INTO public.of_a_superuser VALUES (1)"}) {
    EXPECT_EQ(Code(**copier, may), "") << may;
  }
  for (const char* may_not :
       {"SET ROLE foreshard", "TRUNCATE public.of_a_superuser", "SELECT * FROM of_nobody_asked",
        "UPDATE foreshard.migration SET token = 0", "SELECT foreshard.claim(7, 100)",
        "SELECT rolpassword FROM pg_authid"}) {
    EXPECT_EQ(Code(**copier, may_not), "42501") << may_not;
  }
}

TEST_F(ShardSchema, TheCopyRoleFollowsAChangedPassword) {
  const auto verifiers = [] {
    return shards_->Sql(Side::kSource,
                        "SELECT count(DISTINCT rolpassword) FROM pg_authid WHERE rolname IN "
                        "('foreshard', 'foreshard_copy')");
  };
  Exec("ALTER ROLE foreshard PASSWORD 'foreshard'");  // another salt
  EXPECT_EQ(Call("let_copy('{}')"), "");
  EXPECT_EQ(verifiers(), "1");
}

TEST_F(ShardSchema, TheCloseWaitsForWritersAndYieldsToThem) {
  Exec(*client_, "BEGIN");
  Exec(*client_, Insert(true));
  EXPECT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "55P03");
  EXPECT_EQ(State(), "open 0 100");
  Exec(*client_, "COMMIT");
  EXPECT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
}

TEST_F(ShardSchema, TheCloseWaitsForAPreparedTransaction) {
  Exec(*client_, "BEGIN");
  Exec(*client_, Insert(true));
  Exec(*client_, "PREPARE TRANSACTION 'two-phase'");
  EXPECT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "55P03");
  Exec(*client_, "COMMIT PREPARED 'two-phase'");
  EXPECT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "");
  EXPECT_EQ(shards_->Sql(Side::kSource, "SELECT count(*) FROM customers"), "1");
}

TEST_F(ShardSchema, AnOlderTokenIsRefusedByEveryCall) {
  Exec("UPDATE foreshard.migration SET token = 200, reverse_slot = 'x'");
  for (const char* call :
       {"enter(7, 199, 'Aborting')", "gate_close(7, 199, 1, 's-aaaa', 's-bbbb', 13)",
        "gate_drained(7, 199, 1)", "gate_open(7, 199, 1, 's-bbbb', 13)", "gate_revoke(7, 199, 1)",
        "gate_reopen(7, 199, 1, 's-aaaa', 14)", "slot_advance(7, 199, '0/0')"}) {
    EXPECT_EQ(Call(call), "FS002") << call;
  }
  EXPECT_EQ(State(), "open 0 200");
  EXPECT_EQ(Call("gate_revoke(8, 1000, 1)"), "FS002") << "an unknown migration";
}

TEST_F(ShardSchema, AShortcutLeavesItsTokenBehind) {
  ASSERT_EQ(Call("gate_close(7, 110, 1, 's-aaaa', 's-bbbb', 13)"), "");
  ASSERT_EQ(Call("gate_close(7, 120, 1, 's-aaaa', 's-bbbb', 13)"), "") << "closed already";
  EXPECT_EQ(State(), "closed 1 120");
  EXPECT_EQ(Call("gate_revoke(7, 119, 1)"), "FS002");
}

struct Refusal {
  const char* state;
  int attempt;
  const char* call;
  const char* code;   // "" : works
  const char* after;  // state and attempt
};

TEST_F(ShardSchema, EachCallKnowsTheStatesItMayBeUsedIn) {
  const std::vector<Refusal> table = {
      {"open", 0, "gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)", "", "closed 1"},
      {"open", 1, "gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)", "FS003", "open 1"},
      {"closed", 1, "gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)", "", "closed 1"},
      {"closed", 1, "gate_close(7, 100, 2, 's-aaaa', 's-bbbb', 13)", "FS003", "closed 1"},
      {"revoked", 1, "gate_close(7, 100, 2, 's-aaaa', 's-bbbb', 13)", "FS003", "revoked 1"},
      {"closed", 0, "gate_drained(7, 100, 1)", "", "drained 1"},
      {"revoked", 0, "gate_drained(7, 100, 1)", "", "drained 1"},
      {"drained", 1, "gate_drained(7, 100, 1)", "", "drained 1"},
      {"revoked", 1, "gate_drained(7, 100, 1)", "FS003", "revoked 1"},
      {"open", 0, "gate_drained(7, 100, 1)", "FS003", "open 0"},
      {"closed", 0, "gate_drained(7, 100, 2)", "FS003", "closed 0"},  // no sentinel of attempt 2
      {"drained", 1, "gate_open(7, 100, 1, 's-bbbb', 13)", "", "open 1"},
      {"open", 1, "gate_open(7, 100, 1, 's-bbbb', 13)", "", "open 1"},
      {"closed", 1, "gate_open(7, 100, 1, 's-bbbb', 13)", "FS003", "closed 1"},
      {"revoked", 1, "gate_open(7, 100, 1, 's-bbbb', 13)", "FS003", "revoked 1"},
      {"drained", 1, "gate_open(7, 100, 2, 's-bbbb', 13)", "FS003", "drained 1"},
      {"closed", 0, "gate_revoke(7, 100, 1)", "", "revoked 1"},
      {"drained", 1, "gate_revoke(7, 100, 1)", "", "revoked 1"},
      {"open", 1, "gate_revoke(7, 100, 1)", "", "open 1"},
      {"revoked", 2, "gate_revoke(7, 100, 1)", "", "revoked 2"},
      {"closed", 1, "gate_reopen(7, 100, 1, 's-aaaa', 14)", "", "open 1"},
      {"open", 0, "gate_reopen(7, 100, 1, 's-aaaa', 14)", "", "open 1"},
      {"closed", 2, "gate_reopen(7, 100, 1, 's-aaaa', 14)", "FS003", "closed 2"},
      {"drained", 1, "gate_reopen(7, 100, 1, 's-aaaa', 14)", "FS003", "drained 1"},
      {"revoked", 1, "gate_reopen(7, 100, 1, 's-aaaa', 14)", "FS003", "revoked 1"}};
  for (const Refusal& row : table) {
    SetUp();
    Exec("INSERT INTO foreshard.barrier VALUES (7, 's-bbbb', 'cutover', 1)");
    if (std::string(row.state) != "open") Exec("DELETE FROM foreshard.gate");
    SetState(row.state, row.attempt);
    EXPECT_EQ(Call(row.call), row.code) << row.state << row.attempt << " " << row.call;
    EXPECT_EQ(
        shards_->Sql(Side::kSource, "SELECT state || ' ' || attempt FROM foreshard.migration"),
        row.after)
        << row.state << row.attempt << " " << row.call;
    // The gate row and the state never part.
    EXPECT_EQ(shards_->Sql(Side::kSource,
                           "SELECT (state = 'open') = EXISTS (SELECT FROM foreshard.gate) FROM "
                           "foreshard.migration"),
              "t")
        << row.state << row.attempt << " " << row.call;
  }
}

TEST_F(ShardSchema, ALateCloseOfARevokedAttemptIsRefused) {
  ASSERT_EQ(Call("gate_reopen(7, 100, 1, 's-aaaa', 14)"), "");
  EXPECT_EQ(Call("gate_close(7, 100, 1, 's-aaaa', 's-bbbb', 13)"), "FS003");
}

TEST_F(ShardSchema, NothingOpensAcrossAFailover) {
  Exec("INSERT INTO foreshard.barrier VALUES (7, 's-bbbb', 'cutover', 1)");
  Exec("UPDATE foreshard.migration SET state = 'closed', progress = '{\"own_identity\": \"1/1\"}'");
  EXPECT_EQ(Call("gate_drained(7, 100, 1)"), "FS003");
  SetState("drained", 1);
  EXPECT_EQ(Call("gate_open(7, 100, 1, 's-aaaa', 13)"), "FS003");
  Exec(
      "UPDATE foreshard.migration SET progress = jsonb_build_object('own_identity', "
      "foreshard.identity())");
  EXPECT_EQ(Call("gate_open(7, 100, 1, 's-aaaa', 13)"), "");
}

TEST_F(ShardSchema, OpeningNeedsTheReverseSlotBeforeTheDrain) {
  Exec("INSERT INTO foreshard.barrier VALUES (7, 's-bbbb', 'cutover', 1)");
  Exec("UPDATE foreshard.migration SET state = 'closed', reverse_slot = 'back'");
  ASSERT_EQ(Call("gate_drained(7, 100, 1)"), "");
  EXPECT_EQ(Call("gate_open(7, 100, 1, 's-aaaa', 13)"), "FS003") << "the slot is missing";
  Exec("SELECT pg_create_logical_replication_slot('back', 'pgoutput')");
  EXPECT_EQ(Call("gate_open(7, 100, 1, 's-aaaa', 13)"), "FS003") << "it stands behind the drain";
  Exec("UPDATE foreshard.migration SET drained_lsn = pg_current_wal_insert_lsn()");
  EXPECT_EQ(Call("gate_open(7, 100, 1, 's-aaaa', 13)"), "");
  Exec(*client_, Insert(true));
  ASSERT_EQ(Call("slot_advance(7, 100, pg_current_wal_insert_lsn())"), "");
  EXPECT_EQ(shards_->Sql(Side::kSource,
                         "SELECT confirmed_flush_lsn <= drained_lsn FROM pg_replication_slots, "
                         "foreshard.migration"),
            "t")
      << "a slot never moves over what clients wrote here";
  Exec("SELECT pg_drop_replication_slot('back')");
}

TEST_F(ShardSchema, OwnershipIsProvenForASnapshot) {
  EXPECT_EQ(Code(*client_, "SELECT foreshard.owner_check('migration-7', 's-aaaa')"), "");
  EXPECT_EQ(Code(*client_, "SELECT foreshard.owner_check('migration-7', 's-bbbb')"), "FS001");
  EXPECT_EQ(Code(*client_, "SELECT foreshard.owner_check('unknown', 's-bbbb')"), "");
}

TEST_F(ShardSchema, GuardsRefuseWhatReplicationWouldLose) {
  const MigrationSpec spec = shards_->Spec();
  const std::int64_t inside = KeyWhere(true);
  const std::int64_t outside = KeyWhere(false);
  Exec(
      "UPDATE foreshard.migration SET tables = ARRAY['public.customers', "
      "'public.orders']::regclass[]::oid[]");
  for (const TableSpec& table : spec.tables) {
    for (const std::string& sql : GuardTriggerSql(spec, table)) Exec(sql);
  }
  for (const std::string& sql : EventTriggerSql(spec)) Exec(sql);
  for (const std::string& sql : EventTriggerSql(spec)) Exec(sql);  // again: nothing to do

  ASSERT_EQ(Code(*client_, Insert(true)), "");
  EXPECT_EQ(Code(*client_, "TRUNCATE orders"), "55006");
  EXPECT_EQ(
      Code(*client_, fmt::format("UPDATE customers SET id = {} WHERE id = {}", outside, inside)),
      "55006");
  EXPECT_EQ(Code(*client_, "ALTER TABLE customers ADD COLUMN more text"), "55006");
  EXPECT_NE(client_->last_error().message.find("public.customers while migration 7"),
            std::string::npos)
      << client_->last_error().message;
  EXPECT_EQ(Code(*client_, "ALTER TABLE customers DROP COLUMN pad"), "55006");
  EXPECT_EQ(Code(*client_, "ALTER TABLE customers DISABLE TRIGGER zzz_foreshard_7_insert"),
            "55006");
  EXPECT_EQ(Code(*client_, "DROP TRIGGER zzz_foreshard_7_insert ON customers"), "55006");
  EXPECT_EQ(Code(*client_, "DROP TABLE orders"), "55006");
  EXPECT_EQ(Code(*client_, "CREATE INDEX ON orders (price)"), "55006");
  EXPECT_EQ(Code(*client_, "CREATE TABLE elsewhere (a int)"), "") << "other tables are free";
  EXPECT_EQ(Code(*client_, "DROP TABLE elsewhere"), "");
  for (const char* name : {"ddl", "start", "drop"})
    Exec(fmt::format("DROP EVENT TRIGGER foreshard_7_{}", name));
  for (const TableSpec& table : spec.tables) {
    for (const char* suffix : {"key", "truncate"}) {
      Exec(fmt::format("DROP TRIGGER zzz_foreshard_7_{} ON {}", suffix, QuoteTable(table.name)));
    }
  }
}

}  // namespace
}  // namespace foreshard::migration

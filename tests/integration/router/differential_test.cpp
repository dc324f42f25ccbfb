#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "pg/wire_writer.h"
#include "tests/integration/router/router_bed.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The same conversation directly with PostgreSQL and through the router gives the same messages,
// however its bytes are cut.

namespace foreshard::router {
namespace {

using support::Good;

const support::Needs kNeeds({"postgres", "psql"});

struct Conversation {
  const char* name;
  std::vector<std::string> turns;  // each ends in Query or Sync
};

std::string Query(std::string_view sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  return out;
}

// A little builder for extended messages.
class Say {
 public:
  Say& Parse(std::string_view name, std::string_view sql, std::vector<std::int32_t> types = {}) {
    pg::AppendParse(&out_, name, sql, types);
    return *this;
  }
  Say& Bind(std::string_view portal, std::string_view statement,
            const std::vector<std::string>& values, bool binary_result = false) {
    pg::WireWriter message(&out_, 'B');
    message.String(portal).String(statement).Int16(0).Int16(
        static_cast<std::int16_t>(values.size()));
    for (const std::string& value : values)
      message.Int32(static_cast<std::int32_t>(value.size())).Bytes(value);
    binary_result ? message.Int16(1).Int16(1) : message.Int16(0);
    message.End();
    return *this;
  }
  Say& Describe(char kind, std::string_view name) {
    pg::AppendDescribe(&out_, kind, name);
    return *this;
  }
  Say& Execute(std::string_view portal, std::int32_t rows = 0) {
    pg::WireWriter(&out_, 'E').String(portal).Int32(rows).End();
    return *this;
  }
  Say& Close(char kind, std::string_view name) {
    pg::AppendClose(&out_, kind, name);
    return *this;
  }
  std::string Sync() {
    pg::AppendEmpty(&out_, 'S');
    return out_;
  }

 private:
  std::string out_;
};

std::vector<Conversation> Conversations() {
  const std::string insert = "INSERT INTO customers(id, name) VALUES ($1, $2)";
  const std::string select = "SELECT id, name FROM customers WHERE id = $1";
  return {
      {"simple",
       {Query("SELECT 1 AS one, 'x' AS two"), Query(""),
        Query("SELECT id FROM customers WHERE id = 1"), Query("SELEC"), Query("SELECT 1/0")}},
      {"transactions",
       {Query("BEGIN"), Query("INSERT INTO customers(id) VALUES (50)"), Query("SELECT no_such"),
        Query("SELECT 1"), Query("COMMIT"), Query("SELECT count(*) FROM customers WHERE id = 50"),
        Query("COMMIT"), Query("BEGIN"), Query("BEGIN"), Query("ROLLBACK")}},
      {"savepoints",
       {Query("BEGIN"), Query("INSERT INTO customers(id) VALUES (60)"), Query("SAVEPOINT a"),
        Query("INSERT INTO customers(id) VALUES (60)"), Query("ROLLBACK TO a"),
        Query("SELECT id FROM customers WHERE id = 60"), Query("COMMIT")}},
      {"several statements",
       {Query("SELECT id FROM customers WHERE id = 1; SELECT name FROM customers WHERE id = 1"),
        Query("INSERT INTO customers(id) VALUES (70); SELECT 1/0"),
        Query("SELECT id FROM customers WHERE id = 70"),
        Query("BEGIN; INSERT INTO customers(id) VALUES (71); COMMIT; SELECT id FROM customers "
              "WHERE id = 71")}},
      {"unnamed",
       {Say()
            .Parse("", insert, {20, 25})
            .Bind("", "", {"2", "two"})
            .Describe('P', "")
            .Execute("")
            .Sync(),
        Say().Parse("", select).Bind("", "", {"2"}).Describe('P', "").Execute("").Sync(),
        Say().Bind("", "", {"1"}).Execute("").Sync(),
        Say().Parse("", select).Describe('S', "").Sync()}},
      {"named",
       {Say().Parse("get", select, {20}).Describe('S', "get").Sync(),
        Say().Bind("", "get", {"1"}).Execute("").Sync(),
        Say().Bind("p", "get", {"1"}, true).Describe('P', "p").Execute("p").Close('P', "p").Sync(),
        Say().Parse("get", select).Sync(), Say().Close('S', "get").Sync(),
        Say().Bind("", "get", {"1"}).Execute("").Sync()}},
      {"pipeline with an error",
       {Say()
            .Parse("", select, {20})
            .Bind("", "", {"1"})
            .Execute("")
            .Parse("", "SELECT no_such")
            .Bind("", "", {})
            .Execute("")
            .Parse("", select)
            .Bind("", "", {"1"})
            .Execute("")
            .Sync(),
        Say().Parse("", select, {20}).Bind("", "", {"1"}).Execute("").Sync()}},
      {"portals in a transaction",
       {Query("BEGIN"),
        Say().Parse("", "SELECT generate_series(1, 5)").Bind("c", "", {}).Execute("c", 2).Sync(),
        Say().Execute("c", 2).Sync(), Say().Execute("c").Sync(), Say().Close('P', "c").Sync(),
        Query("COMMIT")}},
      {"extended transaction",
       {Say().Parse("", "BEGIN").Bind("", "", {}).Describe('P', "").Execute("").Sync(),
        Say().Parse("", insert, {20, 25}).Bind("", "", {"80", "x"}).Execute("").Sync(),
        Say().Parse("", "ROLLBACK").Bind("", "", {}).Execute("").Sync(),
        Query("SELECT id FROM customers WHERE id = 80")}},
      {"errors of names",
       {Say().Bind("", "nothing", {}).Sync(), Say().Execute("nothing").Sync(),
        Say().Describe('P', "nothing").Sync(),
        Say().Close('S', "nothing").Close('P', "nothing").Sync(), Say().Sync()}},
      {"copy out", {Query("COPY (SELECT 1, 'x') TO STDOUT")}},
      {"settings",
       {Query("SET work_mem = '5MB'"), Query("SHOW work_mem"), Query("SET no_such = 1"),
        Query("RESET work_mem"), Query("SHOW work_mem")}},
      {"large",
       {Query("SELECT repeat('x', 200000)"), Query("SELECT '" + std::string(100'000, 'y') + "'")}},
  };
}

std::string Converse(WireClient& client, const Conversation& conversation, std::size_t piece) {
  std::string trace;
  for (const std::string& turn : conversation.turns) {
    EXPECT_TRUE(Good(client.Send(turn, piece)));
    const auto answer = client.ReceiveUntilReady();
    EXPECT_TRUE(Good(answer)) << conversation.name << " after " << trace;
    if (!answer) return trace + "nothing";
    trace += Trace(*answer) + "--\n";
  }
  return trace;
}

TEST(RouterDifferential, SaysWhatPostgresSays) {
  auto bed = RouterBed::Create({.shards = 1});
  ASSERT_TRUE(Good(bed));
  const std::string tables = "CREATE TABLE customers(id bigint PRIMARY KEY, name text)";
  const std::string fresh =
      "TRUNCATE public.customers; INSERT INTO public.customers VALUES (1, 'one')";
  ASSERT_TRUE(Good((*bed)->Psql(tables)));
  for (const Conversation& conversation : Conversations()) {
    SCOPED_TRACE(conversation.name);
    ASSERT_TRUE(Good((*bed)->OnShard(0, fresh)));
    auto direct = (*bed)->Direct(0);
    ASSERT_TRUE(Good(direct));
    const std::string wanted = Converse(**direct, conversation, 0);
    for (const std::size_t piece : {0UL, 1UL, 7UL}) {
      if (piece > 0 && conversation.turns.back().size() > 10'000) continue;
      ASSERT_TRUE(Good((*bed)->OnShard(0, fresh)));
      auto client = (*bed)->Client();
      ASSERT_TRUE(Good(client));
      EXPECT_EQ(Converse(**client, conversation, piece), wanted)
          << "cut every " << piece << " bytes";
    }
  }
}

}  // namespace
}  // namespace foreshard::router

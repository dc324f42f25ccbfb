#include <fmt/format.h>
#include <gtest/gtest.h>

#include <optional>

#include "pg/wire_frame.h"
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

struct Turn {
  Turn(std::string said, int answers = 0) : bytes(std::move(said)), messages(answers) {}
  std::string bytes;
  int messages = 0;  // how many come back; 0: all up to ReadyForQuery
};

struct Conversation {
  const char* name;
  std::vector<Turn> turns;
  bool any_shards = true;  // false: several shards refuse it
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
            const std::vector<std::string>& values,
            const std::vector<std::int16_t>& result_formats = {}) {
    pg::WireWriter message(&out_, 'B');
    message.String(portal).String(statement).Int16(0).Int16(
        static_cast<std::int16_t>(values.size()));
    for (const std::string& value : values)
      message.Int32(static_cast<std::int32_t>(value.size())).Bytes(value);
    message.Int16(static_cast<std::int16_t>(result_formats.size()));
    for (const std::int16_t format : result_formats) message.Int16(format);
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
  // As many values as there are, each NULL or binary.
  Say& BindBinary(std::string_view statement,
                  const std::vector<std::optional<std::string>>& values) {
    pg::WireWriter message(&out_, 'B');
    message.String("").String(statement).Int16(1).Int16(1).Int16(
        static_cast<std::int16_t>(values.size()));
    for (const std::optional<std::string>& value : values) {
      message.Int32(value ? static_cast<std::int32_t>(value->size()) : -1)
          .Bytes(value.value_or(""));
    }
    message.Int16(0).End();
    return *this;
  }
  Say& Query(std::string_view sql) {
    pg::AppendQuery(&out_, sql);
    return *this;
  }
  std::string Flush() {
    pg::AppendEmpty(&out_, 'H');
    return out_;
  }
  std::string Sync() {
    pg::AppendEmpty(&out_, 'S');
    return out_;
  }

 private:
  std::string out_;
};

std::string CopyData(std::string_view rows) {
  std::string out;
  pg::WireWriter(&out, 'd').Bytes(rows).End();
  return out;
}

std::string CopyEnd(std::string_view failure = {}) {
  std::string out;
  failure.empty() ? pg::AppendEmpty(&out, 'c')
                  : void(pg::WireWriter(&out, 'f').String(failure).End());
  return out;
}

std::string BigEndian(std::int64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return bytes;
}

// As many parameters as the protocol can count.
std::string ManyParameters() {
  std::string sql = "SELECT count(*) FROM customers WHERE id IN ($1";
  std::vector<std::string> values = {"1"};
  for (int i = 2; i <= 65'535; ++i) {
    sql += fmt::format(",${}", i);
    values.push_back("1");
  }
  return Say().Parse("", sql + ")").Bind("", "", values).Execute("").Sync();
}

std::vector<Conversation> Pipelines() {
  const std::string insert = "INSERT INTO customers(id, name) VALUES ($1, $2)";
  const std::string select = "SELECT id, name FROM customers WHERE id = $1";
  return {
      {"flush",
       {{Say().Parse("", select, {20}).Describe('S', "").Flush(), 3},
        {Say().Bind("", "", {"1"}).Flush(), 1},
        {Say().Execute("").Flush(), 2},
        Say().Sync()}},
      {"flush after an error",
       {{Say().Parse("", "SELECT no_such FROM customers WHERE id = 1").Bind("", "", {}).Flush(), 1},
        {Say().Parse("", select).Sync()},
        Say().Parse("", select, {20}).Bind("", "", {"1"}).Execute("").Sync()}},
      {"errors of Bind",
       {Say().Parse("", select, {20}).Bind("", "", {}).Sync(),
        Say().Parse("", select, {20}).Bind("", "", {"1", "2"}).Sync(),
        Say().Parse("n", select, {20}).Bind("p", "n", {"1"}).Bind("p", "n", {"1"}).Sync(),
        Say().Bind("", "n", {"1"}).Execute("").Sync()}},
      {"binary and NULL values",
       {Say()
            .Parse("", select, {20})
            .BindBinary("", {BigEndian(1)})
            .Describe('P', "")
            .Execute("")
            .Sync(),
        Say()
            .Parse("", insert, {20, 25})
            .BindBinary("", {BigEndian(3), std::nullopt})
            .Execute("")
            .Sync(),
        Say().Parse("", select, {20}).BindBinary("", {BigEndian(3)}).Execute("").Sync(),
        Say().Parse("", select, {20}).BindBinary("", {std::nullopt}).Execute("").Sync()}}};
}

std::vector<Conversation> PipelinesAndTheirEnds() {
  const std::string insert = "INSERT INTO customers(id, name) VALUES ($1, $2)";
  const std::string select = "SELECT id, name FROM customers WHERE id = $1";
  return {
      {"nothing to do",
       {Say().Parse("", "").Bind("", "", {}).Describe('P', "").Execute("").Sync(),
        Say().Sync(),
        Say().Parse("", " ; ").Bind("", "", {}).Execute("").Sync(),
        Query(" ;; "),
        Query("-- a comment"),
        {Say().Flush() + Say().Sync()}}},
      {"a pipeline of writes is one transaction",
       {Say()
            .Parse("", insert, {20, 25})
            .Bind("", "", {"90", "a"})
            .Execute("")
            .Bind("", "", {"1", "b"})
            .Execute("")
            .Sync(),
        Query("SELECT count(*) FROM customers WHERE id = 90")},
       false},
      {"several pipelines at once",
       {Say().Parse("", select, {20}).Bind("", "", {"1"}).Execute("").Sync(),
        {Say().Query("BEGIN").Sync(), 0},
        Say().Parse("", "ROLLBACK").Bind("", "", {}).Execute("").Sync()}},
      {"portals are closed and used again",
       {Query("BEGIN"),
        Say()
            .Parse("", "SELECT generate_series(1, 4)")
            .Bind("c", "", {})
            .Execute("c", 1)
            .Close('P', "c")
            .Execute("c")
            .Sync(),
        Query("ROLLBACK"), Query("BEGIN"),
        Say().Parse("", "SELECT 1 AS a").Bind("c", "", {}).Bind("c", "", {}).Sync(),
        Query("SELECT 1"), Query("ROLLBACK"),
        Say()
            .Parse("", "SELECT generate_series(1, 3)")
            .Bind("", "", {})
            .Execute("", 2)
            .Execute("", 2)
            .Sync(),
        Say().Execute("").Sync()}},
      {"a Query drops the unnamed statement",
       {Say().Parse("", select, {20}).Sync(), Query("SELECT 1"), Say().Bind("", "", {"1"}).Sync()}},
      {"transactions in pipelines",
       {Say()
            .Parse("", "BEGIN")
            .Bind("", "", {})
            .Execute("")
            .Parse("", insert, {20, 25})
            .Bind("", "", {"92", "a"})
            .Execute("")
            .Parse("", "COMMIT")
            .Bind("", "", {})
            .Execute("")
            .Sync(),
        Query("SELECT name FROM customers WHERE id = 92"),
        Say()
            .Parse("", "BEGIN")
            .Bind("", "", {})
            .Execute("")
            .Parse("", insert, {20, 25})
            .Bind("", "", {"1", "a"})
            .Execute("")
            .Sync(),
        Say().Parse("", select, {20}).Sync(), Query("ROLLBACK")}},
      {"values for several shards",
       {Say()
            .Parse("",
                   "INSERT INTO customers(id, name) VALUES ($1, 'a'), ($2, 'b'), ($3, $4) "
                   "RETURNING id",
                   {20, 20, 20, 25})
            .Bind("", "", {"61", "62", "63", "c"})
            .Describe('P', "")
            .Execute("")
            .Sync(),
        Say()
            .Parse("", "SELECT id FROM customers WHERE id > $2 ORDER BY id LIMIT $1", {20, 20})
            .Bind("", "", {"2", "60"})
            .Execute("")
            .Sync(),
        Say()
            .Parse("", "SELECT id, name FROM customers ORDER BY name || 'x', id LIMIT $1", {20})
            .Bind("", "", {"3"}, {1, 0})
            .Describe('P', "")
            .Execute("")
            .Sync(),
        Say()
            .Parse("", "SELECT count(*), avg(id) FROM customers WHERE id <> $1", {20})
            .Bind("", "", {"1"}, {1, 0})
            .Describe('P', "")
            .Execute("")
            .Sync(),
        Say()
            .Parse("", "UPDATE customers SET name = $1 WHERE id > $2 RETURNING 5", {25, 20})
            .Bind("", "", {"x", "60"})
            .Describe('P', "")
            .Execute("")
            .Sync(),
        Say()
            .Parse("", "SELECT count(*) FROM customers WHERE name = $1", {25})
            .Bind("", "", {"x"})
            .Execute("")
            .Sync()}},
      {"64k parameters", {ManyParameters(), Query("SELECT 1")}},
  };
}

std::vector<Conversation> Copies() {
  const std::string into = "COPY customers(id, name) FROM STDIN";
  return {
      {"copy in",
       {{Query(into), 1},
        CopyData("11\tone\n12\ttwo\n") + CopyEnd(),
        {Query(into), 1},
        CopyData("13\tth") + CopyData("ree\n14\t\\N\n") + CopyEnd(),
        {Query(into + " (FORMAT csv)"), 1},
        CopyData("15,\"a \"\"b\"\"\"\n") + CopyEnd(),
        Query("SELECT id, name FROM customers WHERE id = 15"),
        Query("SELECT count(*) FROM customers")}},
      {"copy in nothing", {{Query(into), 1}, CopyEnd(), Query("SELECT 1")}},
      {"copy in that the client ends",
       {{Query(into), 1},
        CopyData("21\tone\n") + CopyEnd("no more"),
        Query("SELECT count(*) FROM customers WHERE id = 21")}},
      {"copy in of a key that is there",
       {{Query(into), 1},
        CopyData("22\ta\n1\tb\n") + CopyEnd(),
        Query("SELECT count(*) FROM customers WHERE id = 22")}},
      {"copy in inside a transaction",
       {Query("BEGIN"),
        {Query(into), 1},
        CopyData("23\ta\n") + CopyEnd(),
        Query("ROLLBACK"),
        Query("SELECT count(*) FROM customers WHERE id = 23")}},
      {"copy out",
       {Query("COPY (SELECT 1, 'x') TO STDOUT"),
        Query("COPY (SELECT id FROM customers WHERE id = 1) TO STDOUT CSV"),
        Query("COPY (SELECT 1/0) TO STDOUT"), Query("COPY (SELECT no_such) TO STDOUT"),
        Say().Parse("", "COPY (SELECT 2) TO STDOUT").Bind("", "", {}).Execute("").Sync()}},
      {"copy messages without a copy", {{CopyData("x") + CopyEnd() + Query("SELECT 1")}}},
  };
}

std::vector<Conversation> Prepared() {
  return {
      {"prepared in SQL",
       {Query("PREPARE get(bigint) AS SELECT id, name FROM customers WHERE id = $1"),
        Query("EXECUTE get(1)"), Query("EXECUTE get('1')"), Query("EXECUTE get(99)"),
        Query("PREPARE get AS SELECT 1"),
        Say().Bind("", "get", {"1"}).Describe('P', "").Execute("").Sync(), Query("DEALLOCATE get"),
        Query("EXECUTE get(1)"), Query("DEALLOCATE get"), Query("DEALLOCATE ALL")}},
      {"prepared writes in SQL",
       {Query("PREPARE put AS INSERT INTO customers(id, name) VALUES ($1, $2)"),
        Query("EXECUTE put(31, 'x')"), Query("EXECUTE put(31, 'y')"),
        Query("EXECUTE put(32, NULL)"), Query("SELECT name FROM customers WHERE id = 31"),
        Query("BEGIN"), Query("EXECUTE put(33, 'z')"), Query("ROLLBACK"),
        Query("SELECT count(*) FROM customers WHERE id = 33")}},
      {"prepared without parameters in SQL",
       {Query("PREPARE one AS SELECT 1 AS one, $1::text AS two"), Query("EXECUTE one('it''s')"),
        Query("EXECUTE one(5)"), Query("EXECUTE one(-5)"), Query("EXECUTE one(true)"),
        Query("EXECUTE one(E'a\\nb')"), Query("PREPARE bad AS SELECT no_such"),
        Query("PREPARE bad AS SELEC"), Query("BEGIN"), Query("PREPARE bad AS SELECT no_such"),
        Query("SELECT 1"), Query("ROLLBACK"), Query("DISCARD ALL"), Query("EXECUTE one('x')")}},
  };
}

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
        Say().Bind("p", "get", {"1"}, {1}).Describe('P', "p").Execute("p").Close('P', "p").Sync(),
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

// Every field but those that name a line of PostgreSQL's sources, the place in the text, which the
// router does not tell of syntax errors that it finds itself, and the context, which counts the
// lines of a COPY that came to the shard.
std::string TraceOfError(const WireMessage& message) {
  std::string trace(1, message.type);
  std::size_t at = 0;
  while (at < message.body.size() && message.body[at] != 0) {
    const char field = message.body[at];
    const std::size_t end = message.body.find('\0', at + 1);
    if (end == std::string::npos) break;
    if (std::string_view("FLRPW").find(field) == std::string_view::npos)
      trace += fmt::format(" {}={}", field, message.body.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return trace + "\n";
}

std::string TraceAll(const std::vector<WireMessage>& messages) {
  std::string trace;
  for (const WireMessage& message : messages) {
    trace += message.type == 'E' || message.type == 'N' ? TraceOfError(message) : Trace({message});
  }
  return trace;
}

// How the client's bytes are cut: in pieces of that many, or once, that far behind the beginning of
// one of a turn's messages.
struct Cut {
  std::size_t piece = 0;
  std::size_t message = 0;
  std::size_t offset = 0;
};

std::size_t BeginOf(std::string_view bytes, std::size_t message) {
  std::size_t at = 0;
  pg::WireFrame frame;
  while (message-- > 0 &&
         pg::NextFrame(bytes.substr(at), 1 << 30, &frame) == pg::WireFrameState::kComplete)
    at += frame.whole.size();
  return at;
}

std::size_t MessagesIn(std::string_view bytes) {
  std::size_t count = 0;
  while (BeginOf(bytes, count) < bytes.size()) ++count;
  return count;
}

Status SendCut(WireClient& client, std::string_view bytes, const Cut& cut) {
  if (cut.offset == 0 && cut.message == 0) return client.Send(bytes, cut.piece);
  const std::size_t at = std::min(BeginOf(bytes, cut.message) + cut.offset, bytes.size());
  if (const Status sent = client.Send(bytes.substr(0, at)); !sent || at == bytes.size())
    return sent;
  return client.Send(bytes.substr(at));
}

std::string Converse(WireClient& client, const Conversation& conversation, const Cut& cut) {
  std::string trace;
  for (const Turn& turn : conversation.turns) {
    EXPECT_TRUE(Good(SendCut(client, turn.bytes, cut)));
    std::vector<WireMessage> answer;
    while (turn.messages == 0 ? answer.empty() || answer.back().type != 'Z'
                              : answer.size() < static_cast<std::size_t>(turn.messages)) {
      auto message = client.Receive();
      EXPECT_TRUE(Good(message)) << conversation.name << " after " << trace << TraceAll(answer);
      if (!message) return trace + TraceAll(answer) + "nothing";
      if (message->type != 'S')
        answer.push_back(std::move(*message));  // Parameters come at any time.
    }
    trace += TraceAll(answer) + "--\n";
  }
  return trace;
}

class RouterDifferential : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    auto bed = RouterBed::Create({.shards = GetParam()});
    ASSERT_TRUE(Good(bed));
    bed_ = std::move(*bed);
    const std::string tables = "CREATE TABLE customers(id bigint PRIMARY KEY, name text)";
    ASSERT_TRUE(Good(bed_->Psql(tables)));
    ASSERT_TRUE(Good(bed_->postgres().Sql("CREATE DATABASE whole OWNER app")));
    auto whole = bed_->DirectTo("whole");
    auto router = bed_->Client();
    ASSERT_TRUE(Good(whole));
    ASSERT_TRUE(Good(router));
    whole_ = std::move(*whole);
    router_ = std::move(*router);
    ASSERT_EQ(FirstError(*whole_->Ask(tables)), "");
  }
  static void Refresh(WireClient& client) {
    ASSERT_EQ(
        FirstError(*client.Ask("TRUNCATE customers; INSERT INTO customers VALUES (1, 'one')")), "");
  }
  void ExpectSame(const std::vector<Conversation>& conversations);
  void ExpectSameCut(const Conversation& conversation, const std::string& wanted, const Cut& cut);

  std::unique_ptr<RouterBed> bed_;
  std::unique_ptr<WireClient> whole_;  // direct, for what surrounds a conversation
  std::unique_ptr<WireClient> router_;
};

void RouterDifferential::ExpectSameCut(const Conversation& conversation, const std::string& wanted,
                                       const Cut& cut) {
  Refresh(*router_);
  auto client = bed_->Client();
  ASSERT_TRUE(Good(client));
  EXPECT_EQ(Converse(**client, conversation, cut), wanted)
      << conversation.name << ", pieces of " << cut.piece << ", cut " << cut.offset
      << " bytes behind message " << cut.message;
}

void RouterDifferential::ExpectSame(const std::vector<Conversation>& conversations) {
  for (const Conversation& conversation : conversations) {
    if (GetParam() > 1 && !conversation.any_shards) continue;
    Refresh(*whole_);
    auto direct = bed_->DirectTo("whole");
    ASSERT_TRUE(Good(direct));
    const std::string wanted = Converse(**direct, conversation, {});
    ExpectSameCut(conversation, wanted, {});
    std::size_t longest = 0;
    std::size_t messages = 0;
    for (const Turn& turn : conversation.turns) {
      longest = std::max(longest, turn.bytes.size());
      messages = std::max(messages, MessagesIn(turn.bytes));
    }
    if (longest > 10'000 || HasFailure()) continue;
    for (const std::size_t piece : {1UL, 7UL})
      ExpectSameCut(conversation, wanted, {.piece = piece});
    if (GetParam() > 1) continue;  // The cuts of one shard are those of four.
    for (std::size_t message = 0; message < messages; ++message) {
      // Between messages, and inside the length of one.
      for (const std::size_t offset : {0UL, 3UL}) {
        if (message + offset > 0)
          ExpectSameCut(conversation, wanted, {.message = message, .offset = offset});
      }
    }
  }
}

TEST_P(RouterDifferential, SaysWhatPostgresSays) { ExpectSame(Conversations()); }
TEST_P(RouterDifferential, SaysWhatPostgresSaysInPipelines) { ExpectSame(Pipelines()); }
TEST_P(RouterDifferential, SaysWhatPostgresSaysAtTheEndsOfPipelines) {
  ExpectSame(PipelinesAndTheirEnds());
}
TEST_P(RouterDifferential, SaysWhatPostgresSaysWhileCopying) { ExpectSame(Copies()); }
TEST_P(RouterDifferential, SaysWhatPostgresSaysOfStatementsPreparedInSql) {
  ExpectSame(Prepared());
}

INSTANTIATE_TEST_SUITE_P(OneShardAndFour, RouterDifferential, testing::Values(1, 4));

}  // namespace
}  // namespace foreshard::router

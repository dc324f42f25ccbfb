#include "tests/integration/router/conversations.h"

#include <fmt/format.h>

#include <optional>

#include "pg/wire_writer.h"

namespace foreshard::router {
namespace {

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
  Say& Run(std::string_view sql, const std::vector<std::int32_t>& types,
           const std::vector<std::string>& values, std::int32_t rows = 0) {
    return Parse("", sql, types).Bind("", "", values).Execute("", rows);
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

}  // namespace

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
        Say().Run(select, {20}, {"1"}).Sync()}},
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
       {Say().Run(insert, {20, 25}, {"90", "a"}).Bind("", "", {"1", "b"}).Execute("").Sync(),
        Query("SELECT count(*) FROM customers WHERE id = 90")},
       false},
      {"several pipelines at once",
       {Say().Run(select, {20}, {"1"}).Sync(),
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
            .Run(insert, {20, 25}, {"92", "a"})
            .Parse("", "COMMIT")
            .Bind("", "", {})
            .Execute("")
            .Sync(),
        Query("SELECT name FROM customers WHERE id = 92"),
        Say()
            .Parse("", "BEGIN")
            .Bind("", "", {})
            .Execute("")
            .Run(insert, {20, 25}, {"1", "a"})
            .Sync(),
        Say().Parse("", select, {20}).Sync(), Query("ROLLBACK")}}};
}

std::vector<Conversation> ValuesForShards() {
  return {
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
            .Run("SELECT id FROM customers WHERE id > $2 ORDER BY id LIMIT $1", {20, 20},
                 {"2", "60"})
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
        Say().Run("SELECT count(*) FROM customers WHERE name = $1", {25}, {"x"}).Sync()}},
      {"row limits over several shards",
       {Query("BEGIN"),
        Say()
            .Run("INSERT INTO customers(id, name) VALUES (81, 'a'), (82, 'b'), (83, 'c') "
                 "RETURNING id",
                 {}, {}, 2)
            .Sync(),
        Say().Execute("", 2).Sync(),
        Say().Run("UPDATE customers SET name = 'x' WHERE id > 80", {}, {}, 1).Sync(),
        Say().Run("DELETE FROM customers WHERE id > 80 RETURNING name", {}, {}, 1).Sync(),
        Say().Execute("", 1).Execute("").Sync(), Query("COMMIT"),
        Say().Run("INSERT INTO customers(id) VALUES (81), (82), (83)", {}, {}, 1).Sync(),
        Query("SELECT count(*) FROM customers WHERE id > 80")}},
      {"64k parameters", {ManyParameters(), Query("SELECT 1")}},
  };
}

std::vector<Conversation> Copies() {
  const std::string into = "COPY customers(id, name) FROM STDIN";
  return {
      {"copy out", {Query("COPY (SELECT 1, 'x') TO STDOUT")}},
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
            .Run(select, {20}, {"1"})
            .Parse("", "SELECT no_such")
            .Bind("", "", {})
            .Execute("")
            .Parse("", select)
            .Bind("", "", {"1"})
            .Execute("")
            .Sync(),
        Say().Run(select, {20}, {"1"}).Sync()}},
      {"portals in a transaction",
       {Query("BEGIN"),
        Say().Parse("", "SELECT generate_series(1, 5)").Bind("c", "", {}).Execute("c", 2).Sync(),
        Say().Execute("c", 2).Sync(), Say().Execute("c").Sync(), Say().Close('P', "c").Sync(),
        Query("COMMIT")}},
      {"extended transaction",
       {Say().Parse("", "BEGIN").Bind("", "", {}).Describe('P', "").Execute("").Sync(),
        Say().Run(insert, {20, 25}, {"80", "x"}).Sync(),
        Say().Parse("", "ROLLBACK").Bind("", "", {}).Execute("").Sync(),
        Query("SELECT id FROM customers WHERE id = 80")}},
      {"errors of names",
       {Say().Bind("", "nothing", {}).Sync(), Say().Execute("nothing").Sync(),
        Say().Describe('P', "nothing").Sync(),
        Say().Close('S', "nothing").Close('P', "nothing").Sync(), Say().Sync()}},
      {"settings",
       {Query("SET work_mem = '5MB'"), Query("SHOW work_mem"), Query("SET no_such = 1"),
        Query("RESET work_mem"), Query("SHOW work_mem")}},
      {"large",
       {Query("SELECT repeat('x', 200000)"), Query("SELECT '" + std::string(100'000, 'y') + "'")}},
  };
}

}  // namespace foreshard::router

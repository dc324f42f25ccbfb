#include "tests/integration/router/server_states.h"

#include <fmt/format.h>

#include <iterator>

namespace foreshard::router {
namespace {

std::string Query(std::string_view sql) {
  std::string out;
  pg::AppendQuery(&out, sql);
  return out;
}
std::string Parse(std::string_view sql, std::string_view name = "") {
  std::string out;
  pg::AppendParse(&out, name, sql, {});
  return out;
}
std::string Bind(std::string_view statement = "") {
  std::string out;
  pg::WireWriter(&out, 'B').String("").String(statement).Int16(0).Int16(0).Int16(0).End();
  return out;
}
std::string Execute(std::int32_t rows = 0) {
  std::string out;
  pg::WireWriter(&out, 'E').String("").Int32(rows).End();
  return out;
}
std::string Only(char type) {
  std::string out;
  pg::AppendEmpty(&out, type);
  return out;
}
std::string Describe(char kind) {
  std::string out;
  pg::AppendDescribe(&out, kind, "");
  return out;
}
std::string Rows(const std::string& lines) {
  std::string out;
  pg::WireWriter(&out, 'd').Bytes(lines).End();
  return out;
}
const std::string kSync = Only('S');
const std::string kFlush = Only('H');

std::string Increment(std::int64_t key) {
  return fmt::format("UPDATE customers SET v = v + 1 WHERE id = {}", key);
}
std::string Read(std::int64_t key) {
  return fmt::format("SELECT id FROM customers WHERE id = {}", key);
}

std::vector<ServerState> SimpleStates(const StateKeys& keys) {
  const std::string write = Increment(keys.first);
  const std::string read = Read(keys.first);
  return {
      {.name = "idle, then a read",
       .before = {{Query(read)}},
       .after = Query(read),
       .outcome = Outcome::kWorks},
      {.name = "idle, then a write",
       .before = {{Query(read)}},
       .after = Query(write),
       .sum_if_done = 1},
      {.name = "idle with settings",
       .before = {{Query("SET work_mem = '7MB'")}, {Query(read)}},
       .after = Query("SHOW work_mem"),
       .outcome = Outcome::kWorks},
      {.name = "idle with a statement prepared in SQL",
       .before = {{Query("PREPARE p AS " + read)}, {Query("EXECUTE p")}},
       .after = Query("EXECUTE p"),
       .outcome = Outcome::kWorks},
      {.name = "in a write",
       .before = {{Query(write), Until::kBlocked}},
       .after = {},
       .sum_if_done = 1},
      {.name = "in a read",
       .before = {{Query(read), Until::kBlocked}},
       .after = {},
       .outcome = Outcome::kWorks},
      {.name = "in a read over shards",
       .before = {{Query("SELECT count(*) FROM customers"), Until::kBlocked}},
       .after = {}},  // The other shard may have described the rows.
      {.name = "in a write over shards",
       .before = {{Query("UPDATE customers SET v = v + 1"), Until::kBlocked}},
       .after = {},
       .sum_if_done = 2},
      {.name = "in a statement of several",
       .before = {{Query(write + "; " + write), Until::kBlocked}},
       .after = {},
       .sum_if_done = 2},
      {.name = "in the answer of a long read",
       .before = {{Query("SELECT repeat('x', 1000) FROM generate_series(1, 50000)"),
                   Until::kMessages, 2}},
       .after = {},
       .outcome = Outcome::kFails,
       .may_close = true},
  };
}

std::vector<ServerState> ExtendedStates(const StateKeys& keys) {
  const std::string write = Increment(keys.first);
  const std::string read = Read(keys.first);
  const std::string all = Parse(write) + Bind() + Execute();
  return {
      {.name = "prepared, then used",
       .before = {{Parse(read, "s") + Bind("s") + Execute() + kSync}},
       .after = Bind("s") + Execute() + kSync,
       .outcome = Outcome::kWorks},
      {.name = "in Parse",
       .before = {{Parse(read) + Describe('S') + kFlush, Until::kBlocked}},
       .after = kSync},
      {.name = "in a Describe over shards",
       .before = {{Parse("SELECT id, name FROM customers") + Describe('S') + kSync,
                   Until::kBlocked}},
       .after = {}},
      {.name = "parsed",
       .before = {{Parse(write) + Describe('S') + kFlush, Until::kMessages, 3}},
       .after = Bind() + Execute() + kSync,
       .sum_if_done = 1},
      {.name = "bound",
       .before = {{Parse(write) + Bind() + kFlush, Until::kMessages, 2}},
       .after = Execute() + kSync,
       .sum_if_done = 1},
      {.name = "executed and not synced",
       .before = {{all + kFlush, Until::kMessages, 3}},
       .after = kSync,
       .outcome = Outcome::kFails,
       .sum_if_done = 1},
      {.name = "in Execute",
       .before = {{all + kSync, Until::kBlocked}},
       .after = {},
       .sum_if_done = 1},
      {.name = "in Execute, Sync to come",
       .before = {{all + kFlush, Until::kBlocked}},
       .after = kSync,
       .sum_if_done = 1},
      {.name = "in the first of two pipelines",
       .before = {{all + kSync + all + kSync, Until::kBlocked}},
       .after = {},
       .sum_if_done = 2,
       .readies = 2,
       .in_part = true},
      {.name = "in a pipeline of two shards",
       .before = {{Query("BEGIN")},
                  {all + Parse(Increment(keys.second)) + Bind() + Execute() + kSync,
                   Until::kBlocked}},
       .after = {}},
      {.name = "a portal suspended",
       .before = {{Query("BEGIN")},
                  {Parse("SELECT generate_series(1, 9)") + Bind() + Execute(2) + kSync}},
       .after = Execute(2) + kSync,
       .outcome = Outcome::kFails},
      {.name = "a portal suspended and not synced",
       .before = {{Parse("SELECT generate_series(1, 9)") + Bind() + Execute(2) + kFlush,
                   Until::kMessages, 5}},
       .after = Execute() + kSync,
       .outcome = Outcome::kFails},
      {.name = "a portal over shards suspended",
       .before = {{Query("BEGIN")},
                  {Parse("SELECT id FROM customers ORDER BY id") + Bind() + Execute(1) + kSync}},
       .after = Execute() + kSync},
  };
}

std::vector<ServerState> TransactionStates(const StateKeys& keys) {
  const std::string write = Increment(keys.first);
  const StateTurn begin{Query("BEGIN")};
  const StateTurn wrote{Query(write)};
  const StateTurn wrote_there{Query(Increment(keys.second))};
  return {
      {.name = "begun only",
       .before = {begin},
       .after = Query(Read(keys.first)),
       .outcome = Outcome::kWorks},
      {.name = "in a transaction, then COMMIT",
       .before = {begin, wrote},
       .after = Query("COMMIT"),
       .outcome = Outcome::kFails},
      {.name = "in a transaction, then a write",
       .before = {begin, wrote},
       .after = Query(write),
       .outcome = Outcome::kFails},
      {.name = "in a transaction, then ROLLBACK",
       .before = {begin, wrote},
       .after = Query("ROLLBACK"),
       .outcome = Outcome::kWorks},
      {.name = "in a transaction over shards, then COMMIT",
       .before = {begin, wrote, wrote_there},
       .after = Query("COMMIT"),
       .outcome = Outcome::kFails},
      {.name = "in a failed transaction",
       .before = {begin, wrote, {Query("SELECT 1/0"), Until::kReady, 0, "22012"}},
       .after = Query("ROLLBACK"),
       .outcome = Outcome::kWorks},
      {.name = "behind a savepoint",
       .before = {begin, wrote, {Query("SAVEPOINT a")}},
       .after = Query("ROLLBACK TO a"),
       .outcome = Outcome::kFails},
      {.name = "with a cursor",
       .before = {begin,
                  {Query("DECLARE c CURSOR FOR SELECT generate_series(1, 9)")},
                  {Query("FETCH 2 FROM c")}},
       .after = Query("FETCH 2 FROM c"),
       .outcome = Outcome::kFails},
      {.name = "in a statement of a transaction",
       .before = {begin, {Query(Read(keys.second))}, {Query(write), Until::kBlocked}},
       .after = {},
       .outcome = Outcome::kFails},
  };
}

std::vector<ServerState> CopyStates(const StateKeys& keys) {
  const std::string into = "COPY customers(id, name, v) FROM STDIN";
  const std::string row = Rows(fmt::format("{}\tx\t1\n", keys.first + 1'000'000));
  const StateTurn opened{Query(into), Until::kMessages, 1};
  std::string rows;
  for (int i = 0; i < 100; ++i) rows += fmt::format("{}\tx\t1\n", 2'000'000 + i);
  return {
      {.name = "in COPY in, nothing said",
       .before = {opened},
       .after = row + Only('c'),
       .sum_if_done = 1},
      {.name = "in COPY in",
       .before = {opened, {Rows(rows), Until::kMessages, 0}},
       .after = row + Only('c'),
       .sum_if_done = 101},
      {.name = "in COPY in, its end said",
       .before = {{Query(into), Until::kMessages, 1}, {Rows(rows) + Only('c'), Until::kReady}},
       .after = Query(Read(keys.first)),
       .outcome = Outcome::kWorks,
       .sum_if_done = 100},
      {.name = "in COPY in of a transaction",
       .before = {{Query("BEGIN")}, opened, {Rows(rows), Until::kMessages, 0}},
       .after = row + Only('c'),
       .outcome = Outcome::kFails},
      {.name = "in COPY out",
       .before = {{Query("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 50000)) TO "
                         "STDOUT"),
                   Until::kMessages, 2}},
       .after = {},
       .outcome = Outcome::kFails,
       .may_close = true},
  };
}

}  // namespace

std::vector<ServerState> ServerStates(const StateKeys& keys) {
  std::vector<ServerState> states = SimpleStates(keys);
  for (auto more : {ExtendedStates(keys), TransactionStates(keys), CopyStates(keys)})
    std::move(more.begin(), more.end(), std::back_inserter(states));
  return states;
}

bool IsTrueWord(std::string_view sqlstate) {
  for (const char* word : {"", "08006", "08007", "40001", "25P02", "closed"}) {
    if (sqlstate == word) return true;
  }
  return false;
}

bool MayHaveHappened(std::string_view sqlstate) {
  return sqlstate == "08006" || sqlstate == "08007";
}

}  // namespace foreshard::router

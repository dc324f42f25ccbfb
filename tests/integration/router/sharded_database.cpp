#include "tests/integration/router/sharded_database.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/unit/router/merge_world.h"

namespace foreshard::router {

namespace {

constexpr const char* kSchema = R"(
CREATE TABLE customers (
  id bigint PRIMARY KEY, name text, country int, at timestamptz, total numeric, score int);
CREATE TABLE orders (
  customer_id bigint, id bigint, total numeric(12, 2), country int, note text, ok boolean);
CREATE TABLE countries (id int PRIMARY KEY, name text);)";

std::vector<std::string> Lines(const pg::Rows& rows) {
  std::vector<std::string> lines;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    std::string line;
    for (std::size_t column = 0; column < rows.columns(); ++column) {
      line += (column == 0 ? "" : "|") + rows.Cell(row, column).value_or("∅");
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

TestRow RowOf(const pg::Rows& rows, std::size_t row) {
  TestRow cells;
  for (std::size_t column = 0; column < rows.columns(); ++column)
    cells.push_back(rows.Cell(row, column));
  return cells;
}

std::string CustomerSql(Random& random, std::int64_t id) {
  const bool known = random.Chance(0.9);
  return fmt::format(
      "INSERT INTO customers (id, name, country, at, total, score) VALUES ({}, {}, {}, '{}', {}, "
      "{})",
      id, known ? fmt::format("'{}{}'", "aBcD"[random.Below(4)], random.Below(9)) : "NULL",
      random.Below(5),
      fmt::format("2024-0{}-0{} 0{}:00:00+0{}", 1 + random.Below(9), 1 + random.Below(9),
                  random.Below(9), random.Below(5)),
      random.Chance(0.8) ? fmt::format("{}.{}", random.Between(-50, 50), random.Below(1000))
                         : "NULL",
      random.Between(-20, 20));
}

std::string OrderSql(Random& random, std::int64_t id) {
  return fmt::format(
      "INSERT INTO orders (customer_id, id, total, country, note, ok) VALUES ({}, {}, {}, {}, {}, "
      "{})",
      random.Between(1, 60), id, static_cast<double>(random.Below(10'000)) / 100.0, random.Below(5),
      random.Chance(0.7) ? fmt::format("'n{}'", random.Below(6)) : "NULL",
      random.Chance(0.5) ? "true" : "false");
}

}  // namespace

Result<std::unique_ptr<ShardedDatabase>> ShardedDatabase::Create() {
  auto database = std::make_unique<ShardedDatabase>();
  support::PostgresOptions options;
  options.initdb = {"--locale=C.UTF-8", "--encoding=UTF8"};
  Result<std::unique_ptr<support::PostgresServer>> server =
      support::PostgresServer::Create(options);
  if (!server) return server.error();
  database->server_ = std::move(*server);
  const auto connect = [&](const std::string& name) -> Result<std::unique_ptr<pg::Connection>> {
    const Result<std::string> created = database->server_->Sql("CREATE DATABASE " + name);
    if (!created) return created.error();
    auto connection = pg::Connection::Connect({.conninfo = database->server_->Conninfo(name)},
                                              database->clock_, database->Soon());
    if (!connection) return connection.error();
    const Result<pg::Rows> schema = (*connection)->Exec(kSchema, database->Soon());
    if (!schema) return schema.error();
    return connection;
  };
  Result<std::unique_ptr<pg::Connection>> whole = connect("whole");
  if (!whole) return whole.error();
  database->whole_ = std::move(*whole);
  for (int i = 0; i < 4; ++i) {
    Result<std::unique_ptr<pg::Connection>> shard = connect(fmt::format("shard{}", i));
    if (!shard) return shard.error();
    database->shards_.push_back(std::move(*shard));
  }
  if (const Status filled = database->Fill(); !filled) return filled.error();
  return database;
}

Status ShardedDatabase::Fill() {
  Random random(7);
  std::vector<std::string> statements;
  for (int id = 0; id < 5; ++id) {
    statements.push_back(fmt::format("INSERT INTO countries VALUES ({}, 'c{}')", id, id % 3));
  }
  for (int id = 1; id <= 60; ++id) statements.push_back(CustomerSql(random, id));
  for (int id = 1; id <= 300; ++id) statements.push_back(OrderSql(random, id));
  for (const std::string& sql : statements) {
    for (const Result<Answer>& answer : {AskWhole(sql), AskShards(sql)}) {
      if (!answer) return answer.error();
      if (answer->refused) return Error::GiveUp(sql + ": " + answer->refused->message);
    }
  }
  const Result<pg::Rows> collation = whole_->Exec(kCollationQuery, Soon());
  if (!collation) return collation.error();
  text_orders_as_bytes = collation->Bool(0, 0);
  return Ok();
}

Status ShardedDatabase::StartMove() {
  model::RoutingTable table = world.table->table();
  table.moving = {{"m", {1}, {"40", "80"}, {}}};  // owned by shard 1; its copies go to shard 2
  for (const std::string name : {"customers", "orders"}) {
    const std::string column = name == "customers" ? "id" : "customer_id";
    const Result<pg::Rows> rows =
        shards_[1]->Exec(fmt::format("SELECT t::text FROM {} t", name), Soon());
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const Result<pg::Rows> copied =
          shards_[2]->Exec(fmt::format("INSERT INTO {0} SELECT (x).* FROM (SELECT {1}::{0} AS x) s",
                                       name, pg::QuoteLiteral(rows->Text(i, 0))),
                           Soon());
      if (!copied) return copied.error();
    }
  }
  world.table = Compiled(std::move(table));
  return Ok();
}

Result<Answer> ShardedDatabase::AskWhole(const std::string& sql) {
  const Result<pg::Rows> rows = whole_->Exec(sql, Soon());
  if (!rows) return rows.error();
  return Answer{std::nullopt, Lines(*rows), std::to_string(rows->affected())};
}

// Types come from a view made of the statement: pg::Connection does not tell them.
Result<std::string> ShardedDatabase::DescriptionOf(pg::Connection& shard, const std::string& text,
                                                   std::size_t columns) {
  std::string names;
  for (std::size_t i = 0; i < columns; ++i) names += fmt::format("{}c{}", i == 0 ? "" : ", ", i);
  const Result<pg::Rows> made =
      shard.Exec(fmt::format("CREATE TEMP VIEW probe ({}) AS {}", names, text), Soon());
  if (!made) return made.error();
  const Result<pg::Rows> types = shard.Exec(
      "SELECT atttypid FROM pg_attribute WHERE attrelid = 'probe'::regclass AND attnum > 0 ORDER "
      "BY attnum",
      Soon());
  if (!types) return types.error();
  const Result<pg::Rows> dropped = shard.Exec("DROP VIEW probe", Soon());
  if (!dropped) return dropped.error();
  std::vector<TestColumn> described;
  for (std::size_t i = 0; i < types->size(); ++i) {
    described.push_back({fmt::format("c{}", i), static_cast<std::uint32_t>(types->Int(i, 0))});
  }
  return Description(described);
}

Result<Answer> ShardedDatabase::AskShards(const std::string& sql) {
  const World::Routed routed = world.Go(sql);
  const RouteDecision& decision = routed.decision;
  if (decision.kind == RouteKind::kRefused) return Answer{decision.refusal, {}, ""};
  if (decision.kind == RouteKind::kOneShard || decision.kind == RouteKind::kAnyShard) {
    const std::uint32_t shard = decision.kind == RouteKind::kAnyShard ? 3 : decision.parts[0].shard;
    const Result<pg::Rows> rows = shards_[shard]->Exec(sql, Soon());
    if (!rows) return rows.error();
    return Answer{std::nullopt, Lines(*rows), std::to_string(rows->affected())};
  }
  return routed.statement->writes ? Write(routed) : Merge(routed);
}

Result<Answer> ShardedDatabase::Merge(const World::Routed& routed) {
  const RouteDecision& decision = routed.decision;
  MergeOptions options;
  options.shards = decision.parts.size();
  options.limit = decision.limit;
  options.offset = decision.offset;
  options.text_orders_as_bytes = text_orders_as_bytes;
  Merger merger(decision.merge, options);
  std::string out;
  const auto refused = [](const Status& status) {
    return Answer{Refusal{status.error().code, status.error().message, ""}, {}, ""};
  };
  for (std::size_t i = 0; i < decision.parts.size(); ++i) {
    const RoutePart& part = decision.parts[i];
    const std::string text = part.text.empty() ? routed.text : part.text;
    const Result<pg::Rows> rows = shards_[part.shard]->Exec(text, Soon());
    if (!rows) return Error::GiveUp(text + ": " + rows.error().message);
    const Result<std::string> description =
        DescriptionOf(*shards_[part.shard], text, rows->columns());
    if (!description) return description.error();
    if (const Status taken = merger.RowDescription(i, *description); !taken) return refused(taken);
    for (std::size_t row = 0; row < rows->size(); ++row) {
      if (const Status taken = merger.DataRow(i, RowBody(RowOf(*rows, row))); !taken)
        return refused(taken);
    }
    if (const Status taken = merger.Done(i, "SELECT"); !taken) return refused(taken);
    if (const Status taken = merger.Take(out); !taken) return refused(taken);
  }
  std::vector<std::string> lines = ReadMessages(out);
  if (!lines.empty()) lines.erase(lines.begin());  // the description
  return Answer{std::nullopt, std::move(lines), ""};
}

Result<Answer> ShardedDatabase::Write(const World::Routed& routed) {
  const RouteDecision& decision = routed.decision;
  Answer answer;
  std::int64_t affected = 0;
  std::vector<std::vector<std::uint32_t>> order;
  for (const RoutePart& part : decision.parts) order.push_back(part.rows);
  RowInterleaver interleaver(order);
  for (std::size_t i = 0; i < decision.parts.size(); ++i) {
    const RoutePart& part = decision.parts[i];
    const std::string text = part.text.empty() ? routed.text : part.text;
    const Result<pg::Rows> rows = shards_[part.shard]->Exec(text, Soon());
    if (!rows) return Error::GiveUp(text + ": " + rows.error().message);
    affected =
        decision.kind == RouteKind::kAllShards ? rows->affected() : affected + rows->affected();
    for (std::size_t row = 0; row < rows->size(); ++row) {
      if (decision.rows_in_order) interleaver.DataRow(i, RowBody(RowOf(*rows, row)));
    }
    if (!decision.rows_in_order) {
      const std::vector<std::string> lines = Lines(*rows);
      answer.rows.insert(answer.rows.end(), lines.begin(), lines.end());
    }
  }
  std::string out;
  interleaver.Take(out);
  if (decision.rows_in_order) answer.rows = ReadMessages(out);
  answer.tag = std::to_string(affected);
  return answer;
}

Result<std::vector<std::string>> ShardedDatabase::OwnedRows(const std::string& table,
                                                            const std::string& column) {
  std::vector<std::string> all;
  for (std::uint32_t shard = 0; shard < shards_.size(); ++shard) {
    const std::string foreign = world.table->ForeignRows(shard, column);
    const Result<pg::Rows> rows = shards_[shard]->Exec(
        fmt::format("SELECT * FROM {} WHERE NOT ({})", table, foreign.empty() ? "false" : foreign),
        Soon());
    if (!rows) return rows.error();
    for (const std::string& line : Lines(*rows)) all.push_back(line);
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace foreshard::router

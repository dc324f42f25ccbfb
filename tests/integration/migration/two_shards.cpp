#include "tests/integration/migration/two_shards.h"

#include <fmt/format.h>

#include <sstream>

#include "migration/shard_schema.h"

namespace foreshard::migration {

namespace {

constexpr const char* kRoles =
    "CREATE ROLE foreshard SUPERUSER LOGIN PASSWORD 'foreshard';"
    "CREATE ROLE app LOGIN PASSWORD 'app';"
    "CREATE DATABASE app OWNER app;";

constexpr const char* kSchema = "ALTER SCHEMA public OWNER TO app;";

constexpr const char* kTables =
    "SET ROLE app;"
    "CREATE TABLE customers (id bigint PRIMARY KEY, name text, v bigint NOT NULL DEFAULT 0, pad "
    "text);"
    "CREATE TABLE orders (customer_id bigint NOT NULL REFERENCES customers, id bigint NOT NULL, "
    "v bigint NOT NULL DEFAULT 0, pad text, made timestamptz DEFAULT '2026-01-01', price numeric, "
    "PRIMARY KEY (customer_id, id));"
    "CREATE INDEX orders_made ON orders (made);"
    "CREATE SEQUENCE order_number;";

}  // namespace

Result<std::unique_ptr<TwoShards>> TwoShards::Make(const Options& options) {
  auto shards = std::make_unique<TwoShards>();
  for (const Side side : {Side::kSource, Side::kDestination}) {
    Result<std::unique_ptr<support::PostgresServer>> server =
        support::PostgresServer::Create({.settings = options.settings});
    if (!server) return server.error();
    (side == Side::kSource ? shards->source_ : shards->destination_) = std::move(*server);
    const Status prepared =
        shards->Prepare(side, side == Side::kSource || options.tables_on_destination);
    if (!prepared) return prepared.error();
  }
  return shards;
}

Status TwoShards::Prepare(Side side, bool tables) {
  // One statement a call: CREATE DATABASE takes no company.
  std::string_view rest = kRoles;
  while (!rest.empty()) {
    const std::size_t end = rest.find(';') + 1;
    const Result<std::string> made = server(side).Sql(rest.substr(0, end));
    if (!made) return made.error();
    rest.remove_prefix(end);
  }
  const Result<std::string> made =
      server(side).Sql(std::string(kSchema) + (tables ? kTables : ""), "app");
  if (!made) return made.error();
  return InstallShardSchema(*Connect(side), Soon());
}

MigrationSpec TwoShards::Spec() const {
  MigrationSpec spec;
  spec.name = "split";
  spec.name_space = "shop";
  spec.uid = "uid-7";
  spec.shard_set = "orders";
  spec.number = {7};
  spec.type = MigrationType::kSplit;
  spec.source = {"s-aaaa"};
  spec.destination = {"s-bbbb"};
  spec.range = {"40", "80"};
  spec.tables = {{"public.customers", "id"}, {"public.orders", "customer_id"}};
  spec.epoch = {12};
  return spec;
}

std::string TwoShards::ErrorsOf(Side side) const {
  std::istringstream log((side == Side::kSource ? source_ : destination_)->Log());
  std::string errors;
  for (std::string line; std::getline(log, line);) {
    const bool wanted = line.find("ERROR:") != std::string::npos ||
                        line.find("CONTEXT:") != std::string::npos ||
                        line.find("FATAL:") != std::string::npos;
    if (wanted && line.find("takes no writes") == std::string::npos) errors += line + "\n";
  }
  return errors;
}

std::string TwoShards::Conninfo(Side side, std::string_view user) const {
  const auto& server = side == Side::kSource ? source_ : destination_;
  return server->Conninfo("app", user, user);
}

Side TwoShards::ServerOf(const model::ShardId& shard) const {
  return shard == Spec().source ? Side::kSource : Side::kDestination;
}

std::unique_ptr<PgShard> TwoShards::Shard(const MigrationSpec& spec, Side side) const {
  return std::make_unique<PgShard>(
      PgShardOptions{.spec = spec,
                     .side = side,
                     .conninfo = Conninfo(ServerOf(ShardOf(spec, side))),
                     .peer_conninfo = Conninfo(ServerOf(PeerOf(spec, side)))},
      clock_);
}

std::unique_ptr<pg::Connection> TwoShards::Connect(Side side, std::string_view user) const {
  auto connection = pg::Connection::Connect({.conninfo = Conninfo(side, user)}, clock_, Soon());
  CHECK(connection.ok(), "no session", connection.ok() ? "" : connection.error().message);
  return std::move(*connection);
}

std::string TwoShards::Sql(Side side, std::string_view sql) const {
  const Result<pg::Rows> rows = Connect(side)->Exec(sql, Soon());
  CHECK(rows.ok(), "SQL failed", sql, rows.ok() ? "" : rows.error().message);
  std::string text;
  for (std::size_t row = 0; row < rows->size(); ++row) {
    if (row > 0) text += '\n';
    text += rows->Cell(row, 0).value_or("NULL");
  }
  return text;
}

}  // namespace foreshard::migration

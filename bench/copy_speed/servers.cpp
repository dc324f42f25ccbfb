#include "bench/copy_speed/servers.h"

#include <fmt/format.h>

#include "migration/shard_schema.h"

namespace foreshard::bench {

using migration::Side;
using namespace std::chrono_literals;

Result<std::unique_ptr<Servers>> Servers::Make(const CopyOptions& options) {
  auto made = std::make_unique<Servers>();
  made->options_ = options;
  for (const Side side : {Side::kSource, Side::kDestination}) {
    auto server =
        support::PostgresServer::Create({.settings = {{"fsync", options.fsync ? "on" : "off"},
                                                      {"shared_buffers", "128MB"},
                                                      {"max_wal_size", "4GB"},
                                                      {"autovacuum", "off"}}});
    if (!server) return server.error();
    made->servers_[side == Side::kSource ? 0 : 1] = std::move(*server);
    if (Status prepared = made->Prepare(side); !prepared) return prepared.error();
  }
  return made;
}

std::string Servers::TableName(int worker) const { return fmt::format("public.items_{}", worker); }

Status Servers::Prepare(Side side) {
  support::PostgresServer& server = *servers_[side == Side::kSource ? 0 : 1];
  for (const char* sql :
       {"CREATE ROLE foreshard SUPERUSER LOGIN PASSWORD 'foreshard'", "CREATE DATABASE app"}) {
    if (const auto done = server.Sql(sql); !done) return done.error();
  }
  auto admin = Connect(side);
  if (!admin) return admin.error();
  if (Status installed = migration::InstallShardSchema(**admin, In(60s)); !installed)
    return installed;
  for (int worker = 0; worker < options_.workers; ++worker) {
    std::string sql = fmt::format(
        "CREATE TABLE {} (id bigint PRIMARY KEY, customer text, amount numeric, made timestamptz, "
        "pad text);",
        TableName(worker));
    if (side == Side::kSource) {
      sql += fmt::format(
          "INSERT INTO {0} SELECT k, md5(k::text), k / 7.0, '2026-01-01'::timestamptz + k * "
          "interval '1 s', repeat('x', 80) FROM generate_series(1::bigint, {1}) k "
          "WHERE hashint8extended(k, 0) < {2}; ANALYZE {0};",
          TableName(worker), options_.rows / options_.workers,
          model::HashOfPosition(*model::ParsePosition("ff")));
    }
    if (const auto done = (*admin)->Exec(sql, In(300s)); !done) return done.error();
  }
  return Ok();
}

migration::MigrationSpec Servers::Spec() const {
  migration::MigrationSpec spec;
  spec.name = "copy";
  spec.name_space = "bench";
  spec.uid = "bench";
  spec.shard_set = "bench";
  spec.number = {7};
  spec.source = {"s-aaaa"};
  spec.destination = {"s-bbbb"};
  spec.range = {"", "ff"};
  for (int worker = 0; worker < options_.workers; ++worker)
    spec.tables.push_back({TableName(worker), "id"});
  spec.epoch = {1};
  return spec;
}

std::string Servers::Conninfo(Side side) const {
  return servers_[side == Side::kSource ? 0 : 1]->Conninfo("app", "foreshard", "foreshard");
}

Result<std::unique_ptr<pg::Connection>> Servers::Connect(Side side) const {
  return pg::Connection::Connect({.conninfo = Conninfo(side)}, clock_, In(20s));
}

Status Servers::Empty() const {
  auto admin = Connect(Side::kDestination);
  if (!admin) return admin.error();
  std::string sql = "SET session_replication_role = replica; DELETE FROM foreshard.chunk_done;";
  for (int worker = 0; worker < options_.workers; ++worker)
    sql += fmt::format("TRUNCATE {};", TableName(worker));
  if (const auto done = (*admin)->Exec(sql, In(60s)); !done) return done.error();
  if (const auto done = (*admin)->Exec("CHECKPOINT", In(60s)); !done) return done.error();
  return Ok();
}

Result<std::int64_t> Servers::RowsOnSecond() const {
  auto admin = Connect(Side::kDestination);
  if (!admin) return admin.error();
  std::int64_t rows = 0;
  for (int worker = 0; worker < options_.workers; ++worker) {
    const auto count =
        (*admin)->Exec(fmt::format("SELECT count(*) FROM {}", TableName(worker)), In(60s));
    if (!count) return count.error();
    rows += count->Int(0, 0);
  }
  return rows;
}

}  // namespace foreshard::bench

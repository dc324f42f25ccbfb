#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "migration/pg_shard.h"
#include "migration/spec.h"
#include "pg/connection.h"
#include "tests/support/postgres_server.h"

namespace foreshard::migration {

// Two PostgreSQL servers as the operator leaves two shards: database `app`, roles `foreshard`
// (superuser) and `app` (owner of the schema public), schema `foreshard` installed, and the group
// public.customers (id), public.orders (customer_id, id).
class TwoShards {
 public:
  struct Options {
    bool tables_on_destination = true;
    std::vector<std::pair<std::string, std::string>> settings = {};
  };

  static Result<std::unique_ptr<TwoShards>> Make(const Options& options);
  static Result<std::unique_ptr<TwoShards>> Make() { return Make(Options{}); }

  // Number 7, hash range 40-80 of a bigint key, from s-aaaa to s-bbbb.
  MigrationSpec Spec() const;

  support::PostgresServer& server(Side side) {
    return side == Side::kSource ? *source_ : *destination_;
  }
  // Lines of the server's log that tell of an error.
  std::string ErrorsOf(Side side) const;
  std::string Conninfo(Side side, std::string_view user = "foreshard") const;
  // Which of the two servers a shard of this name is; a migration back swaps the sides.
  Side ServerOf(const model::ShardId& shard) const;
  std::unique_ptr<PgShard> Shard(const MigrationSpec& spec, Side side) const;
  // A session of role `user`; ends the test when there is none.
  std::unique_ptr<pg::Connection> Connect(Side side, std::string_view user = "foreshard") const;

  Deadline Soon() const { return Deadline::After(clock_, std::chrono::seconds(20)); }
  const Clock& clock() const { return clock_; }

  // SQL as role `foreshard` in database app; one column, rows parted by newlines. Ends the test at
  // an error.
  std::string Sql(Side side, std::string_view sql) const;

 private:
  Status Prepare(Side side, bool tables);

  SystemClock clock_;
  std::unique_ptr<support::PostgresServer> source_;
  std::unique_ptr<support::PostgresServer> destination_;
};

}  // namespace foreshard::migration

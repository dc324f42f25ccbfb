#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "migration/mover_work.h"
#include "tests/support/postgres_server.h"

// Two PostgreSQL servers, made in a temporary folder: rows on the first, empty tables on the
// second.

namespace foreshard::bench {

struct CopyOptions {
  int workers = 2;
  std::int64_t rows = 400'000;  // in all tables
  bool fsync = false;
};

class Servers {
 public:
  static Result<std::unique_ptr<Servers>> Make(const CopyOptions& options);

  // Hash range "" to "ff" of all tables, from the first to the second.
  migration::MigrationSpec Spec() const;
  std::string Conninfo(migration::Side side) const;
  Result<std::unique_ptr<pg::Connection>> Connect(migration::Side side) const;
  // The second server has no row again, and no chunk is done.
  Status Empty() const;
  Result<std::int64_t> RowsOnSecond() const;
  std::string TableName(int worker) const;

  const Clock& clock() const { return clock_; }
  Deadline In(std::chrono::seconds limit) const { return Deadline::After(clock_, limit); }

 private:
  Status Prepare(migration::Side side);

  CopyOptions options_;
  SystemClock clock_;
  std::unique_ptr<support::PostgresServer> servers_[2];
};

}  // namespace foreshard::bench

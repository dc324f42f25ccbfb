#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bench/cutover_flips/proxy.h"
#include "tests/support/postgres_server.h"

// The servers of one shard and the address under which everybody knows them.

namespace foreshard::bench {

// A primary alone, which comes back when it was killed, or with a synchronous standby, which takes
// its place then. With a standby the address is a proxy's that leads to whoever is the primary, as
// a shard's Service does.
//
// Owner: Fleet. Threads: main's; the address may be asked for by any.
class Members {
 public:
  static Result<std::unique_ptr<Members>> Make(bool fsync);

  // Once the database is as the standby is to find it. From now on no commit is acknowledged that
  // the standby has not on its disk (synchronous_commit is on).
  Status AddStandby();

  support::PostgresServer& primary() { return *primary_; }
  int port() const { return service_ ? service_->port() : primary_->port(); }
  std::string Conninfo(std::string_view user) const;

  // SIGKILL to all processes of the primary.
  void Kill() { primary_->Crash(); }
  // The same server again; or the standby is promoted, and gets a standby of its own: commits wait
  // for that one meanwhile. Errors: a server does not start.
  Status Revive();

 private:
  explicit Members(std::unique_ptr<support::PostgresServer> primary)
      : primary_(std::move(primary)) {}

  std::unique_ptr<support::PostgresServer> primary_;
  std::unique_ptr<support::PostgresServer> standby_;
  std::unique_ptr<Proxy> service_;
};

}  // namespace foreshard::bench

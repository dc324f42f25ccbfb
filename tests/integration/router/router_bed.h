#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/router/wire_client.h"
#include "tests/support/child_process.h"
#include "tests/support/postgres_server.h"
#include "tests/support/temporary_directory.h"

// A real PostgreSQL whose databases are the shards, and the router's program in front of it.

namespace foreshard::router {

class RouterBed {
 public:
  struct Options {
    int shards = 2;
    bool tls = false;
    std::string
        tls_directory{};  // with ca.crt, tls.crt, tls.key; instead of a certificate made here
    std::vector<std::string> arguments{};          // of the router, after the others
    std::string authentication = "scram-sha-256";  // that the shards ask for
    bool shard_tls = false;  // the shards have a certificate, and the router's folder its authority
    std::function<int(int)> shard_port{};  // where the router finds the PostgreSQL of that port
  };
  static Result<std::unique_ptr<RouterBed>> Create(const Options& options);
  ~RouterBed();

  support::PostgresServer& postgres() { return *postgres_; }
  int port() const { return port_; }
  int admin_port() const { return admin_port_; }
  support::ChildProcess& router() { return *router_; }
  // SIGKILL, then another one of the same name on another port. All that the first one said is kept
  // for the destructor.
  Status ReplaceRouter();
  // Of all routers so far.
  std::string RouterLog() const;
  std::int64_t ResidentKb() const;  // the router's memory; not to be known is a failure

  Result<std::string> Metrics() const;  // the text of /metrics

  // With psql; one session, stops at the first error. Rows without headings.
  Result<std::string> Psql(std::string_view sql, const std::string& more = {}) const;
  Result<std::string> OnShard(int shard, std::string_view sql) const;
  Result<std::string> Pgbench(const std::vector<std::string>& arguments) const;
  // Through the router. `hurry`: see WireClient::Options.
  Result<std::unique_ptr<WireClient>> Client(const std::string& hurry = {}) const;
  Result<std::unique_ptr<WireClient>> Direct(int shard) const;  // the same user on one shard
  Result<std::unique_ptr<WireClient>> DirectTo(const std::string& database) const;
  void WriteTable(const std::string& json) const;
  void WriteUsers(const std::string& text) const;
  // `limit`: instead of the line of the configuration that allows 500 clients.
  void WriteConfig(const std::string& limit) const;
  std::string TableJson(int epoch, const std::string& moving = "[]",
                        const std::string& pins = "[]") const;
  // From now on TableJson() says that the shards have these replicas.
  void SetReplicas(std::vector<int> ports) { replicas_ = std::move(ports); }
  std::string ShardName(int shard) const { return "shard_" + std::to_string(shard); }

  static constexpr const char* kPassword = "app-password";
  static constexpr const char* kSalt = "0123456789abcdef";

 private:
  RouterBed() = default;
  Status Prepare(const Options& options);
  Status StartRouter();
  WireClient::Options ClientOptions(int port, const std::string& database) const;

  Options options_;
  support::TemporaryDirectory directory_{"router"};
  std::unique_ptr<support::PostgresServer> postgres_;
  std::unique_ptr<support::ChildProcess> router_;
  std::vector<int> replicas_;
  std::string log_of_the_dead_;
  int shard_port_ = 0;
  int port_ = 0;
  int admin_port_ = 0;
  int metrics_port_ = 0;
};

}  // namespace foreshard::router

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

// What the operator does inside a shard's PostgreSQL besides migrations: roles, database, schema
// `foreshard`.
//
// Bodies:  `PgShardAdmin` (pg_shard_admin.h) and `FakeShardAdmin` (tests/fakes/fake_shard_admin.h).
// View:    the primary, now.
// Threads: any.
// Errors:  kRetry if nobody answers, kReobserve if the answer was lost or the server is no primary
// (any more).

namespace foreshard::op {

struct ShardLogin {
  std::string host;     // name of the Service, for messages and certificates
  std::string address;  // of the primary's pod; "" : resolve the host
  int port = 5432;
  std::string password;       // of role postgres
  std::string authority_pem;  // "": no TLS (tests)
};

struct ShardSetup {
  std::string database;
  std::string app_verifier;  // SCRAM verifier of role app: the same text on every shard
  std::string foreshard_password;
  std::string exporter_password;
};

// Of everything that SetUp does: the shard remembers it, so that an inspection is one query.
std::string FingerprintOf(const ShardSetup& setup);

struct ShardDatabaseSeen {
  bool set_up = false;  // with this very setup
  std::int64_t size_bytes = 0;
  bool has_rows = false;  // in one of the tables that were named
  bool operator==(const ShardDatabaseSeen&) const = default;
};

class ShardAdmin {
 public:
  virtual ~ShardAdmin() = default;

  // `tables`: in which rows are looked for, schema.table; those that do not exist have none. With
  // none named, has_rows says nothing.
  virtual Result<ShardDatabaseSeen> Inspect(const ShardLogin& login, const ShardSetup& setup,
                                            const std::vector<std::string>& tables,
                                            Deadline deadline) = 0;

  // Makes it so. A second time changes nothing.
  virtual Status SetUp(const ShardLogin& login, const ShardSetup& setup, Deadline deadline) = 0;

  // Lets PostgreSQL read its certificates again.
  virtual Status Reload(const ShardLogin& login, Deadline deadline) = 0;
};

}  // namespace foreshard::op

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

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
  bool restored = false;  // its database must be there: a new one would hide what was restored
};

// Of everything that SetUp does: the shard remembers it, so that an inspection is one query.
std::string FingerprintOf(const ShardSetup& setup);

struct ShardDatabaseSeen {
  bool set_up = false;  // with this very setup
  std::int64_t size_bytes = 0;
  bool has_rows = false;  // in one of the tables that were named
  bool operator==(const ShardDatabaseSeen&) const = default;
};

// What has to be true inside restored shards before the first router serves.
struct RestoreEnding {
  struct Shard {
    model::ShardId id;
    ShardLogin login;
    std::string system_identifier;  // of the server that was backed up
  };
  std::vector<Shard> shards;  // all of the point
  std::string database;
  model::RoutingTable table;  // by which they are to serve: nothing moves in it
  std::vector<model::ShardedTable> tables;
  model::MigrationNumber number_max;  // the next migration has a greater one
};

struct RestoreEnded {
  std::int64_t committed = 0;  // prepared transactions, by their decision
  std::int64_t rolled_back = 0;
  std::vector<std::string> left;  // prepared by others than routers: "s-4kq7: name"
  std::int64_t migrations = 0;    // ended, on each shard that knew of them
  std::int64_t stray_rows = 0;    // copies that they had left; deleted
  bool operator==(const RestoreEnded&) const = default;
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

  // Ends what the point caught under way: transactions over shards, and migrations as an abort
  // would. A second time changes nothing. REQUIRES: SetUp on each, and nobody else writes.
  // Errors: kGiveUp "RestoreMismatch" where a shard is not the one that was backed up.
  virtual Result<RestoreEnded> EndRestore(const RestoreEnding& ending, Deadline deadline) = 0;

  // Lets PostgreSQL read its certificates again.
  virtual Status Reload(const ShardLogin& login, Deadline deadline) = 0;
};

}  // namespace foreshard::op

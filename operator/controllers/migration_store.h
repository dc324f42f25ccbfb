#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "kube/kube_api.h"
#include "migration/progress.h"
#include "migration/spec.h"
#include "model/migration.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

// MigrationStore: what the migration controller keeps in the Kubernetes API, as plain structs.
//
// Bodies:  `KubeMigrationStore` (kube_migration_store.h, over KubeApi) and `FakeMigrationStore`
// (tests/fakes). View:    a read may be old. Each write that matters carries the version it was
// decided on: 409 -> kReobserve. Threads: one owner.

namespace foreshard::op {

// A set and all that shares it with a migration. The list is read after the table, and both from
// the server itself: whatever the table names existed when it was listed, unless it was deleted.
struct SetView {
  model::ShardSet set;
  std::optional<model::RoutingTable> table;
  std::string table_version;                      // resource version, for PublishTable
  std::vector<model::ShardMigration> migrations;  // of this set, by name, this one included
};

struct JobSeen {
  bool exists = false;
  bool deleting = false;
  bool failed = false;  // gave up: it has to be made again
  std::optional<migration::PreflightResult> preflight;
  std::optional<migration::MigrationSpec> spec{};  // what its mover was told
};

class MigrationStore {
 public:
  virtual ~MigrationStore() = default;

  virtual Result<std::optional<model::ShardMigration>> ReadMigration(const kube::ObjectRef& ref,
                                                                     Deadline deadline) = 0;
  // Nothing: there is no such set (any more).
  virtual Result<std::optional<SetView>> ReadSet(const std::string& name_space,
                                                 const std::string& name, Deadline deadline) = 0;
  virtual Result<JobSeen> ReadJob(const model::ShardMigration& migration, Deadline deadline) = 0;

  // Compare-and-swap with migration.resource_version.
  virtual Status WriteStatus(const model::ShardMigration& migration,
                             const model::ShardMigrationStatus& status, Deadline deadline) = 0;
  virtual Status SetFinalizer(const model::ShardMigration& migration, bool present,
                              Deadline deadline) = 0;
  // Compare-and-swap with `version`.
  virtual Status PublishTable(const std::string& name_space, const model::RoutingTable& table,
                              const std::string& version, Deadline deadline) = 0;
  // Make if missing. The mover is told `spec`.
  virtual Status CreateJob(const model::ShardMigration& migration, const model::ShardSet& set,
                           const migration::MigrationSpec& spec, Deadline deadline) = 0;
  virtual Status DeleteJob(const model::ShardMigration& migration, Deadline deadline) = 0;
};

// Name of the mover's Job.
inline std::string JobName(const model::ShardMigration& migration) {
  return migration.name + "-mover";
}

}  // namespace foreshard::op

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "operator/api/value.h"
#include "operator/controllers/migration_store.h"

// The API server of a bench whose processes are killed: one file an object, replaced by a rename,
// so a process that dies leaves the old one or the new one.
//
// Bodies:  one folder, seen by the bench (the people and the kubelet) and by the operator process.
// Threads: one a process. Writers: the bench makes migrations, the operator changes them.

namespace foreshard::bench {

class Records final : public op::MigrationStore {
 public:
  explicit Records(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // A new migration replaces the one before; the first table comes from the bench as well.
  void PutTable(const model::RoutingTable& table, int version = 1);
  void PutMigration(const model::ShardMigration& migration);
  // The newest migration; nothing before the first.
  Result<std::optional<model::ShardMigration>> Newest() const;
  Result<model::RoutingTable> Table() const;
  std::string TableText() const;

  // The mover's Job. Started: its spec is there. Deleted: until the kubelet says that it is gone.
  std::optional<std::string> JobSpec() const;
  bool JobIsDeleted() const;
  void JobIsGone();
  std::filesystem::path PreflightFile() const { return folder_ / "preflight"; }
  void PreflightIsDone();

  // The operator wants nothing more of a migration that is over.
  void Settle(const std::string& name);
  bool Settled(const std::string& name) const;

  Result<std::optional<model::ShardMigration>> ReadMigration(const kube::ObjectRef& ref,
                                                             Deadline deadline) override;
  Result<std::optional<op::SetView>> ReadSet(const std::string& name_space, const std::string& name,
                                             Deadline deadline) override;
  Result<op::JobSeen> ReadJob(const model::ShardMigration& migration, Deadline deadline) override;
  Status WriteStatus(const model::ShardMigration& migration,
                     const model::ShardMigrationStatus& status, Deadline deadline) override;
  Status SetFinalizer(const model::ShardMigration& migration, bool present,
                      Deadline deadline) override;
  Status PublishTable(const std::string& name_space, const model::RoutingTable& table,
                      const std::string& version, Deadline deadline) override;
  Status CreateJob(const model::ShardMigration& migration, const model::ShardSet& set,
                   const migration::MigrationSpec& spec, Deadline deadline) override;
  Status DeleteJob(const model::ShardMigration& migration, Deadline deadline) override;

 private:
  Status Swap(const model::ShardMigration& migration, const op::Value& change);
  void Write(const std::string& file, const std::string& text) const;

  std::filesystem::path folder_;
};

}  // namespace foreshard::bench

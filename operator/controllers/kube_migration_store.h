#pragma once

#include "kube/kube_api.h"
#include "operator/api/value.h"
#include "operator/builders/images.h"
#include "operator/controllers/migration_store.h"

namespace foreshard::op {

// MigrationStore over the Kubernetes API. Reads ask the server, never a cache. Threads: any.
class KubeMigrationStore final : public MigrationStore {
 public:
  KubeMigrationStore(kube::KubeApi& kube, Images images)
      : kube_(kube), images_(std::move(images)) {}

  Result<std::optional<model::ShardMigration>> ReadMigration(const kube::ObjectRef& ref,
                                                             Deadline deadline) override;
  Result<std::optional<SetView>> ReadSet(const std::string& name_space, const std::string& name,
                                         Deadline deadline) override;
  Result<JobSeen> ReadJob(const model::ShardMigration& migration, Deadline deadline) override;
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
  kube::KubeApi& kube_;
  Images images_;
};

// What a Job and its pods say. Pure.
JobSeen JobSeenOf(const Value& job, const std::vector<Value>& pods);

}  // namespace foreshard::op

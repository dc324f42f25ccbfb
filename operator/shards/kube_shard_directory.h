#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "migration/shard.h"
#include "model/shard_set.h"
#include "operator/shards/ca_files.h"

namespace foreshard::op {

// Shards of a set behind PostgreSQL, with the set's own Secrets. Sessions as role `foreshard`.
// Threads: any.
class KubeShardDirectory final : public migration::ShardDirectory {
 public:
  KubeShardDirectory(kube::KubeApi& kube, const Clock& clock, CaFiles& ca_files)
      : kube_(kube), clock_(clock), ca_files_(ca_files) {}

  Result<std::unique_ptr<migration::Shard>> Open(const migration::MigrationSpec& spec,
                                                 migration::Side side, Deadline deadline) override;
  Result<migration::HighWater> ReadHighWater(const std::string& name_space,
                                             const std::string& shard_set,
                                             const model::ShardId& shard,
                                             Deadline deadline) override;

  // As this process reaches the shard's primary. Errors: kRetry while a Secret is missing.
  Result<std::string> Conninfo(const model::ShardSet& set, const model::ShardId& shard,
                               Deadline deadline) {
    return ConninfoOf(set.name_space, set.name, shard, set.spec.postgres.database, false, deadline);
  }

 private:
  // `ca_path`: of this process, or of the shard's own server where that one connects.
  Result<std::string> ConninfoOf(const std::string& name_space, const std::string& shard_set,
                                 const model::ShardId& shard, const std::string& database,
                                 bool for_shards, Deadline deadline);

  kube::KubeApi& kube_;
  const Clock& clock_;
  CaFiles& ca_files_;
};

}  // namespace foreshard::op

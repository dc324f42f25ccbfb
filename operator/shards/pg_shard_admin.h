#pragma once

#include "base/clock.h"
#include "operator/shards/ca_files.h"
#include "operator/shards/shard_admin.h"

namespace foreshard::op {

// Sessions as role `postgres`, one for each call. Threads: any.
class PgShardAdmin final : public ShardAdmin {
 public:
  PgShardAdmin(const Clock& clock, CaFiles& ca_files) : clock_(clock), ca_files_(ca_files) {}

  Result<ShardDatabaseSeen> Inspect(const ShardLogin& login, const ShardSetup& setup,
                                    const std::vector<std::string>& tables,
                                    Deadline deadline) override;
  Status SetUp(const ShardLogin& login, const ShardSetup& setup, Deadline deadline) override;
  Result<RestoreEnded> EndRestore(const RestoreEnding& ending, Deadline deadline) override;
  Status Reload(const ShardLogin& login, Deadline deadline) override;

 private:
  const Clock& clock_;
  CaFiles& ca_files_;
};

}  // namespace foreshard::op

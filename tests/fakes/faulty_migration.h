#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "migration/shard.h"
#include "operator/controllers/migration_store.h"
#include "operator/routers/router_control.h"

// Any body of Shard, ShardDirectory, MigrationStore and RouterDirectory, with faults chosen call by
// call: an error before the effect (nothing happened), after it (the reply is lost), or an error
// now and the effect later (the request was under way when its caller gave up).

namespace foreshard::fakes {

enum class CallFault { kNone, kBefore, kAfter, kLate };

// `call` is the method's name, "LookAtGate".
using CallFaults = std::function<CallFault(std::string_view call)>;

// Keeps an effect on a shard until it is time. Reads and writes to the API are never late.
using LateEffects = std::function<void(const model::ShardId& shard, std::function<void()> effect)>;

// What a synchronous standby has: told before an effect whose reply will not come, and after each
// one whose reply came.
struct Tails {
  std::function<void(const model::ShardId& shard)> begin{};
  std::function<void(const model::ShardId& shard)> confirm{};
};

std::unique_ptr<migration::Shard> MakeFaultyShard(std::unique_ptr<migration::Shard> inner,
                                                  CallFaults faults, model::ShardId id = {},
                                                  LateEffects late = {}, Tails tails = {});

class FaultyShardDirectory final : public migration::ShardDirectory {
 public:
  FaultyShardDirectory(migration::ShardDirectory& inner, CallFaults faults, LateEffects late = {},
                       Tails tails = {})
      : inner_(inner),
        faults_(std::move(faults)),
        late_(std::move(late)),
        tails_(std::move(tails)) {}

  Result<std::unique_ptr<migration::Shard>> Open(const migration::MigrationSpec& spec,
                                                 migration::Side side, Deadline deadline) override;
  Result<migration::HighWater> ReadHighWater(const std::string& name_space,
                                             const std::string& shard_set,
                                             const model::ShardId& shard,
                                             Deadline deadline) override;

 private:
  migration::ShardDirectory& inner_;
  CallFaults faults_;
  LateEffects late_;
  Tails tails_;
};

class FaultyMigrationStore final : public op::MigrationStore {
 public:
  FaultyMigrationStore(op::MigrationStore& inner, CallFaults faults)
      : inner_(inner), faults_(std::move(faults)) {}

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
  op::MigrationStore& inner_;
  CallFaults faults_;
};

}  // namespace foreshard::fakes

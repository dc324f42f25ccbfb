#pragma once

#include <memory>
#include <string>

#include "backup/barrier_world.h"
#include "base/clock.h"
#include "pg/connection.h"

namespace foreshard::backup {

// A shard behind PostgreSQL, as role `foreshard`; schema `foreshard` is there.
class PgPointShard final : public PointShard {
 public:
  PgPointShard(model::ShardId id, std::string conninfo, const Clock& clock);

  const model::ShardId& id() const override { return id_; }
  Status Connect(Deadline deadline) override;
  Status Lock(Deadline deadline) override;
  Result<ShardPoint> MakePoint(const std::string& name, Deadline deadline) override;
  Status Unlock(Deadline deadline) override;
  Status SwitchWal(Deadline deadline) override;
  Result<bool> Archived(const ShardPoint& point, Deadline deadline) override;

 private:
  model::ShardId id_;
  std::string conninfo_;
  const Clock& clock_;
  std::unique_ptr<pg::Connection> connection_;
  bool locked_ = false;  // by connection_, unless that is lost
};

}  // namespace foreshard::backup

#pragma once

#include <functional>
#include <string>
#include <utility>

#include "backup/barrier_world.h"
#include "tests/integration/backup/backup_bed.h"

// Seams of a barrier that watch, or that make a mistake on purpose.

namespace foreshard::backup {

inline constexpr const char* kSetUid = "5a0e7f0c-0000-4000-8000-000000000001";

// The set of the bed, as the API would tell it: nothing changes.
class FixedSet final : public SetSource {
 public:
  explicit FixedSet(const model::RoutingTable& table) {
    state_ = {.set_uid = kSetUid,
              .shards = {},
              .epoch = table.epoch,
              .routing_table = R"({"epoch":1})",
              .migrations = "[]",
              .cutovers = {},
              .number_max = {}};
    for (std::size_t i = 0; i < kShards; ++i) state_.shards.push_back(BackupBed::Id(i));
  }
  Result<SetState> Read(Deadline) override { return state_; }
  const SetState& state() const { return state_; }

 private:
  SetState state_;
};

class NoRouters final : public PointRouters {
 public:
  Result<bool> Hold(PointNumber, Deadline) override { return true; }
  Status Release(PointNumber, Deadline) override { return Ok(); }
};

// Tells when all is held, and when all is about to be let go: all points are made then.
class Counting final : public PointRouters {
 public:
  Counting(PointRouters& inner, std::function<void()> held, std::function<void()> made)
      : inner_(inner), held_(std::move(held)), made_(std::move(made)) {}
  Result<bool> Hold(PointNumber number, Deadline deadline) override {
    const auto drained = inner_.Hold(number, deadline);
    held_();
    return drained;
  }
  Status Release(PointNumber number, Deadline deadline) override {
    made_();
    return inner_.Release(number, deadline);
  }

 private:
  PointRouters& inner_;
  std::function<void()> held_;
  std::function<void()> made_;
};

// A shard on which something happens before its point is made.
class Watched : public PointShard {
 public:
  Watched(PointShard& inner, std::function<void()> before)
      : inner_(inner), before_(std::move(before)) {}
  const model::ShardId& id() const override { return inner_.id(); }
  Status Connect(Deadline deadline) override { return inner_.Connect(deadline); }
  Status Lock(Deadline deadline) override { return inner_.Lock(deadline); }
  Result<ShardPoint> MakePoint(const std::string& name, Deadline deadline) override {
    before_();
    return inner_.MakePoint(name, deadline);
  }
  Status Unlock(Deadline deadline) override { return inner_.Unlock(deadline); }
  Status SwitchWal(Deadline deadline) override { return inner_.SwitchWal(deadline); }
  Result<bool> Archived(const ShardPoint& point, Deadline deadline) override {
    return inner_.Archived(point, deadline);
  }

 protected:
  PointShard& inner_;
  std::function<void()> before_;
};

// The mistake that is nearest: each shard is locked for its own point, but not all at a time.
class LockedAlone final : public Watched {
 public:
  using Watched::Watched;
  Status Lock(Deadline) override { return Ok(); }
  Result<ShardPoint> MakePoint(const std::string& name, Deadline deadline) override {
    before_();
    if (const Status locked = inner_.Lock(deadline); !locked) return locked.error();
    auto point = inner_.MakePoint(name, deadline);
    if (const Status ended = inner_.Unlock(deadline); !ended) return ended.error();
    return point;
  }
  Status Unlock(Deadline) override { return Ok(); }
};

}  // namespace foreshard::backup

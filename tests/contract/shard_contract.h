#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "migration/shard.h"

// What the controller relies on of the two shards of a migration. The same claims hold for the
// fake, for the fake behind a wrapper that injects no fault, and for PostgreSQL.

namespace foreshard::contract {

// A source and a destination without rows of the migration, and nobody else who uses them.
class ShardWorld {
 public:
  virtual ~ShardWorld() = default;
  virtual const migration::MigrationSpec& spec() const = 0;
  virtual migration::Shard& source() = 0;
  virtual migration::Shard& destination() = 0;
  // The stream brings the sentinel of `attempt` to the destination.
  virtual void BringSentinel(model::Attempt attempt) = 0;
  virtual Deadline Soon() const = 0;
};

struct ShardWorldFactory {
  std::string name;
  std::function<std::unique_ptr<ShardWorld>()> make;
};

class ShardContract : public testing::TestWithParam<ShardWorldFactory> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    ASSERT_NE(world_, nullptr);
  }
  // Both rows at `phase`, with a newer token.
  model::Token Enter(const char* phase);
  // As Ready leaves them: S with gate and triggers, D with triggers and a reverse slot.
  model::Token Ready();
  migration::GateChange Change(model::Token token, std::int32_t attempt,
                               const model::ShardId& owner, std::int64_t epoch) const {
    return {.token = token, .attempt = {attempt}, .owner = owner, .epoch = {epoch}};
  }
  migration::GateSeen Source(std::int32_t attempt = 1);
  migration::GateSeen Destination(std::int32_t attempt = 1);
  migration::Shard& source() { return world_->source(); }
  migration::Shard& destination() { return world_->destination(); }
  Deadline Soon() const { return world_->Soon(); }

  std::unique_ptr<ShardWorld> world_;
  std::int64_t record_ = 0;
};

}  // namespace foreshard::contract

#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

// What a router does with a statement on one key while shards, table and refusals say different
// things of who owns the key. The same claims hold for the fake routers of the simulation and for
// the router's program on real PostgreSQL.

namespace foreshard::contract {

// One router and two shards, 0 and 1. The router's table says that shard 0 owns the key.
class KeyOwnerWorld {
 public:
  // What foreshard.range of one shard says of a migration of the key.
  struct Range {
    int number = 7;
    int owner = 0;
    std::int64_t epoch = 1;  // that of the table
    bool leased = false;
    bool settled = false;
    bool without_key = false;  // its keys are all around this one, which is pinned
  };

  virtual ~KeyOwnerWorld() = default;
  virtual void SetRange(int shard, const Range& range) = 0;
  // The key's row, past all triggers; nothing: there is none.
  virtual void SetRow(int shard, std::optional<std::int64_t> value) = 0;
  // The gate of a migration, with its triggers.
  virtual void SetGate(int shard, int number, bool open) = 0;
  // `moving`: the migration that moves the key's range, 0: none. `pinned`: the key is pinned to
  // shard 0, as of epoch 2. Returns when the router has it.
  virtual void Publish(int moving, bool pinned) = 0;
  // All sessions that the router has on a shard end.
  virtual void EndSessions(int shard) = 0;

  enum class Kind { kRead, kWrite };
  virtual void Begin(Kind kind) = 0;
  // Until the statement that began last has been refused so often; it is not answered meanwhile.
  virtual void AwaitRefusals(int times) = 0;
  // Of that statement: the value that it read, the number of rows that it wrote.
  virtual std::int64_t Answer() = 0;
};

struct KeyOwnerFactory {
  std::string name;
  std::function<std::unique_ptr<KeyOwnerWorld>()> make;
};

class KeyOwnerContract : public testing::TestWithParam<KeyOwnerFactory> {
 protected:
  using Kind = KeyOwnerWorld::Kind;

  void SetUp() override {
    world_ = GetParam().make();
    ASSERT_NE(world_, nullptr);
    world_->SetRow(0, 0);
  }
  std::int64_t Read() {
    world_->Begin(Kind::kRead);
    return world_->Answer();
  }
  // A cutover that stands still between close and open: each shard says that the other one owns the
  // key. The router heard nothing before it has to log in anew.
  void CloseUnheard();
  void Open();
  // The router knows the lease of a migration that is over; its row on shard 0 speaks of the time
  // in which shard 1 had the key.
  void ComeBackUnheard();

  std::unique_ptr<KeyOwnerWorld> world_;
};

}  // namespace foreshard::contract

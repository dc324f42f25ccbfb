#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "operator/routers/router_control.h"

// What the cutover relies on of the routers: what a hold keeps back and what it lets go, how it
// ends by itself, and that knowledge never goes backwards. The same claims hold for the fake
// routers of the simulation and for the router's program behind its admin port.

namespace foreshard::contract {

// Two routers, of which one answers. Its table has the epoch kKnown and two ranges on two shards.
class RouterWorld {
 public:
  static constexpr std::int64_t kKnown = 5;

  virtual ~RouterWorld() = default;
  virtual op::RouterControl& control() = 0;
  virtual std::string awake() const = 0;
  virtual std::string silent() const = 0;
  virtual model::RoutingTable Table(std::int64_t epoch) const = 0;

  // A client of its own writes the row of a key; returns at once. The number names the write.
  virtual int Write(const std::string& key) = 0;
  // The answer of that write came.
  virtual bool IsAnswered(int write) = 0;
  // The same write, of a transaction that stays open until EndTransaction.
  virtual void BeginTransaction(const std::string& key) = 0;
  virtual void EndTransaction() = 0;

  // Lets time pass until `look` is true, for at most 20 s.
  virtual bool Await(const std::function<bool()>& look) = 0;
  virtual Deadline Soon() const = 0;
};

struct RouterWorldFactory {
  std::string name;
  std::function<std::unique_ptr<RouterWorld>()> make;
};

class RouterControlContract : public testing::TestWithParam<RouterWorldFactory> {
 protected:
  void SetUp() override {
    world_ = GetParam().make();
    ASSERT_NE(world_, nullptr);
  }
  // A key of the first (0) or the second range; the second is the one that is held.
  std::string Key(std::size_t range) const;
  Result<op::HoldAnswer> Hold(std::chrono::milliseconds deadline = std::chrono::seconds(20),
                              std::int64_t epoch = RouterWorld::kKnown);
  // With the table of that epoch; 0: with none.
  Result<op::ReleaseAnswer> Release(std::int64_t epoch);
  std::int64_t Epoch();
  bool AwaitParked(std::int64_t count);
  bool AwaitAnswer(int write) {
    return world_->Await([&] { return world_->IsAnswered(write); });
  }

  std::unique_ptr<RouterWorld> world_;
};

}  // namespace foreshard::contract

#pragma once

#include <memory>
#include <optional>

#include "tests/sim/world.h"

// The parts of the world that act: kept out of world.h, which everybody includes.

namespace foreshard::sim {

// One replica of the operator: the real controller on seams with faults.
struct World::OperatorActor {
  std::size_t index = 0;
  bool believes = false;  // that it leads
  std::int64_t transitions = 0;
  int paused_for = 0;
  std::size_t next = 0;  // which migration
  std::unique_ptr<fakes::FakeMigrationStore> store;
  std::unique_ptr<fakes::FaultyMigrationStore> faulty_store;
  std::unique_ptr<fakes::FaultyShardDirectory> faulty_shards;
  std::unique_ptr<op::MigrationController> controller;
  std::optional<op::MigrationController::Pass> pending;
};

struct World::ClientActor {
  int first_key = 0;  // owns four
  std::optional<fakes::FakeStatement> waiting;
  std::size_t router = 0;
  std::int64_t acked_before = 0;
};

}  // namespace foreshard::sim

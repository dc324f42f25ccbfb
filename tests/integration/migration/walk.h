#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/integration/migration/local_operator.h"
#include "tests/integration/migration/oracle.h"

namespace foreshard::migration {

// The hash range of TwoShards::Spec(), from s-aaaa to s-bbbb or back.
model::ShardMigrationSpec SpecOfRange(MigrationType type, bool forward,
                                      std::chrono::milliseconds soak);

// Of the range, in public.orders.
std::string RowsOfK(const TwoShards& shards, Side side);

// Objects and rows that only a migration needs, on both shards.
void ExpectNothingLeft(const TwoShards& shards);

// Whole migrations of one range, there and back, by the real controller on two real shards while
// clients write.
class Walk : public testing::Test {
 protected:
  // Another time: everything anew. `tables`: SQL for each shard that has tables.
  void Make(const TwoShards::Options& options = {}, const std::string& tables = {},
            const Oracle::Options& clients = {.clients = 2});
  void TearDown() override;

  // The operator with its first migration, or the next one, back to where the range came from.
  void Begin(std::chrono::milliseconds soak, MigrationType type = MigrationType::kMove);
  // It came to its end `Completed`: the other shard owns the range now.
  void HasMoved();
  Side owner() const { return first_owns_ ? Side::kSource : Side::kDestination; }

  // Of the operator's table, the shards and the clients, while these go on.
  void ExpectAWholeEnd();
  // The clients stop; what they count is what the owner has.
  void ExpectNothingLost(int acknowledged_min);

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Oracle> oracle_;
  std::unique_ptr<LocalOperator> controller_;

 private:
  bool first_owns_ = true;
  int moves_ = 0;
};

}  // namespace foreshard::migration

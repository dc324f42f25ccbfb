#include <fmt/format.h>
#include <gtest/gtest.h>

#include "migration/shard_objects.h"
#include "tests/integration/migration/local_operator.h"
#include "tests/integration/migration/oracle.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The operator dies before and after each of its effects, on real PostgreSQL under load, and
// another one takes over: the keys go back and forth all the same, and nothing is lost or left.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using support::Good;

// Every effect of a migration from its first row to its end, in the order of its first use.
constexpr std::array kEffects = {"PublishTable",
                                 "Enter",
                                 "CreateJob",
                                 "MakeGate",
                                 "MakeGateTriggers",
                                 "MakeReverseSlot",
                                 "RaiseSequences",
                                 "SlotAdvanceToNow",
                                 "WriteStatus",
                                 "SetLeased",
                                 "WriteProbe",
                                 "GateClose",
                                 "GateTake",
                                 "DisableForward",
                                 "SlotAdvance",
                                 "MakeReverseSubscription",
                                 "DropForwardSubscription",
                                 "DropForwardSlot",
                                 "DeleteJob"};

class DeathTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = TwoShards::Make();
    ASSERT_TRUE(Good(made));
    shards_ = std::move(*made);
    oracle_ = std::make_unique<Oracle>(*shards_, Oracle::Options{.clients = 2});
    oracle_->Load();
    oracle_->Start();
    controller_ = std::make_unique<LocalOperator>(*shards_, NextSpec());
  }

  model::ShardMigrationSpec NextSpec() const {
    model::ShardMigrationSpec spec;
    spec.type = MigrationType::kMove;
    spec.source = {first_owns_ ? "s-aaaa" : "s-bbbb"};
    spec.destination = {first_owns_ ? "s-bbbb" : "s-aaaa"};
    spec.range = model::KeyRange{"40", "80"};
    spec.soak = 300ms;
    spec.approved = true;
    return spec;
  }

  // One migration in which the operator dies once.
  void MoveAndDie(std::string_view call, bool after) {
    SCOPED_TRACE(fmt::format("{} {}", after ? "after" : "before", call));
    if (moves_++ > 0) controller_->Next(fmt::format("move-{}", moves_), NextSpec());
    controller_->death = LocalOperator::Death{.call = std::string(call), .after = after};
    const int before = controller_->deaths();
    ASSERT_EQ(controller_->RunToEnd(), Phase::kCompleted) << controller_->Why();
    controller_->Settle();
    EXPECT_EQ(controller_->deaths(), before + 1) << "it never came there";
    first_owns_ = !first_owns_;
    EXPECT_EQ(model::OwnerOfBound(controller_->table(), "60").value,
              first_owns_ ? "s-aaaa" : "s-bbbb");
    for (const Side side : {Side::kSource, Side::kDestination}) {
      EXPECT_EQ(shards_->Sql(side, fmt::format("SELECT string_agg(kind || ' ' || name, ', ') FROM "
                                               "({}) x",
                                               LeftoverSql(std::nullopt))),
                "NULL")
          << ToString(side);
    }
    EXPECT_EQ(oracle_->errors(), 0) << oracle_->first_error();
  }
  void ExpectNothingLost() {
    oracle_->Stop();
    EXPECT_EQ(oracle_->Check(first_owns_ ? Side::kSource : Side::kDestination), "");
    EXPECT_GT(oracle_->acknowledged(), 100);
  }

  std::unique_ptr<TwoShards> shards_;
  std::unique_ptr<Oracle> oracle_;
  std::unique_ptr<LocalOperator> controller_;
  bool first_owns_ = true;
  int moves_ = 0;
};

// behaviour-02
TEST_F(DeathTest, InsideTheCutover) {
  MoveAndDie("GateClose", true);
  MoveAndDie("GateTake", false);
  MoveAndDie("GateTake", true);
  ExpectNothingLost();
}

// behaviour-02
TEST_F(DeathTest, AtEachEffectBeforeAndAfterIt) {
  for (const char* call : kEffects) {
    for (const bool after : {false, true}) {
      ASSERT_NO_FATAL_FAILURE(MoveAndDie(call, after));
    }
  }
  ExpectNothingLost();
}

// behaviour-02
TEST_F(DeathTest, OnTheWayBack) {
  for (const char* call : {"GateClose", "GateTake"}) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", after ? "after" : "before", call));
      model::ShardMigrationSpec spec = NextSpec();
      spec.soak = 10min;
      controller_->Next(fmt::format("back-{}", ++moves_), spec);
      ASSERT_EQ(controller_->RunUntil(Phase::kSoaking), Phase::kSoaking) << controller_->Why();
      controller_->object().spec.rollback = true;
      ASSERT_EQ(controller_->RunUntil(Phase::kRollingBack), Phase::kRollingBack);
      controller_->death = LocalOperator::Death{.call = call, .after = after};
      ASSERT_EQ(controller_->RunToEnd(), Phase::kRolledBack) << controller_->Why();
    }
  }
  EXPECT_EQ(controller_->deaths(), 4);
  ExpectNothingLost();
}

}  // namespace
}  // namespace foreshard::migration

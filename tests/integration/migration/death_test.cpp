#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/integration/migration/walk.h"
#include "tests/support/needs.h"

// The operator dies before and after each of its effects, on real PostgreSQL under load, and
// another one takes over: the keys go back and forth all the same, and nothing is lost or left.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;

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

class DeathTest : public Walk {
 protected:
  void SetUp() override { Make(); }

  // One migration in which the operator dies once.
  void MoveAndDie(std::string_view call, bool after) {
    SCOPED_TRACE(fmt::format("{} {}", after ? "after" : "before", call));
    Begin(300ms);
    controller_->death = LocalOperator::Death{.call = std::string(call), .after = after};
    const int before = controller_->deaths();
    ASSERT_EQ(controller_->RunToEnd(), Phase::kCompleted) << controller_->Why();
    controller_->Settle();
    EXPECT_EQ(controller_->deaths(), before + 1) << "it never came there";
    HasMoved();
    ExpectAWholeEnd();
  }
};

// behaviour-02
TEST_F(DeathTest, InsideTheCutover) {
  MoveAndDie("GateClose", true);
  MoveAndDie("GateTake", false);
  MoveAndDie("GateTake", true);
  ExpectNothingLost(100);
}

// behaviour-02
TEST_F(DeathTest, AtEachEffectBeforeAndAfterIt) {
  for (const char* call : kEffects) {
    for (const bool after : {false, true}) {
      ASSERT_NO_FATAL_FAILURE(MoveAndDie(call, after));
    }
  }
  ExpectNothingLost(100);
}

// behaviour-02
TEST_F(DeathTest, OnTheWayBack) {
  for (const char* call : {"GateClose", "GateTake"}) {
    for (const bool after : {false, true}) {
      SCOPED_TRACE(fmt::format("{} {}", after ? "after" : "before", call));
      Begin(10min);
      ASSERT_EQ(controller_->RunUntil(Phase::kSoaking), Phase::kSoaking) << controller_->Why();
      controller_->object().spec.rollback = true;
      ASSERT_EQ(controller_->RunUntil(Phase::kRollingBack), Phase::kRollingBack);
      controller_->death = LocalOperator::Death{.call = call, .after = after};
      ASSERT_EQ(controller_->RunToEnd(), Phase::kRolledBack) << controller_->Why();
    }
  }
  EXPECT_EQ(controller_->deaths(), 4);
  ExpectNothingLost(100);
}

}  // namespace
}  // namespace foreshard::migration

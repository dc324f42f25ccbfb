#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/migration/walk.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The operator dies before and after each of its effects, on real PostgreSQL under load, and
// another one takes over: the keys go where they should all the same, and nothing is lost or left.
// The effects are not listed here: a first migration in which nobody dies tells them.

namespace foreshard::migration {
namespace {

const support::Needs kNeeds({"postgres", "initdb", "psql"});

using namespace std::chrono_literals;
using testing::IsSupersetOf;

enum class Way { kThere, kAborted, kBack, kRevoked };

const char* ToString(Way way) {
  switch (way) {
    case Way::kThere:
      return "to its end";
    case Way::kAborted:
      return "aborted while it verifies";
    case Way::kBack:
      return "rolled back in its soak";
    case Way::kRevoked:
      return "to its end, by a second attempt";
  }
  Unreachable(way);
}

class DeathTest : public Walk {
 protected:
  void SetUp() override { Make(); }

  // One migration. The operator dies once, if at all, from where the way is decided on.
  void Go(Way way, const std::optional<LocalOperator::Death>& death) {
    SCOPED_TRACE(death ? fmt::format("{}, dead {} {}", ToString(way),
                                     death->after ? "after" : "before", death->call)
                       : ToString(way));
    Begin(way == Way::kBack ? 10min : 300ms);
    if (way == Way::kAborted) {
      ASSERT_EQ(controller_->RunUntil(Phase::kVerifying), Phase::kVerifying) << controller_->Why();
      controller_->object().spec.abort = true;
    } else if (way == Way::kBack) {
      ASSERT_EQ(controller_->RunUntil(Phase::kSoaking), Phase::kSoaking) << controller_->Why();
      controller_->object().spec.rollback = true;
    } else if (way == Way::kRevoked) {
      HoldTheStreamInTheFirstAttempt();
    }
    controller_->effects.clear();
    controller_->death = death;
    const int before = controller_->deaths();
    const Phase end = way == Way::kAborted ? Phase::kAborted
                      : way == Way::kBack  ? Phase::kRolledBack
                                           : Phase::kCompleted;
    ASSERT_EQ(controller_->RunToEnd(), end) << controller_->Why();
    controller_->Settle();
    EXPECT_EQ(controller_->deaths(), before + (death ? 1 : 0)) << "it never came there";
    if (end == Phase::kCompleted) HasMoved();
    ExpectAWholeEnd();
  }

  // Every effect of the way that a migration without a death shows, and `at_least` these.
  void DieAtEach(Way way, const std::vector<std::string>& at_least) {
    ASSERT_NO_FATAL_FAILURE(Go(way, std::nullopt));
    const std::vector<std::string> effects = controller_->effects;
    ASSERT_THAT(effects, IsSupersetOf(at_least));
    for (const std::string& call : effects) {
      for (const bool after : {false, true}) {
        ASSERT_NO_FATAL_FAILURE(Go(way, LocalOperator::Death{.call = call, .after = after}));
      }
    }
  }

 private:
  // The sentinel of the close is not applied on the destination before the close is taken back.
  void HoldTheStreamInTheFirstAttempt() {
    controller_->before_call = [this, revoked = false](std::string_view call) mutable {
      if (call == "GateRevoke") {
        revoked = true;
        blocker_.reset();
      }
      if (call != "GateClose" || revoked || blocker_ != nullptr) return;
      blocker_ = shards_->Connect(owner() == Side::kSource ? Side::kDestination : Side::kSource);
      EXPECT_TRUE(support::Good(
          blocker_->Exec("BEGIN; LOCK TABLE foreshard.barrier IN SHARE MODE", shards_->Soon())));
    };
  }

  std::unique_ptr<pg::Connection> blocker_;
};

// behaviour-02
TEST_F(DeathTest, OnItsWay) {
  DieAtEach(Way::kThere, {"SetFinalizer",
                          "PublishTable",
                          "Enter",
                          "CreateJob",
                          "MakeGate",
                          "MakeGateTriggers",
                          "MakeReverseSlot",
                          "RaiseSequences",
                          "SlotAdvanceToNow",
                          "WriteStatus",
                          "SetLeased",
                          "SettleRange",
                          "WriteProbe",
                          "GateClose",
                          "GateTake",
                          "DisableForward",
                          "SlotAdvance",
                          "MakeReverseSubscription",
                          "DropForwardSubscription",
                          "DropForwardSlot",
                          "DeleteJob"});
  ExpectNothingLost(100);
}

// behaviour-02
TEST_F(DeathTest, WhileItIsAborted) {
  DieAtEach(Way::kAborted, {"Enter", "WriteStatus", "PublishTable", "DeleteJob"});
  ExpectNothingLost(100);
}

// behaviour-02
TEST_F(DeathTest, OnTheWayBack) {
  DieAtEach(Way::kBack, {"Enter", "GateClose", "GateTake", "WriteStatus", "PublishTable"});
  ExpectNothingLost(100);
}

// behaviour-02
TEST_F(DeathTest, WhileAnAttemptIsTakenBack) {
  for (const char* call : {"GateRevoke", "GateReopen"}) {
    for (const bool after : {false, true}) {
      ASSERT_NO_FATAL_FAILURE(
          Go(Way::kRevoked, LocalOperator::Death{.call = call, .after = after}));
    }
  }
  ExpectNothingLost(100);
}

}  // namespace
}  // namespace foreshard::migration

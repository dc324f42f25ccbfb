#include "backup/barrier_decide.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "backup/limits.h"
#include "router/hold.h"

namespace foreshard::backup {
namespace {

using std::chrono_literals::operator""ns;

class Decision : public testing::Test {
 protected:
  // As far as `step` is what comes next, everything good so far.
  BarrierView Before(BarrierStep step) {
    BarrierView view{.now = start_ + 20ms,
                     .before = before_,
                     .number = {},
                     .hold_asked = {},
                     .points_answered = {},
                     .after = {},
                     .archived = {}};
    const std::vector<std::function<void()>> effects = {
        [&] { view.number = {7}; },
        [&] { view.hold_asked = start_, view.drained = true; },
        [&] { view.lock_asked = view.locked = true; },
        [&] { view.points_asked = true, view.points_answered = start_ + 15ms; },
        [&] { view.unlocked = true; },
        [&] { view.released = true; },
        [&] { view.after = before_; },
        [&] { view.switched = true; },
        [&] { view.archived = start_ + 18ms; },
        [&] { view.kept = true; }};
    for (int i = 0; i < static_cast<int>(step); ++i) effects[static_cast<std::size_t>(i)]();
    return view;
  }
  // Steps from here to the end, each carried out.
  std::vector<BarrierStep> Steps(BarrierView view) {
    std::vector<BarrierStep> steps;
    for (;;) {
      const BarrierStep step = DecideBarrier(view).step;
      steps.push_back(step);
      if (step == BarrierStep::kUnlock) {
        view.unlocked = true;
      } else if (step == BarrierStep::kRelease) {
        view.released = true;
      } else {
        return steps;
      }
    }
  }

  const MonotonicTime start_{10s};
  SetState before_{.set_uid = "uid",
                   .shards = {{"s-1"}, {"s-2"}},
                   .epoch = {12},
                   .routing_table = "{}",
                   .migrations = "[]",
                   .cutovers = {},
                   .number_max = {3}};
};

constexpr BarrierStep kOrder[] = {
    BarrierStep::kIntent,     BarrierStep::kHold,      BarrierStep::kLock,
    BarrierStep::kMakePoints, BarrierStep::kUnlock,    BarrierStep::kRelease,
    BarrierStep::kReadState,  BarrierStep::kSwitchWal, BarrierStep::kAwaitArchive,
    BarrierStep::kKeep,       BarrierStep::kKept};

TEST_F(Decision, GoesOneStepAfterTheOther) {
  for (const BarrierStep step : kOrder) {
    const BarrierDecision decision = DecideBarrier(Before(step));
    EXPECT_EQ(decision.step, step) << ToString(decision.step);
    EXPECT_EQ(decision.loss, Loss::kNone);
  }
}

TEST_F(Decision, LetsEverybodyGoWhereverSomethingIsLost) {
  for (const BarrierStep step : kOrder) {
    if (step == BarrierStep::kKept) continue;
    BarrierView view = Before(step);
    view.failed = Loss::kState;
    std::vector<BarrierStep> wanted;
    if (view.lock_asked && !view.unlocked) wanted.push_back(BarrierStep::kUnlock);
    if (view.hold_asked && !view.released) wanted.push_back(BarrierStep::kRelease);
    wanted.push_back(BarrierStep::kLost);
    EXPECT_EQ(Steps(view), wanted) << ToString(step);
    EXPECT_EQ(DecideBarrier(view).loss, Loss::kState);
  }
}

// What was asked and not answered may have had its effect.
TEST_F(Decision, EndsAHoldAndALockThatNobodyAnswered) {
  BarrierView view = Before(BarrierStep::kHold);
  view.hold_asked = start_;
  EXPECT_EQ(Steps(view), (std::vector{BarrierStep::kRelease, BarrierStep::kLost}));
  EXPECT_EQ(DecideBarrier(view).loss, Loss::kNotDrained);
  view = Before(BarrierStep::kLock);
  view.lock_asked = true;
  EXPECT_EQ(Steps(view),
            (std::vector{BarrierStep::kUnlock, BarrierStep::kRelease, BarrierStep::kLost}));
  EXPECT_EQ(DecideBarrier(view).loss, Loss::kLock);
  view = Before(BarrierStep::kMakePoints);
  view.points_asked = true;
  EXPECT_EQ(DecideBarrier(view).step, BarrierStep::kUnlock);
  EXPECT_EQ(DecideBarrier(view).loss, Loss::kPoint);
}

TEST_F(Decision, DoesNotBeginWhileAMigrationHoldsTheSameRanges) {
  before_.cutovers = {"orders-split"};
  const BarrierDecision decision = DecideBarrier(Before(BarrierStep::kIntent));
  EXPECT_EQ(decision.step, BarrierStep::kLost);
  EXPECT_EQ(decision.loss, Loss::kCutover);
}

// The routers let go by themselves; what is answered after that proves nothing.
TEST_F(Decision, GivesUpBeforeTheRoutersMayHaveLetGo) {
  const auto last = start_ + kTransactionPark - kHoldMargin;
  for (const BarrierStep step : {BarrierStep::kLock, BarrierStep::kMakePoints}) {
    BarrierView view = Before(step);
    view.now = last - 1ns;
    EXPECT_EQ(DecideBarrier(view).step, step);
    view.now = last;
    EXPECT_EQ(DecideBarrier(view).loss, Loss::kHoldRanOut);
  }
  for (const BarrierStep step : {BarrierStep::kUnlock, BarrierStep::kKeep}) {
    BarrierView view = Before(step);
    view.now = last + 1s;  // That it is late now is no harm: the points were in time.
    view.points_answered = last - 1ns;
    EXPECT_EQ(DecideBarrier(view).loss, Loss::kNone) << ToString(step);
    view.points_answered = last;
    EXPECT_EQ(DecideBarrier(view).loss, Loss::kHoldRanOut) << ToString(step);
  }
}

TEST_F(Decision, KnowsHowLongRoutersReallyHold) {
  EXPECT_EQ(kTransactionPark, router::HoldLimits{}.transaction_park_max);
  EXPECT_LT(kHoldDrain, kHoldAnswer);
  EXPECT_LT(kLockTimeout, kShardCall);
}

TEST_F(Decision, KeepsNothingOfASetThatChanged) {
  const std::vector<std::function<void(SetState&)>> changes = {
      [](SetState& set) { set.epoch = {13}; }, [](SetState& set) { set.routing_table = "{ }"; },
      [](SetState& set) { set.shards.push_back({"s-3"}); },
      [](SetState& set) { set.set_uid = "another"; }};
  for (const auto& change : changes) {
    BarrierView view = Before(BarrierStep::kSwitchWal);
    change(*view.after);
    EXPECT_EQ(DecideBarrier(view).loss, Loss::kSetChanged);
    EXPECT_EQ(DecideBarrier(view).step, BarrierStep::kLost);
  }
  BarrierView view = Before(BarrierStep::kSwitchWal);
  view.after->cutovers = {"orders-split"};
  EXPECT_EQ(DecideBarrier(view).loss, Loss::kCutover);
}

// They grow all the time: the later ones are kept.
TEST_F(Decision, IsNotDisturbedByCountersThatGrow) {
  BarrierView view = Before(BarrierStep::kSwitchWal);
  view.after->number_max = {4};
  view.after->record_max = 100;
  view.after->lease_transitions = 3;
  view.after->migrations = "[{}]";
  EXPECT_EQ(DecideBarrier(view).step, BarrierStep::kSwitchWal);
}

TEST_F(Decision, WaitsForTheArchiveAndTheBookButNotForEver) {
  BarrierView view = Before(BarrierStep::kAwaitArchive);
  view.now = *view.points_answered + kArchiveLimit - 1ns;
  EXPECT_EQ(DecideBarrier(view).step, BarrierStep::kAwaitArchive);
  view.now += 1ns;
  EXPECT_EQ(DecideBarrier(view).loss, Loss::kNotArchived);
  view = Before(BarrierStep::kAwaitArchive);
  view.failed_over = true;
  EXPECT_EQ(DecideBarrier(view).loss, Loss::kFailedOver);
  view = Before(BarrierStep::kKeep);
  view.now = *view.archived + kKeepLimit - 1ns;
  EXPECT_EQ(DecideBarrier(view).step, BarrierStep::kKeep);
  view.now += 1ns;
  EXPECT_EQ(DecideBarrier(view).loss, Loss::kNotKept);
}

TEST_F(Decision, GivesEachLossAReasonOfItsOwn) {
  std::set<std::string> reasons;
  for (int loss = 0; loss <= static_cast<int>(Loss::kNotKept); ++loss) {
    EXPECT_TRUE(reasons.insert(ToString(static_cast<Loss>(loss))).second);
  }
  std::set<std::string> steps;
  for (int step = 0; step <= static_cast<int>(BarrierStep::kLost); ++step) {
    EXPECT_TRUE(steps.insert(ToString(static_cast<BarrierStep>(step))).second);
  }
}

}  // namespace
}  // namespace foreshard::backup

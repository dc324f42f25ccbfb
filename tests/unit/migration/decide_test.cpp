#include "migration/decide.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

constexpr std::int32_t kN = 3;

SideView Side(GateState state, std::int32_t attempt, std::int64_t epoch = 5) {
  return {.state = state, .attempt = {attempt}, .epoch = {epoch}};
}

// In attempt 3, held, with time left.
CutoverView View(SideView lose, SideView gain) {
  return {.phase = Phase::kCutover,
          .attempt = {kN},
          .gain = gain,
          .lose = lose,
          .table_epoch = {5},
          .close_confirmed = true,
          .open_confirmed = true,
          .held = true};
}

// The table of section 7.3: what the two rows say, and what is next.
TEST(DecideCutover, FollowsTheTwoRows) {
  using enum GateState;
  const auto step = [](SideView lose, SideView gain) {
    return DecideCutover(View(lose, gain)).step;
  };
  SideView arrived = Side(kClosed, 0);
  arrived.sentinel = true;
  EXPECT_EQ(step(Side(kOpen, 2), Side(kClosed, 0)), CutoverStep::kClose);
  EXPECT_EQ(step(Side(kOpen, 2), Side(kRevoked, 2)), CutoverStep::kClose);
  EXPECT_EQ(step(Side(kClosed, kN), Side(kClosed, 0)), CutoverStep::kTake);
  EXPECT_EQ(step(Side(kClosed, kN), arrived), CutoverStep::kTake);
  EXPECT_EQ(step(Side(kClosed, kN), Side(kDrained, kN)), CutoverStep::kOpen);
  EXPECT_EQ(step(Side(kOpen, 2), Side(kDrained, kN)), CutoverStep::kRevoke);
  EXPECT_EQ(step(Side(kClosed, kN), Side(kOpen, kN, 6)), CutoverStep::kRelease);
  EXPECT_EQ(step(Side(kClosed, kN), Side(kRevoked, kN)), CutoverStep::kReopen);
  EXPECT_EQ(step(Side(kOpen, 2), Side(kRevoked, kN)), CutoverStep::kReopen);
  EXPECT_EQ(step(Side(kOpen, kN), Side(kRevoked, kN)), CutoverStep::kRelease);
  EXPECT_EQ(step(Side(kOpen, 2), Side(kOpen, kN, 6)), CutoverStep::kClose);
}

TEST(DecideCutover, HoldsBeforeItCloses) {
  CutoverView view = View(Side(GateState::kOpen, 2), Side(GateState::kClosed, 0));
  view.held = false;
  EXPECT_EQ(DecideCutover(view).step, CutoverStep::kHold);
}

// A standby may not have it yet; a failover after the other side opened would make two owners.
TEST(DecideCutover, ACloseWithoutItsReplyIsAskedForAgain) {
  using enum GateState;
  SideView arrived = Side(kClosed, 0);
  arrived.sentinel = true;
  for (const SideView& gain : {Side(kClosed, 0), arrived, Side(kDrained, kN)}) {
    CutoverView view = View(Side(kClosed, kN, 6), gain);
    view.close_confirmed = false;
    const CutoverDecision decision = DecideCutover(view);
    EXPECT_EQ(decision.step, CutoverStep::kClose);
    EXPECT_EQ(decision.epoch.value, 6) << "the close's own epoch";
    view.close_confirmed = true;
    EXPECT_NE(DecideCutover(view).step, CutoverStep::kClose);
  }
  CutoverView open = View(Side(kClosed, kN), Side(kOpen, kN, 6));
  open.close_confirmed = false;
  EXPECT_EQ(DecideCutover(open).step, CutoverStep::kRelease) << "it is too late to ask";
}

// Seed 2280307938840279952: the table named the new owner, a failover took its open back, the old owner went on, and a router
// of that table read what had been true before.
TEST(DecideCutover, NobodyHearsOfAnOpenWhoseReplyDidNotCome) {
  using enum GateState;
  for (const bool released : {false, true}) {
    CutoverView view = View(Side(kClosed, kN, 6), Side(kOpen, kN, 6));
    view.released = released;
    view.open_confirmed = false;
    EXPECT_EQ(DecideCutover(view).step, CutoverStep::kOpen);
    EXPECT_EQ(DecideCutover(view).epoch.value, 6) << "the open's own epoch";
    view.lose = Side(kOpen, 2);
    EXPECT_EQ(DecideCutover(view).step, CutoverStep::kClose) << "two owners come first";
  }
}

TEST(DecideCutover, RevokesWhenAskedInDoubtOrOutOfTimeUntilTheOtherSideIsOpen) {
  using enum GateState;
  for (bool CutoverView::*const why :
       {&CutoverView::abort_asked, &CutoverView::in_doubt, &CutoverView::budget_spent}) {
    for (const SideView& gain : {Side(kClosed, 0), Side(kDrained, kN)}) {
      CutoverView view = View(Side(kClosed, kN), gain);
      view.*why = true;
      EXPECT_EQ(DecideCutover(view).step, CutoverStep::kRevoke);
    }
    CutoverView late = View(Side(kClosed, kN), Side(kOpen, kN, 6));
    late.*why = true;
    EXPECT_EQ(DecideCutover(late).step, CutoverStep::kRelease);
  }
}

TEST(DecideCutover, TakesBackWithAnEpochThatNoLostCloseHad) {
  const CutoverDecision back =
      DecideCutover(View(Side(GateState::kOpen, 2, 5), Side(GateState::kRevoked, kN, 5)));
  ASSERT_EQ(back.step, CutoverStep::kReopen);
  EXPECT_FALSE(back.owner_gains);
  EXPECT_EQ(back.epoch.value, 7);  // the lost close had 6
}

TEST(DecideCutover, AnOldViewWaits) {
  EXPECT_EQ(DecideCutover(View(Side(GateState::kOpen, kN + 1), Side(GateState::kClosed, 0))).step,
            CutoverStep::kWait);
}

TEST(DecideCutover, ALeaseThatRunsDelaysTheOpening) {
  for (const SideView& gain : {Side(GateState::kClosed, 0), Side(GateState::kDrained, kN)}) {
    CutoverView view = View(Side(GateState::kClosed, kN), gain);
    view.lease_runs = true;
    EXPECT_EQ(DecideCutover(view).step, CutoverStep::kWait);
  }
}

TEST(DecideCutover, MovesOnOnceRoutersAndTableKnow) {
  CutoverView view = View(Side(GateState::kClosed, kN, 6), Side(GateState::kOpen, kN, 6));
  view.released = true;
  EXPECT_EQ(DecideCutover(view).step, CutoverStep::kPublish);
  view.table_says_gain = true;
  view.table_epoch = {6};
  EXPECT_EQ(DecideCutover(view).step, CutoverStep::kMoveTo);
  EXPECT_EQ(DecideCutover(view).next, Phase::kSoaking);
  view.phase = Phase::kRollingBack;
  EXPECT_EQ(DecideCutover(view).next, Phase::kCleaningUp);

  CutoverView back = View(Side(GateState::kOpen, kN, 7), Side(GateState::kRevoked, kN));
  back.released = true;
  back.table_epoch = {7};
  EXPECT_EQ(DecideCutover(back).next, Phase::kReady);
  back.abort_asked = true;
  EXPECT_EQ(DecideCutover(back).next, Phase::kAborting);
  back.phase = Phase::kRollingBack;
  EXPECT_EQ(DecideCutover(back).next, Phase::kSoaking);
}

TEST(DecideWatchdog, EndsAnAttemptWhoseOperatorIsGone) {
  WatchdogView view{.gain = Side(GateState::kClosed, 0), .lose = Side(GateState::kClosed, kN, 6)};
  EXPECT_EQ(DecideWatchdog(view).step, WatchdogStep::kNothing);
  view.budget_spent = true;
  EXPECT_EQ(DecideWatchdog(view).step, WatchdogStep::kRevoke);
  view.gain = Side(GateState::kRevoked, kN);
  EXPECT_EQ(DecideWatchdog(view).step, WatchdogStep::kReopen);
  EXPECT_GT(DecideWatchdog(view).epoch.value, 6);
  view.gain = Side(GateState::kOpen, kN, 6);
  EXPECT_EQ(DecideWatchdog(view).step, WatchdogStep::kNothing);
  view.phase = Phase::kSoaking;
  EXPECT_EQ(DecideWatchdog(view).step, WatchdogStep::kNothing);
}

TEST(PauseAfterAttempt, DoublesUpToFiveMinutes) {
  EXPECT_EQ(PauseAfterAttempt({0}).count(), 0);
  EXPECT_EQ(PauseAfterAttempt({1}), kFirstRetryPause);
  EXPECT_EQ(PauseAfterAttempt({2}), 2 * kFirstRetryPause);
  EXPECT_EQ(PauseAfterAttempt({50}), kLastRetryPause);
}

TEST(WhyNotReady, ASlowProbeAmongManyKeepsACutoverAwayForAWhileOnly) {
  Progress progress;
  progress.lag_p99_millis = 80;
  progress.lag_last3_millis = 9;
  ReadyView seen{.progress = progress,
                 .stream_healthy = true,
                 .shards_healthy = true,
                 .oldest_holder = {},
                 .lease_left = std::chrono::seconds(10),
                 .since_last_attempt = kLagPatience - std::chrono::milliseconds(1),
                 .attempt = {}};
  ASSERT_TRUE(WhyNotReady(seen));
  EXPECT_EQ(WhyNotReady(seen)->reason, "LagTooHigh");
  seen.since_last_attempt = kLagPatience;
  EXPECT_FALSE(WhyNotReady(seen));
  progress.lag_last3_millis = 50;
  ASSERT_TRUE(WhyNotReady(seen)) << "the newest probes count always";
  EXPECT_EQ(WhyNotReady(seen)->reason, "LagTooHigh");
  progress.lag_last3_millis = 9;
  seen.frozen = true;
  ASSERT_TRUE(WhyNotReady(seen));
  EXPECT_EQ(WhyNotReady(seen)->reason, "FreezeWindow");
}

}  // namespace
}  // namespace foreshard::migration

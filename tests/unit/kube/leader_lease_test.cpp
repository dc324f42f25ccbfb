#include "kube/leader_lease.h"

#include <gtest/gtest.h>

#include <memory>

#include "kube/kinds.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"
#include "tests/fakes/faulty_kube_api.h"

namespace foreshard::kube {
namespace {

using fakes::FakeClock;
using fakes::FakeKubeApi;
using fakes::FaultyKubeApi;
using fakes::KubeCall;
using fakes::KubeFault;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

class Election : public testing::Test {
 protected:
  LeaderLeaseOptions Options(const std::string& identity) {
    return {.lease = lease_, .identity = identity};
  }
  LeaseRecord Record() {
    return *ParseLease(**api_.Get(kLeases, lease_, Deadline::After(clock_, 1s)));
  }
  // Both step each second, as their threads would.
  void Pass(std::chrono::seconds time, std::initializer_list<LeaderLease*> candidates) {
    for (std::chrono::seconds passed{0}; passed < time; passed += 1s) {
      clock_.Advance(1s);
      for (LeaderLease* candidate : candidates) candidate->Step();
      int leaders = 0;
      for (LeaderLease* candidate : candidates) leaders += candidate->Leads() ? 1 : 0;
      EXPECT_LE(leaders, 1);
    }
  }

  FakeClock clock_;
  FakeKubeApi api_{clock_};
  KubeFault fault_ = KubeFault::kNone;
  bool loses_next_answer_ = false;  // of a write
  FaultyKubeApi faulty_{api_, [this](const KubeCall& call) {
                          if (!call.IsRead() && std::exchange(loses_next_answer_, false))
                            return KubeFault::kFailAfter;
                          return fault_;
                        }};
  ObjectRef lease_{"shop", "foreshard-operator"};
  LeaderLease a_{faulty_, clock_, Options("a")};
  LeaderLease b_{api_, clock_, Options("b")};
};

TEST_F(Election, TheFirstLeadsAndTheSecondWaits) {
  a_.Step();
  b_.Step();
  EXPECT_TRUE(a_.Leads());
  EXPECT_FALSE(b_.Leads());
  EXPECT_EQ(a_.transitions(), 1);
  Pass(60s, {&a_, &b_});
  EXPECT_TRUE(a_.Leads());
  EXPECT_EQ(Record().holder, "a");
  EXPECT_EQ(Record().transitions, 1);
}

TEST_F(Election, ADeadLeaderIsReplacedWithinFifteenSeconds) {
  a_.Step();
  Pass(20s, {&a_, &b_});
  Pass(15s, {&b_});
  EXPECT_TRUE(b_.Leads());
  EXPECT_FALSE(a_.Leads()) << "it must stop by its own clock";
  EXPECT_EQ(b_.transitions(), 2);
}

TEST_F(Election, ALeaderStopsBelievingBeforeItIsReplaced) {
  a_.Step();
  Pass(3s, {&a_, &b_});
  for (int i = 0; i < 7; ++i) {
    EXPECT_FALSE(b_.Leads());
    clock_.Advance(1s);
    b_.Step();
  }
  EXPECT_FALSE(a_.Leads());
  EXPECT_FALSE(b_.Leads()) << "the margin lies between the two";
}

TEST_F(Election, WhatIsLeftOfATermRunsOut) {
  EXPECT_EQ(a_.Left(), 0ms);
  a_.Step();
  EXPECT_EQ(a_.Left(), 7'000ms) << "the duration without the margin";
  clock_.Advance(3s);
  EXPECT_EQ(a_.Left(), 4'000ms);
  a_.Step();
  EXPECT_EQ(a_.Left(), 7'000ms);
  clock_.Advance(60s);
  EXPECT_EQ(a_.Left(), 0ms);
}

TEST_F(Election, AReleaseIsSeenWithinTwoSeconds) {
  a_.Step();
  Pass(5s, {&a_, &b_});
  a_.Release();
  EXPECT_FALSE(a_.Leads());
  EXPECT_EQ(Record().holder, "");
  Pass(2s, {&b_});
  EXPECT_TRUE(b_.Leads());
  EXPECT_EQ(b_.transitions(), 2);
}

TEST_F(Election, AReleaseLeavesTheLeaseOfAnother) {
  a_.Step();
  b_.Release();
  EXPECT_EQ(Record().holder, "a");
}

TEST_F(Election, ALeaderThatCannotRenewStops) {
  a_.Step();
  Pass(4s, {&a_, &b_});
  fault_ = KubeFault::kFailBefore;
  Pass(6s, {&a_});
  EXPECT_TRUE(a_.Leads());
  Pass(2s, {&a_});
  EXPECT_FALSE(a_.Leads());
  fault_ = KubeFault::kNone;
  Pass(2s, {&a_});  // Nobody took it: a new term all the same.
  EXPECT_TRUE(a_.Leads());
  EXPECT_EQ(a_.transitions(), 2);
}

TEST_F(Election, ARenewalWhoseAnswerIsLostDoesNotEndTheTerm) {
  a_.Step();
  fault_ = KubeFault::kFailAfter;
  Pass(2s, {&a_, &b_});
  fault_ = KubeFault::kNone;
  Pass(10s, {&a_, &b_});
  EXPECT_TRUE(a_.Leads());
  EXPECT_EQ(a_.transitions(), 1);
}

TEST_F(Election, ATwinUnderTheSameNameIsSomebodyElse) {
  a_.Step();
  LeaderLease twin(api_, clock_, Options("a"));
  Pass(9s, {&a_, &twin});
  EXPECT_TRUE(a_.Leads());
  EXPECT_FALSE(twin.Leads());
  Pass(12s, {&twin});
  EXPECT_TRUE(twin.Leads());
  EXPECT_EQ(twin.transitions(), 2);
  a_.Step();
  EXPECT_FALSE(a_.Leads()) << "its term is over";
}

TEST_F(Election, ATakeOverWhoseAnswerIsLostIsOurs) {
  loses_next_answer_ = true;
  a_.Step();
  EXPECT_FALSE(a_.Leads()) << "it cannot know";
  EXPECT_EQ(Record().holder, "a");
  clock_.Advance(1s);
  a_.Step();
  EXPECT_TRUE(a_.Leads());
  EXPECT_EQ(a_.transitions(), 1);
}

TEST_F(Election, ATakeOverWhoseTimeIsOverWhenItIsFoundIsMadeAgain) {
  loses_next_answer_ = true;
  a_.Step();
  clock_.Advance(20s);  // the API server was slow, or we were
  Pass(3s, {&a_});
  EXPECT_TRUE(a_.Leads());
  EXPECT_EQ(a_.transitions(), 2) << "a new term: somebody may have seen the old one end";
}

TEST_F(Election, APausedLeaderNoticesBeforeItActs) {
  a_.Step();
  Pass(1s, {&a_, &b_});
  for (int i = 0; i < 14; ++i) {
    clock_.Advance(1s);
    b_.Step();
  }
  EXPECT_TRUE(b_.Leads());
  EXPECT_FALSE(a_.Leads());
  a_.Step();
  EXPECT_FALSE(a_.Leads());
  EXPECT_EQ(Record().holder, "b");
}

TEST_F(Election, SteppingDownGivesTheLeaseBack) {
  a_.Step();
  a_.StepDown("a shard refused our token");
  EXPECT_FALSE(a_.Leads());
  EXPECT_EQ(a_.Step(), 10'000ms);
  EXPECT_EQ(Record().holder, "");
  b_.Step();
  EXPECT_TRUE(b_.Leads());
}

TEST_F(Election, TwoThatCreateTheLeaseAtOnceAreOneLeader) {
  LeaderLease other(api_, clock_, Options("c"));
  fault_ = KubeFault::kNone;
  a_.Step();
  other.Step();
  b_.Step();
  EXPECT_EQ(
      static_cast<int>(a_.Leads()) + static_cast<int>(b_.Leads()) + static_cast<int>(other.Leads()),
      1);
}

TEST_F(Election, AStaleViewTakesNothing) {
  a_.Step();
  Pass(3s, {&a_});
  a_.Release();
  b_.Step();
  ASSERT_TRUE(b_.Leads());
  api_.SetReadLag(1);  // As of before b took it.
  LeaderLease late(api_, clock_, Options("c"));
  late.Step();
  api_.SetReadLag(0);
  EXPECT_FALSE(late.Leads());
  EXPECT_TRUE(b_.Leads());
  EXPECT_EQ(Record().holder, "b");
}

TEST_F(Election, RunReleasesAtTheStop) {
  std::stop_source stop;
  stop.request_stop();
  a_.Step();
  a_.Run(stop.get_token());
  EXPECT_EQ(Record().holder, "");
}

}  // namespace
}  // namespace foreshard::kube

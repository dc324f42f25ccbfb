#include "router/loop_pace.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include "tests/unit/router/loop_world.h"

namespace foreshard::router {
namespace {

// Runs the steps on a thread of its own, which does not keep what a loop has made of the test's.
template <typename Steps>
void OnThread(Steps steps) {
  std::jthread thread([&steps] {
    const sched_param none{};
    ASSERT_EQ(::sched_setscheduler(0, SCHED_OTHER, &none), 0);
    steps();
  });
}

TEST(LoopPaceTest, ManyEventsAPollMakeAThreadThatWaitsForItsTurn) {
  OnThread([] {
    LoopPace pace;
    for (int poll = 0; poll < 200; ++poll) pace.Polled(5);
    EXPECT_TRUE(pace.batch());
    EXPECT_EQ(::sched_getscheduler(0), SCHED_BATCH);
    for (int poll = 0; poll < 200; ++poll) pace.Polled(1);
    EXPECT_FALSE(pace.batch());
    EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
  });
}

TEST(LoopPaceTest, ABurstAloneChangesNothing) {
  OnThread([] {
    LoopPace pace;
    for (int poll = 0; poll < 1000; ++poll) pace.Polled(poll % 100 == 99 ? 40 : 1);
    EXPECT_FALSE(pace.batch());
    EXPECT_EQ(::sched_getscheduler(0), SCHED_OTHER);
  });
}

TEST(LoopPaceTest, WhatLiesBetweenTheLimitsLeavesItAsItIs) {
  OnThread([] {
    LoopPace pace;
    for (int poll = 0; poll < 200; ++poll) pace.Polled(poll % 2 == 0 ? 2 : 3);
    EXPECT_FALSE(pace.batch());
    for (int poll = 0; poll < 200; ++poll) pace.Polled(5);
    for (int poll = 0; poll < 200; ++poll) pace.Polled(poll % 2 == 0 ? 2 : 3);
    EXPECT_TRUE(pace.batch());
  });
}

using LoopPaceOfALoop = LoopWorld;

// Many peers that answer each other: all of them are heard in few polls.
TEST_F(LoopPaceOfALoop, FollowsWhatItsPollsBring) {
  constexpr int kPeers = 64;
  constexpr int kRounds = 200;
  std::vector<std::unique_ptr<Heard>> accepted;
  const Result<std::uint16_t> listening = loop.Listen("127.0.0.1", 0, [&](Stream& stream) {
    accepted.push_back(std::make_unique<Heard>());
    Heard* heard = accepted.back().get();
    heard->stream = &stream;
    heard->on_bytes = [heard] { heard->stream->Write("x"); };
    return heard;
  });
  ASSERT_TRUE(listening);
  std::vector<std::unique_ptr<Heard>> peers;
  int policy = -1;
  int rounds = 0;
  for (int i = 0; i < kPeers; ++i) {
    peers.push_back(std::make_unique<Heard>());
    Heard* peer = peers.back().get();
    peer->on_bytes = [&, peer] {
      if (++rounds == kPeers * kRounds) policy = ::sched_getscheduler(0);
      if (rounds >= kPeers * kRounds) Done();
      peer->stream->Write("x");
    };
    peer->on_connected = [peer] { peer->stream->Write("x"); };
    peer->stream = loop.Connect({.host = "127.0.0.1", .port = *listening}, peer);
  }
  Run();
  EXPECT_EQ(policy, SCHED_BATCH);
}

}  // namespace
}  // namespace foreshard::router

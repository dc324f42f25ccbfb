#include "operator/work_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/log.h"
#include "operator/limits.h"
#include "tests/fakes/fake_clock.h"

namespace foreshard::op {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Script final : public Reconciler {
 public:
  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline) override {
    seen.push_back(ref.name);
    if (during) during(ref);
    return answer;
  }

  std::vector<std::string> seen;
  std::function<void(const kube::ObjectRef&)> during;
  Result<Outcome> answer = Outcome::Done();
};

class WorkQueueTest : public testing::Test {
 protected:
  void SetUp() override {
    log::SetSink([](std::string_view) {});
  }
  void TearDown() override { log::SetSink({}); }

  fakes::FakeClock clock;
  Script script;
  std::mutex mutex;
  TokenBucket bucket{10, 5};
  bool may_work = true;
  WorkQueue queue{
      script,
      bucket,
      mutex,
      {.controller = "test", .clock = clock, .seed = 1, .on_pass = {}, .may_work = [this] {
         return may_work;
       }}};
  const kube::ObjectRef a{"n", "a"};
  const kube::ObjectRef b{"n", "b"};
};

TEST_F(WorkQueueTest, ANameIsInItOnce) {
  queue.Add(a);
  queue.Add(a);
  queue.Add(b);
  EXPECT_EQ(queue.depth(), 2U);
  EXPECT_TRUE(queue.Step());
  EXPECT_TRUE(queue.Step());
  EXPECT_FALSE(queue.Step());
  EXPECT_EQ(script.seen, (std::vector<std::string>{"a", "b"}));
}

TEST_F(WorkQueueTest, WhatIsAddedDuringAPassComesAgainAfterwards) {
  script.during = [this](const kube::ObjectRef& ref) {
    if (script.seen.size() > 1) return;
    queue.Add(ref);
    EXPECT_FALSE(queue.Step()) << "one worker at a time has a name";
  };
  queue.Add(a);
  EXPECT_TRUE(queue.Step());
  EXPECT_TRUE(queue.Step());
  EXPECT_EQ(script.seen.size(), 2U);
}

TEST_F(WorkQueueTest, ComesBackWhenItAskedTo) {
  script.answer = Outcome::LookAgain(seconds(5));
  queue.Add(a);
  EXPECT_TRUE(queue.Step());
  clock.Advance(milliseconds(4999));
  EXPECT_FALSE(queue.Step());
  clock.Advance(milliseconds(1));
  EXPECT_TRUE(queue.Step());
}

TEST_F(WorkQueueTest, AnEarlierTimeWinsOverALaterOne) {
  queue.AddAfter(a, seconds(60));
  queue.AddAfter(a, seconds(1));
  queue.AddAfter(a, seconds(30));
  clock.Advance(seconds(1));
  EXPECT_TRUE(queue.Step());
  EXPECT_EQ(queue.depth(), 0U);
}

TEST_F(WorkQueueTest, FailuresWaitLongerEachTimeUntilOneGoesWell) {
  script.answer = Error::Retry("no");
  std::vector<milliseconds> waits;
  queue.Add(a);
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(queue.Step());
    const milliseconds wait =
        std::chrono::duration_cast<milliseconds>(*queue.NextDue() - clock.Monotonic());
    waits.push_back(wait);
    clock.Advance(wait);
  }
  for (std::size_t i = 1; i < waits.size(); ++i) EXPECT_GT(waits[i], waits[i - 1]);
  script.answer = Outcome::Done();
  ASSERT_TRUE(queue.Step());
  script.answer = Error::Retry("no");
  queue.Add(a);
  ASSERT_TRUE(queue.Step());
  EXPECT_LE(*queue.NextDue() - clock.Monotonic(), kBackoffFirst);
}

TEST_F(WorkQueueTest, AnOldViewIsLookedAtSoonAndAHopelessOneRarely) {
  script.answer = Error::Reobserve("409");
  queue.Add(a);
  ASSERT_TRUE(queue.Step());
  EXPECT_LE(*queue.NextDue() - clock.Monotonic(), kBackoffFirst);
  script.answer = Error::GiveUp("invalid");
  queue.Add(b);
  clock.Advance(seconds(1));
  ASSERT_TRUE(queue.Step());
  ASSERT_TRUE(queue.Step());
  EXPECT_GE(*queue.NextDue() - clock.Monotonic(), kBackoffLongest);
}

TEST_F(WorkQueueTest, AllNamesShareOneRate) {
  for (int i = 0; i < 20; ++i) queue.Add({"n", std::to_string(i)});
  int passes = 0;
  while (queue.Step()) ++passes;
  EXPECT_EQ(passes, 5) << "the burst";
  clock.Advance(seconds(1));
  while (queue.Step()) ++passes;
  EXPECT_EQ(passes, 10) << "refilled up to the burst";
}

TEST_F(WorkQueueTest, WhatSomebodyWaitsForComesBeforeWhatIsDueForLonger) {
  for (int i = 0; i < 4; ++i) queue.Add({"n", std::to_string(i)});
  clock.Advance(seconds(10));
  queue.Add(b);
  queue.AddFirst(b);  // it was there already
  queue.AddFirst(a);
  queue.Add(a);
  script.answer = Outcome::LookAgain(milliseconds(1));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue.Step());
  EXPECT_EQ(script.seen, (std::vector<std::string>{"a", "b", "0", "1"}));
  clock.Advance(seconds(10));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(queue.Step());
  EXPECT_EQ(script.seen[4], "2") << "first for one pass only";
}

TEST_F(WorkQueueTest, WhoMayNotWorkGathersOnly) {
  may_work = false;
  queue.Add(a);
  EXPECT_FALSE(queue.Step());
  EXPECT_EQ(queue.depth(), 1U);
  may_work = true;
  EXPECT_TRUE(queue.Step());
}

TEST(WorkQueueThreads, WorkersTakeWhatIsAddedAndEndWhenToldTo) {
  const SystemClock clock;
  struct Counter final : Reconciler {
    Result<Outcome> Reconcile(const kube::ObjectRef&, Deadline) override {
      ++passes;
      passes.notify_all();
      return Outcome::Done();
    }
    std::atomic<int> passes{0};
  } counter;
  std::mutex mutex;
  TokenBucket bucket(1000, 1000);
  WorkQueue queue(counter, bucket, mutex,
                  {.controller = "t", .clock = clock, .seed = 1, .on_pass = {}, .may_work = {}});
  {
    std::jthread one([&](std::stop_token stop) { queue.Run(stop); });
    std::jthread two([&](std::stop_token stop) { queue.Run(stop); });
    for (int i = 0; i < 50; ++i) queue.Add({"n", std::to_string(i)});
    for (int seen = counter.passes; seen < 50; seen = counter.passes) counter.passes.wait(seen);
  }
  EXPECT_EQ(counter.passes, 50);
  EXPECT_EQ(queue.depth(), 0U);
}

}  // namespace
}  // namespace foreshard::op

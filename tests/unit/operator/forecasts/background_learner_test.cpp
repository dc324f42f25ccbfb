#include "operator/forecasts/background_learner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>

#include "tests/support/await.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;

const kube::ObjectRef kSet{"shop", "orders"};

RetrainJob JobOf(int shards) {
  forecast::History history;
  history.bin = std::chrono::hours(1);
  history.first = 24 * 1'000;
  for (int i = 0; i < 5 * 24; ++i) {
    history.mean.push_back(100 + 40 * std::sin(i * 0.2617993877991494) + i * 7919 % 11);
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  RetrainJob job{.options = {}, .due = {}, .histories = {}};
  job.options.bin = std::chrono::hours(1);
  job.options.day_bins = 24;
  job.options.week_bins = 0;
  job.options.horizon_bins = 4;
  Random random(1);
  const forecast::Fitted fitted = *forecast::Fit(history, {}, job.options, nullptr, random);
  for (int i = 0; i < shards; ++i) job.due.emplace(model::ShardId{fmt::format("s-{}", i)}, fitted);
  return job;
}

std::optional<Retrained> AwaitLearned(BackgroundLearner& learner, const kube::ObjectRef& set) {
  std::optional<Retrained> learned;
  EXPECT_TRUE(support::Await("the job is done", 30s, [&] {
    learned = learner.Take(set);
    return support::Seen(learned.has_value());
  }));
  return learned;
}

TEST(BackgroundLearner, HandsBackWhatItLearnedOnce) {
  const SystemClock clock;
  BackgroundLearner learner(clock);
  EXPECT_FALSE(learner.Busy(kSet));
  learner.Start(kSet, JobOf(2));
  EXPECT_TRUE(learner.Busy(kSet));
  const std::optional<Retrained> learned = AwaitLearned(learner, kSet);
  ASSERT_TRUE(learned);
  EXPECT_EQ(learned->fitted.size(), 2u);
  EXPECT_FALSE(learner.Busy(kSet));
  EXPECT_FALSE(learner.Take(kSet));
}

TEST(BackgroundLearner, SetsWaitForEachOtherAndAreNotMixedUp) {
  const SystemClock clock;
  BackgroundLearner learner(clock);
  const kube::ObjectRef other{"shop", "others"};
  learner.Start(kSet, JobOf(3));
  learner.Start(other, JobOf(1));
  const std::optional<Retrained> second = AwaitLearned(learner, other);
  const std::optional<Retrained> first = AwaitLearned(learner, kSet);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->fitted.size(), 3u);
  EXPECT_EQ(second->fitted.size(), 1u);
}

TEST(BackgroundLearner, ASetThatIsGoneLeavesNothing) {
  const SystemClock clock;
  BackgroundLearner learner(clock);
  learner.Start(kSet, JobOf(20));
  learner.Forget(kSet);
  EXPECT_TRUE(
      support::Await("it is forgotten", 30s, [&] { return support::Seen(!learner.Busy(kSet)); }));
  EXPECT_FALSE(learner.Take(kSet));
}

// An hour between any two looks.
class SlowClock final : public Clock {
 public:
  MonotonicTime Monotonic() const override {
    return MonotonicTime(std::chrono::hours(looks_.fetch_add(1)));
  }
  WallTime Wall() const override { return {}; }
  int looks() const { return looks_.load(); }

 private:
  mutable std::atomic<int> looks_{0};
};

TEST(BackgroundLearner, RestsBetweenStepsAndEndsAtOnceWhenAsked) {
  const SlowClock clock;
  {
    BackgroundLearner learner(clock);
    learner.Start(kSet, JobOf(50));
    // The job begins, its first step begins and ends an hour later: now three hours of rest.
    ASSERT_TRUE(
        support::Await("a step is done", 30s, [&] { return support::Seen(clock.looks() >= 3); }));
    EXPECT_FALSE(learner.Take(kSet));
  }
  EXPECT_LE(clock.looks(), 6) << "it went on without a rest";
}

}  // namespace
}  // namespace foreshard::op

#include "operator/forecasts/retrain.h"

#include <gtest/gtest.h>

#include <cmath>

namespace foreshard::op {
namespace {

forecast::History Wave(int days) {
  forecast::History history;
  history.bin = std::chrono::hours(1);
  history.first = 24 * 1'000;
  for (int i = 0; i < days * 24; ++i) {
    history.mean.push_back(100 + 40 * std::sin(i * 0.2617993877991494) + i * 7919 % 11);
    history.state.push_back(model::BinState::kGood);
  }
  history.peak = history.mean;
  return history;
}

forecast::Options Hourly() {
  forecast::Options options;
  options.bin = std::chrono::hours(1);
  options.day_bins = 24;
  options.week_bins = 168;
  options.horizon_bins = 4;
  return options;
}

RetrainJob JobOf(std::initializer_list<const char*> shards) {
  RetrainJob job{.options = Hourly(), .due = {}, .histories = {}};
  Random random(1);
  for (const char* shard : shards)
    job.due.emplace(model::ShardId{shard}, *forecast::Fit(Wave(10), {}, Hourly(), nullptr, random));
  return job;
}

TEST(Retrain, FitsEveryShardThatIsDue) {
  RetrainJob job = JobOf({"s-a", "s-b"});
  const std::int64_t before = forecast::CountsOf(job.due.at({"s-a"})).refits;
  const Retrained learned = Retrain(std::move(job), forecast::OneByOne, forecast::NeverStop);
  ASSERT_EQ(learned.fitted.size(), 2u);
  EXPECT_EQ(forecast::CountsOf(learned.fitted.at({"s-b"})).refits, before + 1);
  EXPECT_FALSE(learned.shared);
}

TEST(Retrain, EndsBetweenTwoShardsWhenAskedTo) {
  int asked = 0;
  const Retrained learned =
      Retrain(JobOf({"s-a", "s-b", "s-c"}), forecast::OneByOne, [&asked] { return ++asked > 1; });
  EXPECT_EQ(learned.fitted.size(), 1u);
}

TEST(Retrain, ANetworkThatIsNotTrainedLeavesTheShardsTheirs) {
  RetrainJob job = JobOf({"s-a"});
  job.histories = {Wave(30)};
  job.histories[0].mean[50] = -1;  // refused by name
  const Retrained learned = Retrain(std::move(job), forecast::OneByOne, forecast::NeverStop);
  EXPECT_FALSE(learned.shared);
  EXPECT_NE(learned.problem.find("negative"), std::string::npos) << learned.problem;
  EXPECT_EQ(learned.fitted.size(), 1u);
}

}  // namespace
}  // namespace foreshard::op

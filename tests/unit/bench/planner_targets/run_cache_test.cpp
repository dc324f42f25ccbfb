#include "bench/planner_targets/run_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace foreshard::bench {
namespace {

class RunCacheTest : public testing::Test {
 protected:
  RunCacheTest() { std::filesystem::remove_all(folder_); }
  ~RunCacheTest() override { std::filesystem::remove_all(folder_); }

  std::size_t Files() const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder_))
      count += file.is_regular_file() ? 1 : 0;
    return count;
  }

  const std::string folder_ = testing::TempDir() + "run-cache";
  const simulate::Trace trace_{.name = "mongo", .first = 7, .demand = {1, 2.5, 1.0 / 3}};
  simulate::Options options_;
  const simulate::RunResult run_{.trace = "mongo",
                                 .seed = 4,
                                 .strategy = "ours@quantile=85;target=74",
                                 .metrics = {{"memberHours", 961.0 / 3}, {"moves", 12}},
                                 .actions = {{"Split", 3}, {"Move", 9}},
                                 .plan_millis_p50 = 0.1,
                                 .plan_millis_p99 = 1e-17,
                                 .duration_errors = {0.25, 1.0 / 7}};
};

TEST_F(RunCacheTest, FindsWhatItKeptToTheLastDigit) {
  const RunCache cache(folder_, 1);
  EXPECT_FALSE(cache.Find(trace_, options_, 4, run_.strategy));
  ASSERT_TRUE(cache.Keep(trace_, options_, run_));
  const auto found = cache.Find(trace_, options_, 4, run_.strategy);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->trace, run_.trace);
  EXPECT_EQ(found->seed, run_.seed);
  EXPECT_EQ(found->strategy, run_.strategy);
  EXPECT_EQ(found->metrics, run_.metrics);
  EXPECT_EQ(found->actions, run_.actions);
  EXPECT_EQ(found->plan_millis_p50, run_.plan_millis_p50);
  EXPECT_EQ(found->plan_millis_p99, run_.plan_millis_p99);
  EXPECT_EQ(found->duration_errors, run_.duration_errors);
  EXPECT_EQ(Files(), 1u) << "nothing that was begun is left";
}

TEST_F(RunCacheTest, AnythingElseFindsNothing) {
  const RunCache cache(folder_, 1);
  ASSERT_TRUE(cache.Keep(trace_, options_, run_));
  EXPECT_FALSE(RunCache(folder_, 2).Find(trace_, options_, 4, run_.strategy)) << "another build";
  EXPECT_FALSE(cache.Find(trace_, options_, 5, run_.strategy));
  EXPECT_FALSE(cache.Find(trace_, options_, 4, "ours"));
  simulate::Trace longer = trace_;
  longer.demand.push_back(1);
  EXPECT_FALSE(cache.Find(longer, options_, 4, run_.strategy));
  simulate::Options flash = options_;
  flash.with = {"flash"};
  EXPECT_FALSE(cache.Find(trace_, flash, 4, run_.strategy));
  simulate::Options other = options_;
  other.target_percent += 1;
  EXPECT_FALSE(cache.Find(trace_, other, 4, run_.strategy));
  other = options_;
  other.quantile_percent += 1;
  EXPECT_FALSE(cache.Find(trace_, other, 4, run_.strategy));
  simulate::Options more_seeds = options_;
  more_seeds.seeds += 1;
  more_seeds.threads += 1;
  more_seeds.strategies = {"ours"};
  EXPECT_TRUE(cache.Find(trace_, more_seeds, 4, run_.strategy)) << "a run does not depend on them";
}

TEST_F(RunCacheTest, AFileThatIsNotWholeIsNotFound) {
  const RunCache cache(folder_, 1);
  ASSERT_TRUE(cache.Keep(trace_, options_, run_));
  const std::string path = std::filesystem::directory_iterator(folder_)->path().string();
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  EXPECT_FALSE(cache.Find(trace_, options_, 4, run_.strategy));
  std::ofstream(path) << "metric memberHours many\nend\n";
  EXPECT_FALSE(cache.Find(trace_, options_, 4, run_.strategy));
}

TEST_F(RunCacheTest, WithoutAFolderNothingIsKept) {
  const RunCache cache("", 1);
  EXPECT_TRUE(cache.Keep(trace_, options_, run_));
  EXPECT_FALSE(cache.Find(trace_, options_, 4, run_.strategy));
}

TEST_F(RunCacheTest, WhatCannotBeKeptIsSaid) {
  std::ofstream(testing::TempDir() + "run-cache") << "a file";
  const RunCache cache(folder_, 1);
  const Status kept = cache.Keep(trace_, options_, run_);
  ASSERT_FALSE(kept);
  EXPECT_NE(kept.error().message.find("run-cache"), std::string::npos);
}

}  // namespace
}  // namespace foreshard::bench

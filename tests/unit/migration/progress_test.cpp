#include "migration/progress.h"

#include <gtest/gtest.h>

namespace foreshard::migration {
namespace {

TEST(Progress, SurvivesBothWays) {
  Progress progress;
  progress.done = Done{.phase = "Copying", .record = 4};
  progress.failure =
      Failure{.phase = "Verifying", .record = 6, .reason = "R", .message = "a \"b\""};
  progress.waiting = "BlockedByLongTransaction";
  progress.copied_rows = 10;
  progress.total_rows = 20;
  progress.copy_rows_per_second = 3;
  progress.copy_seconds_left = 4;
  progress.lag_millis = 7;
  progress.lag_p99_millis = 9;
  progress.digest_equal = true;
  progress.source_identity = "7/1";
  const auto read = ParseProgress(ToJson(progress));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, progress);
}

TEST(Progress, NothingIsTheDefaultAndUnknownFieldsAreOfANewerMover) {
  EXPECT_EQ(*ParseProgress("{}"), Progress{});
  EXPECT_EQ(*ParseProgress(R"({"sessions_before": "now"})"), Progress{});
  EXPECT_FALSE(ParseProgress("["));
}

TEST(PreflightResult, SurvivesBothWays) {
  const PreflightResult result{.passed = false,
                               .skipped = false,
                               .reason = "NoPrimaryKey",
                               .message = "public.orders has no primary key",
                               .rows = 5,
                               .bytes = 6,
                               .duration_seconds = 7,
                               .p80_duration_seconds = 8};
  const auto read = ParsePreflightResult(ToJson(result));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, result);
}

}  // namespace
}  // namespace foreshard::migration

#include "operator/status/migration_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operator/status/status_world.h"

namespace foreshard::op {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MigrationPart, ShowsWhereItStandsAndHowFarItCopied) {
  const std::string part = MigrationPart(tests::Orders(), tests::kMorning);
  EXPECT_THAT(part, HasSubstr("Split of 40-80 from s-4kq7 to s-n8zt"));
  EXPECT_THAT(part, HasSubstr("<li class=\"past\">Preparing</li>"));
  EXPECT_THAT(part, HasSubstr("<li aria-current=\"step\">Copying</li>"));
  EXPECT_THAT(part, HasSubstr("<li>CatchingUp</li>"));
  EXPECT_THAT(part, HasSubstr("64 % copied, 391 MiB of about 610 MiB; 180 ms behind"));
  EXPECT_THAT(part, HasSubstr("Over: the last 1"));
  EXPECT_THAT(part, HasSubstr("<td>7 ms</td>"));
}

TEST(MigrationPart, WhatLeavesTheGoodWayIsSaidInAWord) {
  SetState state = tests::Orders();
  state.migrations[0].status.phase = "RollingBack";
  const std::string part = MigrationPart(state, tests::kMorning);
  EXPECT_THAT(part, HasSubstr("<span class=\"pill warning\">RollingBack</span>"));
  EXPECT_THAT(part, Not(HasSubstr("aria-current")));
}

TEST(MigrationPart, SaysWhatItWaitsFor) {
  SetState state = tests::Orders();
  state.migrations[0].spec.approved = false;
  EXPECT_THAT(MigrationPart(state, tests::kMorning),
              HasSubstr("kubectl foreshard -n shop approve orders-split-4kq7"));
  state.migrations[0].spec.approved = true;
  state.migrations[0].spec.paused = true;
  EXPECT_THAT(MigrationPart(state, tests::kMorning), HasSubstr(">paused<"));
  state.migrations[0].spec.paused = false;
  state.migrations[0].status.conditions = {
      tests::Condition("Completed", "False", "StreamBroken", "the slot is gone")};
  EXPECT_THAT(MigrationPart(state, tests::kMorning), HasSubstr("StreamBroken: the slot is gone"));
}

TEST(MigrationPart, SaysThatNoneRuns) {
  SetState state = tests::Orders();
  state.migrations.clear();
  EXPECT_THAT(MigrationPart(state, tests::kMorning), HasSubstr("None runs."));
}

}  // namespace
}  // namespace foreshard::op

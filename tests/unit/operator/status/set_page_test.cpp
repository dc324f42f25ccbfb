#include "operator/status/set_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operator/status/status_world.h"

namespace foreshard::op {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Page(const SetState& one, bool leads = true) {
  StatusState all = tests::MorningState();
  all.leads = leads;
  return SetPage(one, all);
}

TEST(SetPage, SaysHowItIsAndWhatComes) {
  const std::string page = Page(tests::Orders());
  EXPECT_THAT(page, HasSubstr("<span class=\"pill good\">Ready</span>"));
  EXPECT_THAT(page, HasSubstr("3 of 3"));
  EXPECT_THAT(page, HasSubstr("56 %<small>s-4kq7"));
  EXPECT_THAT(page, HasSubstr("104 %<small>s-4kq7, <time"));
  EXPECT_THAT(page, HasSubstr("Split s-4kq7 at 40 before 09:05"));
  EXPECT_THAT(page, HasSubstr("<span class=\"pill bad\">104 %</span>"));
  EXPECT_THAT(page, HasSubstr("Forecast in numbers"));
}

TEST(SetPage, ASetThatIsNotReadySaysWhy) {
  SetState state = tests::Orders();
  state.set.status.conditions = {
      tests::Condition("Ready", "False", "ShardNotReady", "s-9x2d has no primary")};
  state.set.status.shard_statuses[1].ready = false;
  state.set.status.shard_statuses[1].reason = "NoPrimary";
  const std::string page = Page(state);
  EXPECT_THAT(page, HasSubstr("not ready: ShardNotReady"));
  EXPECT_THAT(page, HasSubstr("not ready: NoPrimary"));
  EXPECT_THAT(page, HasSubstr("s-9x2d has no primary"));
}

TEST(SetPage, WhatIsNotKnownIsAQuestionMarkAndNotZero) {
  SetState state = tests::Orders();
  for (model::ShardStatus& shard : state.set.status.shard_statuses) {
    shard.cpu_percent.reset();
    shard.forecast_peak_percent.reset();
  }
  state.set.status.plan.reset();
  state.loads.clear();
  const std::string page = Page(state);
  EXPECT_THAT(page, HasSubstr("?<small>not measured yet"));
  EXPECT_THAT(page, HasSubstr("?<small>no forecast yet"));
  EXPECT_THAT(page, HasSubstr("There is no forecast yet: the conditions below say why."));
  EXPECT_THAT(page, Not(HasSubstr("<svg")));
}

TEST(SetPage, AnOperatorThatFollowsSaysWhoHasTheCurves) {
  SetState state = tests::Orders();
  state.loads.clear();
  EXPECT_THAT(Page(state, false), HasSubstr("This operator does not lead"));
}

TEST(SetPage, ASetThatHasJustBeenMadeHasAPage) {
  SetState state;
  state.set.name = "young";
  EXPECT_THAT(Page(state), HasSubstr("No shard yet."));
}

TEST(SetPage, OrphansAreNamed) {
  SetState state = tests::Orders();
  state.set.status.orphaned_shards = {{{"s-old1"}, "it still holds rows"}};
  EXPECT_THAT(Page(state), HasSubstr("<b>s-old1</b>: it still holds rows"));
}

}  // namespace
}  // namespace foreshard::op

#include "operator/status/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/golden.h"
#include "tests/unit/operator/status/status_world.h"

namespace foreshard::op {
namespace {

using testing::HasSubstr;
using testing::Not;

// Each text of a set that somebody outside can choose.
void Poison(SetState& one, const std::string& poison) {
  one.set.status.endpoint = poison;
  one.set.status.plan->summary = poison;
  one.set.status.plan->decision = poison;
  one.set.status.plan->time = poison;
  one.set.status.plan->steps[0] = {poison, {poison}, poison, poison, poison};
  one.set.status.orphaned_shards = {{{poison}, poison}};
  one.set.status.conditions = {{poison, poison, poison, poison, 1, poison}};
  one.set.status.shard_statuses[0].primary = poison;
  one.set.status.shard_statuses[0].ready = false;
  one.set.status.shard_statuses[0].reason = poison;
  one.set.status.shard_statuses[0].ranges = {poison};
  one.set.status.shard_statuses[0].forecast_peak_time = poison;
  one.table->key_space = {model::Strategy::kRange, model::KeyType::kText};
  one.table->ranges[0].range = {poison, poison};
  one.table->ranges[0].shard = {poison};
  one.migrations[0].name = poison;
  one.migrations[0].name_space = poison;
  one.migrations[0].spec.approved = false;
  one.migrations[0].spec.source = {poison};
  one.migrations[0].spec.range = model::KeyRange{poison, poison};
  one.migrations[0].status.phase = poison;
  one.migrations[0].status.start_time = poison;
  one.migrations[1].status.completion_time = poison;
  one.migrations[1].status.destination = {poison};
}

TEST(StatusPage, NoTextFromOutsideBecomesMarkup) {
  StatusState state = tests::MorningState();
  Poison(state.sets[0], "\"'><img src=x onerror=alert(1)>&");
  const std::string page = *StatusPage(state, {});
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, Not(HasSubstr("\"'>")));
  EXPECT_THAT(page, HasSubstr("&lt;img src=x onerror=alert(1)&gt;&amp;"));
  state.sets.push_back(state.sets[0]);  // the list of sets
  state.sets[1].set.name = "<img>";
  EXPECT_THAT(*StatusPage(state, {}), Not(HasSubstr("<img")));
}

TEST(StatusPage, HasNoScriptAndNothingFromElsewhere) {
  const std::string page = *StatusPage(tests::MorningState(), {});
  for (const char* banned : {"<script", "http:", "https:", "src=", "url(", "@import",
                             "<link rel=\"stylesheet\"", "onclick", "<form"}) {
    EXPECT_THAT(page, Not(HasSubstr(banned)));
  }
}

TEST(StatusPage, IsTheReviewedOne) {
  EXPECT_TRUE(
      support::IsGolden("operator/status_page.html", *StatusPage(tests::MorningState(), {})));
}

TEST(StatusPage, OneSetNeedsNoList) {
  StatusState state = tests::MorningState();
  EXPECT_THAT(*StatusPage(state, {}), HasSubstr("<h1>orders</h1>"));
  state.sets.push_back(tests::Orders());
  state.sets[1].set.name = "customers";
  const std::string list = *StatusPage(state, {});
  EXPECT_THAT(list, HasSubstr("<h1>2 ShardSets</h1>"));
  EXPECT_THAT(list, HasSubstr("<a href=\"/sets/shop/customers\">customers</a>"));
  const auto page = StatusPage(state, {.set = kube::ObjectRef{"shop", "customers"}});
  ASSERT_TRUE(page.has_value());
  EXPECT_THAT(*page, HasSubstr("<h1>customers</h1>"));
  EXPECT_THAT(*page, HasSubstr("<a href=\"/\">all sets</a>"));
  EXPECT_FALSE(StatusPage(state, {.set = kube::ObjectRef{"shop", "nobody"}}).has_value());
}

TEST(StatusPage, OnlyALivePageLoadsItselfAgainAndCanBeStopped) {
  const StatusState state = tests::MorningState();
  EXPECT_THAT(*StatusPage(state, {}), Not(HasSubstr("http-equiv")));
  EXPECT_THAT(*StatusPage(state, {}), HasSubstr("<a href=\"/live\">follow</a>"));
  const std::string live = *StatusPage(state, {.live = true});
  EXPECT_THAT(live, HasSubstr("<meta http-equiv=\"refresh\" content=\"10\">"));
  EXPECT_THAT(live, HasSubstr("<a href=\"/\">stop</a>"));
}

TEST(StatusPage, AnEmptyInstallationSaysWhatToDo) {
  StatusState state;
  EXPECT_THAT(*StatusPage(state, {}), HasSubstr("No ShardSet yet"));
  state.complete = false;
  EXPECT_THAT(*StatusPage(state, {}), HasSubstr("has not read the first lists"));
}

TEST(ParsePagePath, KnowsItsFourPathsAndNoOther) {
  EXPECT_FALSE(ParsePagePath("/")->live);
  EXPECT_TRUE(ParsePagePath("/live")->live);
  EXPECT_EQ(ParsePagePath("/sets/shop/orders")->set, (kube::ObjectRef{"shop", "orders"}));
  EXPECT_TRUE(ParsePagePath("/live/sets/shop/orders")->live);
  for (const char* path : {"/sets", "/sets/", "/sets/shop", "/sets/shop/", "/sets//orders",
                           "/sets/shop/orders/x", "/lives", "/favicon.ico", "/metrics"}) {
    EXPECT_FALSE(ParsePagePath(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace foreshard::op

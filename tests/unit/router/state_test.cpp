#include "router/state.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

struct Routed {
  TableFeed feed;
  RouterState state{{.name = "router-1"}, feed};

  Routed() {
    CHECK(feed.Offer(FourQuarters(), -1).ok(), "a table");
    state.TableChanged();
  }
  std::string OwnerOf(std::string_view bound) {
    return model::OwnerOfBound(state.Current().table->table(), std::string(bound)).value;
  }
};

// What a shard tells at a login, as the mover writes it (migration::RangeRowOf).
KnownRange Told(std::optional<std::string> from, std::optional<std::string> to) {
  return {.range_id = "migration-7",
          .kind = "hash",
          .lower_bound = std::move(from),
          .upper_bound = std::move(to),
          .keys = {},
          .owner = "s-0",
          .epoch = 2,
          .leased = false,
          .migration = 7};
}

TEST(RouterState, LearnsAnOwnerFromWhatAShardTellsAtALogin) {
  Routed router;
  ASSERT_EQ(router.OwnerOf("c0"), "s-3");
  EXPECT_TRUE(router.state.LearnRanges({Told("d9", std::nullopt)}, "s-3"));
  EXPECT_EQ(router.OwnerOf("d8"), "s-3");
  EXPECT_EQ(router.OwnerOf("d9"), "s-0");
  EXPECT_EQ(router.OwnerOf("f0"), "s-0");
}

// A router that has been cut off since before the migration began: no table lists it.
TEST(RouterState, ARefusalTeachesWhoseKeysTheLeaseNamed) {
  Routed router;
  KnownRange leased = Told("d9", std::nullopt);
  leased.owner = "s-3";
  leased.epoch = 1;
  leased.leased = true;
  router.state.LearnRanges({leased}, "s-3");
  EXPECT_FALSE(router.state.LearnOwner({.migration = 8, .owner = "s-0", .epoch = 2}));
  EXPECT_TRUE(router.state.LearnOwner({.migration = 7, .owner = "s-0", .epoch = 2}));
  EXPECT_EQ(router.OwnerOf("d8"), "s-3");
  EXPECT_EQ(router.OwnerOf("d9"), "s-0");
}

TEST(RouterState, AnOlderEpochTeachesNothing) {
  Routed router;
  KnownRange old = Told("d9", std::nullopt);
  old.epoch = 1;
  EXPECT_FALSE(router.state.LearnRanges({old}, "s-3"));
  EXPECT_EQ(router.OwnerOf("c0"), "s-3");
}

// The watch brings a table, and a session logs in before the view was made of it: the login says
// nothing that the feed does not know, but whoever asks now must not go by the old view.
TEST(RouterState, WhatTheFeedKnowsAlreadyIsNewsToAViewOfBefore) {
  for (const bool refusal : {false, true}) {
    Routed router;
    KnownRange leased = Told("c0", std::nullopt);
    leased.owner = "s-3";
    leased.epoch = 1;
    leased.leased = true;
    router.state.LearnRanges({leased}, "s-3");
    model::RoutingTable next = FourQuarters();
    ASSERT_EQ(next.ranges.back().range.from, "c0");
    next.ranges.back().shard = {"s-0"};
    next.epoch = {2};
    ASSERT_TRUE(router.feed.Offer(next, -1).ok());
    ASSERT_EQ(router.OwnerOf("d9"), "s-3") << "nobody has looked at the feed yet";
    if (refusal) {
      EXPECT_TRUE(router.state.LearnOwner({.migration = 7, .owner = "s-0", .epoch = 2}));
    } else {
      EXPECT_TRUE(router.state.LearnRanges({Told("c0", std::nullopt)}, "s-3"));
    }
    EXPECT_EQ(router.OwnerOf("d9"), "s-0");
  }
}

TEST(RouterState, WhatIsPinnedInAMovingRangeDoesNotMoveWithIt) {
  Routed router;
  model::RoutingTable next = router.feed.Current()->table();
  next.moving = {{.migration = "m", .number = {7}, .range = {"c0", ""}, .keys = {}}};
  std::vector<std::string> inside;
  for (const char* key : {"1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
    next.pins.push_back({key, {"s-3"}});
    if (model::ContainsKey(next.key_space, {"c0", ""}, key)) inside.emplace_back(key);
  }
  ASSERT_TRUE(!inside.empty() && inside.size() < next.pins.size());
  next.epoch = {2};
  ASSERT_TRUE(router.feed.Offer(next, 2).ok());
  router.state.TableChanged();
  ASSERT_TRUE(router.state.LearnOwner({.migration = 7, .owner = "s-0", .epoch = 3}));
  const RouterState::View view = router.state.Current();
  ASSERT_EQ(view.learned.size(), 1U);
  EXPECT_EQ(view.learned.front().excluded, inside);
}

// Two moves while the feed is silent. The shard of the first is emptied before it was asked again.
TEST(RouterState, ANewerWordAboutOtherKeysMakesNothingOld) {
  Routed router;
  KnownRange high = Told("d9", std::nullopt);
  high.epoch = 3;
  KnownRange low = Told(std::nullopt, "40");
  low.owner = "s-1";
  low.epoch = 2;
  EXPECT_TRUE(router.state.LearnRanges({high}, "s-3"));
  EXPECT_TRUE(router.state.LearnRanges({low}, "s-3"));
  EXPECT_EQ(router.OwnerOf("f0"), "s-0");
  EXPECT_EQ(router.OwnerOf("10"), "s-1");
  EXPECT_FALSE(router.state.LearnRanges({low, high}, "s-3"));  // nothing new

  low.owner = "s-2";
  low.epoch = 4;
  EXPECT_TRUE(router.state.LearnRanges({low}, "s-3"));
  low.owner = "s-1";
  low.epoch = 2;
  EXPECT_FALSE(router.state.LearnRanges({low}, "s-3"));
  EXPECT_EQ(router.OwnerOf("10"), "s-2");
}

TEST(RouterState, AShardThatGaveTheRangeAwayLeasesNothing) {
  Routed router;
  KnownRange gone = Told("d9", std::nullopt);  // owner s-0
  gone.leased = true;
  router.state.LearnRanges({gone}, "s-3");
  EXPECT_TRUE(router.state.Current().leased.empty());
}

TEST(RouterState, ALeaseEndsWithItsMigration) {
  Routed router;
  KnownRange near = Told(std::nullopt, "40");
  near.leased = true;
  router.state.LearnRanges({near}, "s-0");
  const auto offer = [&](std::int64_t generation, bool listed) {
    model::RoutingTable table = FourQuarters();
    if (listed)
      table.moving = {
          {.migration = "m", .number = {7}, .range = {.from = "", .to = "40"}, .keys = {}}};
    ASSERT_TRUE(router.feed.Offer(std::move(table), generation).ok());
    router.state.TableChanged();
  };
  offer(1, false);  // An old table: the migration was heard of from its shard first.
  EXPECT_EQ(router.state.Current().leased.size(), 1U);
  offer(2, true);
  EXPECT_EQ(router.state.Current().leased.size(), 1U);
  offer(3, false);
  EXPECT_TRUE(router.state.Current().leased.empty());
}

// A shard that is being emptied spares the connections of routers whose epoch is new enough.
TEST(RouterState, WhatOneShardSaysMakesTheTableNoNewer) {
  Routed router;
  KnownRange high = Told("d9", std::nullopt);
  high.epoch = 7;
  const std::int64_t before = router.state.Current().table->epoch().value;
  EXPECT_TRUE(router.state.LearnRanges({high}, "s-3"));
  EXPECT_EQ(router.OwnerOf("f0"), "s-0");
  EXPECT_EQ(router.state.Current().table->epoch().value, before);
}

TEST(RouterState, ALeaseLastsUntilItIsEnded) {
  Routed router;
  KnownRange near = Told(std::nullopt, "40");
  near.leased = true;
  router.state.LearnRanges({near}, "s-0");
  ASSERT_EQ(router.state.Current().leased.size(), 1U);
  EXPECT_EQ(router.state.Current().leased[0].migration, 7);
  router.state.EndLease(7);
  EXPECT_TRUE(router.state.Current().leased.empty());
}

}  // namespace
}  // namespace foreshard::router

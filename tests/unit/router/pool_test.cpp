#include "router/pool.h"

#include <gtest/gtest.h>

#include "tests/unit/router/session_world.h"

namespace foreshard::router {
namespace {

TEST(Pool, AShardThatKeysMoveToGetsAsManyConnectionsAsTheyHadBefore) {
  Pool pool;
  pool.SetLimit(4);
  const GroupId old = pool.GroupFor(0, "app", "app");
  const GroupId next = pool.GroupFor(1, "app", "app");
  for (WaiterId waiter = 0; waiter < 3; ++waiter) {
    EXPECT_TRUE(pool.Acquire(old, waiter, {}).connect);
  }
  EXPECT_EQ(pool.Warm(next, old), 3U);
  EXPECT_EQ(pool.open(1), 3U);
  EXPECT_EQ(pool.Warm(next, old), 0U) << "they are under way";

  // Who comes meanwhile waits for one of them, and does not open another.
  EXPECT_FALSE(pool.Acquire(next, 9, {}).connect);
  FakeLink link;
  pool.Connected(next);
  EXPECT_EQ(pool.Free(next, link, {}), 9U);
  pool.Closed(next, link);
  EXPECT_EQ(pool.open(1), 2U);
}

TEST(Pool, WhoWaitedTooLongIsNamedOnceAndHasNoClaimLeft) {
  Pool pool;
  pool.SetLimit(1);
  const GroupId group = pool.GroupFor(0, "app", "app");
  const MonotonicTime start{std::chrono::seconds(100)};
  for (WaiterId waiter = 1; waiter <= 3; ++waiter)
    pool.Acquire(group, waiter, start + std::chrono::seconds(waiter));
  const auto expired = pool.Expire(start + std::chrono::seconds(2));
  ASSERT_EQ(expired.size(), 2U);
  EXPECT_EQ(expired[0].waiter, 1U);
  EXPECT_EQ(expired[1].waiter, 2U);
  EXPECT_EQ(expired[1].group, group);
  EXPECT_TRUE(pool.Expire(start + std::chrono::seconds(2)).empty());
  FakeLink link;
  pool.Connected(group);
  EXPECT_EQ(pool.Free(group, link, {}), 3U);
}

TEST(Pool, WarmingKeepsToTheShardsLimit) {
  Pool pool;
  pool.SetLimit(2);
  const GroupId old = pool.GroupFor(0, "app", "app");
  const GroupId next = pool.GroupFor(1, "app", "app");
  const GroupId other = pool.GroupFor(1, "other", "app");
  for (WaiterId waiter = 0; waiter < 2; ++waiter) pool.Acquire(old, waiter, {});
  pool.Acquire(other, 7, {});
  EXPECT_EQ(pool.Warm(next, old), 1U);
}

}  // namespace
}  // namespace foreshard::router

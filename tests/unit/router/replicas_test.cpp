#include "router/replicas.h"

#include <gtest/gtest.h>

#include "router/limits.h"

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

constexpr MonotonicTime At(std::chrono::milliseconds time) {
  return MonotonicTime(std::chrono::hours(1) + time);
}

// Two members of a shard, 7 in zone a and 8 in zone b, both of which have replayed to 100 where
// the primary stood at 0 ms.
class ReplicasTest : public testing::Test {
 protected:
  ReplicasTest() {
    replicas_.Add(7);
    replicas_.Add(8);
    replicas_.PrimaryAt(At(0ms), 100);
    replicas_.MemberAt(7, At(1ms), 100, "a");
    replicas_.MemberAt(8, At(1ms), 100, "b");
  }
  std::optional<Replicas::Number> Choose(Consistency consistency, MonotonicTime now,
                                         MonotonicTime last_write = {},
                                         std::string_view zone = "") {
    const ReadDemand demand{.consistency = consistency, .last_write = last_write};
    return replicas_.Choose({.demand = demand, .bound = 500ms, .zone = zone, .load = load_}, now);
  }

  Replicas replicas_;
  std::vector<Replicas::Load> load_ = {{.number = 7, .in_flight = 0},
                                       {.number = 8, .in_flight = 0}};
};

TEST(Consistency, IsReadHoweverItIsWritten) {
  EXPECT_EQ(ParseConsistency("ReadYourWrites"), Consistency::kReadYourWrites);
  EXPECT_EQ(ParseConsistency("read_your_writes"), Consistency::kReadYourWrites);
  EXPECT_EQ(ParseConsistency("read-your-writes"), Consistency::kReadYourWrites);
  EXPECT_EQ(ParseConsistency("STRONG"), Consistency::kStrong);
  EXPECT_EQ(ParseConsistency("bounded"), Consistency::kBounded);
  EXPECT_EQ(ParseConsistency("Eventual"), Consistency::kEventual);
  EXPECT_EQ(ParseConsistency("weak"), std::nullopt);
  EXPECT_EQ(ParseConsistency(""), std::nullopt);
  EXPECT_STREQ(ToString(Consistency::kReadYourWrites), "read_your_writes");
}

TEST_F(ReplicasTest, StrongIsThePrimarysAlone) {
  EXPECT_EQ(Choose(Consistency::kStrong, At(2ms)), std::nullopt);
  EXPECT_NE(Choose(Consistency::kEventual, At(2ms)), std::nullopt);
}

TEST_F(ReplicasTest, ReadYourWritesWaitsForTheWriteToBeReplayed) {
  EXPECT_EQ(Choose(Consistency::kReadYourWrites, At(2ms), At(-1ms)), 7U);
  // In the same turn of the loop nobody knows which came first.
  EXPECT_EQ(Choose(Consistency::kReadYourWrites, At(2ms), At(0ms)), std::nullopt);
  EXPECT_EQ(Choose(Consistency::kReadYourWrites, At(60ms), At(50ms)), std::nullopt);
  // The primary is seen at 100 ms with more; a member that has not got there does not count.
  replicas_.PrimaryAt(At(100ms), 120);
  replicas_.MemberAt(7, At(101ms), 119, "a");
  EXPECT_EQ(Choose(Consistency::kReadYourWrites, At(102ms), At(50ms)), std::nullopt);
  replicas_.MemberAt(8, At(103ms), 120, "b");
  EXPECT_EQ(Choose(Consistency::kReadYourWrites, At(104ms), At(50ms)), 8U);
}

TEST_F(ReplicasTest, BoundedCountsFromThePrimarysSight) {
  EXPECT_EQ(Choose(Consistency::kBounded, At(500ms)), 7U);
  EXPECT_EQ(Choose(Consistency::kBounded, At(501ms)), std::nullopt);
  // Under a steady load the newest position is never reached, an older one is.
  replicas_.PrimaryAt(At(400ms), 140);
  replicas_.PrimaryAt(At(500ms), 150);
  replicas_.MemberAt(7, At(501ms), 145, "a");
  EXPECT_EQ(replicas_.FreshAsOf(7), At(400ms));
  EXPECT_EQ(Choose(Consistency::kBounded, At(900ms)), 7U);
  EXPECT_EQ(Choose(Consistency::kEventual, At(1'501ms)), 7U);
}

TEST_F(ReplicasTest, NobodyIsFreshBeforeThePrimaryWasSeenAfterAChangeOfOwners) {
  replicas_.OwnersChanged(At(10ms));
  EXPECT_EQ(Choose(Consistency::kEventual, At(11ms)), std::nullopt);
  replicas_.PrimaryAt(At(10ms), 100);  // Asked in the same turn: perhaps before.
  EXPECT_EQ(Choose(Consistency::kEventual, At(12ms)), std::nullopt);
  replicas_.PrimaryAt(At(110ms), 130);
  EXPECT_EQ(Choose(Consistency::kEventual, At(111ms)), std::nullopt);
  replicas_.MemberAt(8, At(112ms), 131, "b");
  EXPECT_EQ(Choose(Consistency::kEventual, At(113ms)), 8U);
}

// A new primary may stand before the old one: what was compared with the old one proves nothing.
TEST_F(ReplicasTest, ANewHistoryBeginsAnew) {
  replicas_.PrimaryAt(At(100ms), 90);
  replicas_.MemberAt(7, At(101ms), 89, "a");
  replicas_.MemberAt(8, At(101ms), 90, "b");
  EXPECT_EQ(Choose(Consistency::kEventual, At(102ms)), 8U);
  EXPECT_EQ(replicas_.FreshAsOf(7), std::nullopt);
}

TEST_F(ReplicasTest, TheZoneComesFirstThenTheLoad) {
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms), {}, "b"), 8U);
  load_[1].in_flight = 10;
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms), {}, "b"), 8U);
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms), {}, "c"), 7U);
  load_[0].in_flight = 20;
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms), {}, "c"), 8U);
  // In flight times latency: the slow one gets fewer.
  load_[0].in_flight = 3;
  load_[1].in_flight = 1;
  for (int i = 0; i < 100; ++i) {
    replicas_.Answered(7, 1ms);
    replicas_.Answered(8, 5ms);
  }
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms)), 7U);
  load_[0].in_flight = 10;
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms)), 8U);
}

TEST_F(ReplicasTest, WhoFailsOrIsSilentIsOutForAWhile) {
  replicas_.Failed(7, At(2ms));
  EXPECT_EQ(Choose(Consistency::kEventual, At(3ms), {}, "a"), 8U);
  replicas_.MemberAt(7, At(4ms), 100, "a");
  EXPECT_EQ(Choose(Consistency::kEventual, At(5ms), {}, "a"), 8U);
  replicas_.MemberAt(7, At(2ms) + kReplicaOut, 100, "a");
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms) + kReplicaOut, {}, "a"), 7U);
  EXPECT_EQ(Choose(Consistency::kEventual, At(3ms) + kReplicaOut + kReplicaSilence), std::nullopt);
}

TEST_F(ReplicasTest, WhoIsRemovedIsForgotten) {
  replicas_.Remove(7);
  EXPECT_EQ(Choose(Consistency::kEventual, At(2ms), {}, "a"), 8U);
  replicas_.MemberAt(7, At(3ms), 100, "a");
  EXPECT_EQ(replicas_.FreshAsOf(7), std::nullopt);
  EXPECT_EQ(replicas_.members(), std::vector<Replicas::Number>{8});
}

}  // namespace
}  // namespace foreshard::router

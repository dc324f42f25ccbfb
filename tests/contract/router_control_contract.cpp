#include "tests/contract/router_control_contract.h"

namespace foreshard::contract {

using std::chrono::milliseconds;

std::string RouterControlContract::Key(std::size_t range) const {
  const model::RoutingTable table = world_->Table(RouterWorld::kKnown);
  for (int key = 0; key < 16; ++key) {
    const std::string text = std::to_string(key);
    if (model::OwnerOfKey(table, text) == table.ranges[range].shard) return text;
  }
  ADD_FAILURE() << "no key in range " << range;
  return {};
}

Result<op::HoldAnswer> RouterControlContract::Hold(milliseconds deadline, std::int64_t epoch) {
  const op::HoldRequest request{
      .migration = "m",
      .number = {7},
      .ranges = {world_->Table(RouterWorld::kKnown).ranges[1].range},
      .keys = {},
      .epoch = {epoch},
      .deadline = deadline,
      .drain = milliseconds(0),
  };
  return world_->control().Hold({world_->awake()}, request, world_->Soon()).front().answer;
}

Result<op::ReleaseAnswer> RouterControlContract::Release(std::int64_t epoch) {
  op::ReleaseRequest request{.migration = "m", .number = {7}, .table = {}};
  if (epoch != 0) request.table = world_->Table(epoch);
  return world_->control().Release({world_->awake()}, request, world_->Soon()).front().answer;
}

std::int64_t RouterControlContract::Epoch() {
  const auto replies = world_->control().ReadTable({world_->awake()}, world_->Soon());
  return replies.front().answer ? replies.front().answer->epoch.value : -1;
}

bool RouterControlContract::AwaitParked(std::int64_t count) {
  return world_->Await([&] {
    const auto replies = world_->control().ReadTable({world_->awake()}, world_->Soon());
    return replies.front().answer && replies.front().answer->parked == count;
  });
}

TEST_P(RouterControlContract, NamesItsRoutersInOrder) {
  std::vector<std::string> expected = {world_->awake(), world_->silent()};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(world_->control().Routers(), expected);
}

TEST_P(RouterControlContract, ASilentRouterFailsAloneAndMayBeAskedAgain) {
  const auto replies =
      world_->control().ReadTable({world_->silent(), world_->awake()}, world_->Soon());
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].router, world_->silent());
  ASSERT_FALSE(replies[0].answer.ok());
  EXPECT_NE(replies[0].answer.error().kind, Error::Kind::kGiveUp);
  ASSERT_TRUE(replies[1].answer.ok()) << replies[1].answer.error().message;
  EXPECT_EQ(replies[1].answer->epoch.value, RouterWorld::kKnown);
}

TEST_P(RouterControlContract, AHoldKeepsBackItsRangeAndNothingElse) {
  const auto held = Hold();
  ASSERT_TRUE(held.ok()) << held.error().message;
  EXPECT_TRUE(held->drained);
  const int kept = world_->Write(Key(1));
  ASSERT_TRUE(AwaitParked(1));
  EXPECT_TRUE(AwaitAnswer(world_->Write(Key(0))));
  EXPECT_FALSE(world_->IsAnswered(kept));
  const auto released = Release(0);
  ASSERT_TRUE(released.ok()) << released.error().message;
  EXPECT_EQ(released->released, 1);
  EXPECT_EQ(released->epoch.value, RouterWorld::kKnown);
  EXPECT_TRUE(AwaitAnswer(kept));
}

TEST_P(RouterControlContract, WhatBeganBeforeTheHoldIsInFlightUntilItEnds) {
  world_->BeginTransaction(Key(1));
  const auto busy = Hold();
  ASSERT_TRUE(busy.ok()) << busy.error().message;
  EXPECT_FALSE(busy->drained);
  EXPECT_EQ(busy->in_flight, 1);
  world_->EndTransaction();
  EXPECT_TRUE(world_->Await([&] {
    const auto renewed = Hold();
    return renewed && renewed->drained && renewed->in_flight == 0;
  }));
  EXPECT_TRUE(Release(0).ok());
}

TEST_P(RouterControlContract, AHoldEndsByItself) {
  ASSERT_TRUE(Hold(milliseconds(300)).ok());
  EXPECT_TRUE(AwaitAnswer(world_->Write(Key(1))));
  EXPECT_EQ(Epoch(), RouterWorld::kKnown);
}

TEST_P(RouterControlContract, AReleaseBringsTheTableAndMayBeRepeated) {
  ASSERT_TRUE(Hold().ok());
  const int kept = world_->Write(Key(1));
  ASSERT_TRUE(AwaitParked(1));
  const auto released = Release(RouterWorld::kKnown + 1);
  ASSERT_TRUE(released.ok()) << released.error().message;
  EXPECT_EQ(released->epoch.value, RouterWorld::kKnown + 1);
  EXPECT_TRUE(AwaitAnswer(kept));
  const auto again = Release(RouterWorld::kKnown + 1);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(again->released, 0);
  EXPECT_EQ(Epoch(), RouterWorld::kKnown + 1);
}

TEST_P(RouterControlContract, AnOlderTableIsRefusedAndLeavesTheHold) {
  ASSERT_TRUE(Hold().ok());
  const int kept = world_->Write(Key(1));
  ASSERT_TRUE(AwaitParked(1));
  const auto older = Release(RouterWorld::kKnown - 1);
  ASSERT_FALSE(older.ok());
  EXPECT_EQ(older.error().kind, Error::Kind::kReobserve);
  EXPECT_EQ(Epoch(), RouterWorld::kKnown);
  EXPECT_TRUE(AwaitParked(1));
  ASSERT_TRUE(Release(0).ok());
  EXPECT_TRUE(AwaitAnswer(kept));
}

TEST_P(RouterControlContract, AHoldOfAnOlderEpochIsRefusedAndKeepsNothingBack) {
  const auto older = Hold(std::chrono::seconds(20), RouterWorld::kKnown - 1);
  ASSERT_FALSE(older.ok());
  EXPECT_EQ(older.error().kind, Error::Kind::kReobserve);
  EXPECT_TRUE(AwaitAnswer(world_->Write(Key(1))));
}

TEST_P(RouterControlContract, LettingGoOfWhatIsNotHeldIsHarmless) {
  const auto released = Release(0);
  ASSERT_TRUE(released.ok()) << released.error().message;
  EXPECT_EQ(released->released, 0);
  EXPECT_EQ(released->epoch.value, RouterWorld::kKnown);
}

TEST_P(RouterControlContract, UnderALeaseWritesGoOn) {
  const op::LeaseRequest lease{.number = {7},
                               .leased = true,
                               .ranges = {world_->Table(RouterWorld::kKnown).ranges[1].range},
                               .keys = {}};
  for (const bool leased : {true, false}) {
    op::LeaseRequest request = lease;
    request.leased = leased;
    const auto replies = world_->control().Lease({world_->awake()}, request, world_->Soon());
    ASSERT_TRUE(replies.front().answer.ok()) << replies.front().answer.error().message;
    EXPECT_TRUE(AwaitAnswer(world_->Write(Key(1))));
  }
}

}  // namespace foreshard::contract

#include "model/routing_table.h"

#include <gtest/gtest.h>

#include <map>

#include "base/random.h"

namespace foreshard::model {
namespace {

const ShardId kA{"s-a"};
const ShardId kB{"s-b"};
const ShardId kC{"s-c"};

RoutingTable TwoHalves() {
  RoutingTable table;
  table.shard_set_name = "orders";
  table.epoch = {12};
  table.ranges = {{{"", "80"}, kA}, {{"80", ""}, kB}};
  for (const ShardId& id : {kA, kB, kC}) table.shards.push_back({id, "orders-" + id.value, ""});
  return table;
}

RoutingTable Numbers(std::vector<OwnedRange> ranges) {
  RoutingTable table = TwoHalves();
  table.key_space = {Strategy::kRange, KeyType::kBigint};
  table.ranges = std::move(ranges);
  return table;
}

TEST(RoutingTable, AGoodOneIsAccepted) {
  RoutingTable table = TwoHalves();
  table.pins = {{"17", kB}, {"4711", kC}};
  const Status good = Validate(table);
  EXPECT_TRUE(good.ok()) << (good.ok() ? "" : good.error().message);
}

TEST(RoutingTable, WrongOnesAreRefusedWithTheField) {
  const auto refused = [](RoutingTable table, const std::string& expected) {
    const Status status = Validate(table);
    ASSERT_FALSE(status.ok()) << expected;
    EXPECT_EQ(status.error().kind, Error::Kind::kGiveUp);
    EXPECT_NE(status.error().message.find(expected), std::string::npos) << status.error().message;
  };
  const auto with_ranges = [](std::vector<OwnedRange> ranges) {
    RoutingTable table = TwoHalves();
    table.ranges = std::move(ranges);
    return table;
  };
  refused(with_ranges({}), "spec.ranges: empty");
  refused(with_ranges({{{"", "40"}, kA}, {{"80", ""}, kB}}), "spec.ranges[1].from: gap or overlap");
  refused(with_ranges({{{"", "80"}, kA}, {{"40", ""}, kB}}), "spec.ranges[1].from: gap or overlap");
  refused(with_ranges({{{"40", ""}, kA}}), "spec.ranges[0].from");
  refused(with_ranges({{{"", "80"}, kA}}), "spec.ranges[0].to");
  refused(with_ranges({{{"", ""}, kA}, {{"", ""}, kB}}), "spec.ranges[0].to");
  refused(with_ranges({{{"", "8000"}, kA}, {{"8000", ""}, kB}}), "is written '80'");
  refused(with_ranges({{{"", ""}, {"s-x"}}}), "unknown shard 's-x'");
  refused(Numbers({{{"", "5"}, kA}, {{"5", "5"}, kA}, {{"5", ""}, kA}}), "is empty");
  RoutingTable table = TwoHalves();
  table.pins = {{"5", kA}, {"5", kB}};
  refused(table, "duplicate pin '5'");
  table.pins = {{"6", kA}, {"5", kB}};
  refused(table, "not in order");
  table.pins = {{"05", kA}};
  refused(table, "is written '5'");
  table.pins = {{"5", {"s-x"}}};
  refused(table, "spec.pins[0].shard: unknown shard");
  table.pins.assign(kPinsMax + 1, {"5", kA});
  refused(table, "at most 10000");
  table.pins.clear();
  table.shards.push_back({kA, "", ""});
  refused(table, "duplicate shard 's-a'");
}

TEST(RoutingTable, APinOverridesItsRange) {
  RoutingTable table = TwoHalves();
  const ShardId by_range = OwnerOfKey(table, "4711");
  table.pins = {{"4711", kC}};
  EXPECT_EQ(by_range, kA);
  EXPECT_EQ(OwnerOfKey(table, "4711"), kC);
  EXPECT_EQ(OwnerOfBound(table, "7f"), kA);
  EXPECT_EQ(OwnerOfBound(table, "80"), kB);
  EXPECT_EQ(OwnerOfBound(table, ""), kA);
}

TEST(RoutingTable, ASplitMovesOnlyItsRange) {
  const Result<RoutingTable> next = WithOwner(TwoHalves(), {"40", "80"}, kC, {13});
  ASSERT_TRUE(next.ok());
  const std::vector<OwnedRange> expected = {{{"", "40"}, kA}, {{"40", "80"}, kC}, {{"80", ""}, kB}};
  EXPECT_EQ(next->ranges, expected);
  EXPECT_EQ(next->epoch, Epoch{13});
  EXPECT_TRUE(Validate(*next).ok());
}

TEST(RoutingTable, NeighboursOfOneOwnerBecomeOneRange) {
  const Result<RoutingTable> next = WithOwner(TwoHalves(), {"40", "80"}, kB, {13});
  ASSERT_TRUE(next.ok());
  const std::vector<OwnedRange> expected = {{{"", "40"}, kA}, {{"40", ""}, kB}};
  EXPECT_EQ(next->ranges, expected);
  const Result<RoutingTable> whole = WithOwner(*next, {"", "40"}, kB, {14});
  ASSERT_TRUE(whole.ok());
  EXPECT_EQ(whole->ranges, (std::vector<OwnedRange>{{{"", ""}, kB}}));
}

TEST(RoutingTable, ARangeOfTwoOwnersIsRefused) {
  const Result<RoutingTable> next = WithOwner(TwoHalves(), {"40", "c0"}, kC, {13});
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error().kind, Error::Kind::kGiveUp);
}

TEST(RoutingTable, PinsComeAndGo) {
  const Result<RoutingTable> isolated = WithPins(TwoHalves(), {"4711"}, kC, {13});
  ASSERT_TRUE(isolated.ok());
  EXPECT_EQ(isolated->pins, (std::vector<Pin>{{"4711", kC}}));
  const Result<RoutingTable> back = WithPins(*isolated, {"4711"}, kA, {14});
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back->pins.empty());
  const Result<RoutingTable> followed = WithOwner(*isolated, {"", "80"}, kC, {14});
  ASSERT_TRUE(followed.ok());
  EXPECT_TRUE(followed->pins.empty());
  EXPECT_FALSE(WithPins(*isolated, {"1", "4711"}, kB, {14}).ok());  // Two owners.
}

// Whatever is moved in whatever order: exactly the moved keys change their owner, and the table
// stays valid.
TEST(RoutingTable, RandomMovesChangeExactlyWhatTheySay) {
  Random random(11);
  RoutingTable table = Numbers({{{"", ""}, kA}});
  std::map<int, ShardId> owners;
  for (int key = -60; key < 60; ++key) owners[key] = kA;
  const std::vector<ShardId> shards = {kA, kB, kC};
  int moved = 0;
  for (int step = 0; step < 2'000; ++step) {
    const ShardId to = shards[random.Below(3)];
    const Epoch epoch{table.epoch.value + 1};
    const auto from = random.Between(-60, 59);
    const auto until = random.Between(from + 1, 60);
    const bool pins = random.Chance(0.3);
    Result<RoutingTable> next = pins ? WithPins(table, {std::to_string(from)}, to, epoch)
                                     : WithOwner(table,
                                                 {from == -60 ? "" : std::to_string(from),
                                                  until == 60 ? "" : std::to_string(until)},
                                                 to, epoch);
    if (!next) continue;
    ++moved;
    for (auto& [key, owner] : owners) {
      const bool pinned =
          OwnerOfKey(table, std::to_string(key)) != OwnerOfBound(table, std::to_string(key));
      if (pins ? key == from : (key >= from && key < until && !pinned)) owner = to;
    }
    table = *next;
    ASSERT_TRUE(Validate(table).ok()) << step;
    for (const auto& [key, owner] : owners)
      ASSERT_EQ(OwnerOfKey(table, std::to_string(key)), owner) << step << " " << key;
    for (std::size_t i = 1; i < table.ranges.size(); ++i)
      ASSERT_NE(table.ranges[i].shard, table.ranges[i - 1].shard);
  }
  EXPECT_GT(moved, 300);
}

TEST(RoutingTable, TellsTheRangesOfAShard) {
  const Result<RoutingTable> next = WithOwner(TwoHalves(), {"20", "40"}, kB, {13});
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(RangesOf(*next, kB), (std::vector<KeyRange>{{"20", "40"}, {"80", ""}}));
  EXPECT_TRUE(RangesOf(*next, kC).empty());
}

TEST(RoutingTable, OnePieceIsAllThatAShardOwnsOrNothing) {
  RoutingTable table;
  table.ranges = {{{"", "20"}, kA}, {{"20", "40"}, kA}, {{"40", "80"}, kB}, {{"80", ""}, kA}};
  EXPECT_EQ(OnePiece(table, kA), std::nullopt) << "a range in between is another's";
  EXPECT_EQ(OnePiece(table, kB), (KeyRange{"40", "80"}));
  EXPECT_EQ(OnePiece(table, {"s-none"}), std::nullopt);
  table.ranges[2].shard = kA;
  EXPECT_EQ(OnePiece(table, kA), (KeyRange{"", ""}));
  table.pins = {{"7", kA}};
  EXPECT_EQ(OnePiece(table, kA), std::nullopt);
}

// The key of the pin does not move with its range; a rollback of the range must not take it along.
TEST(RoutingTable, APinInAMovingRangeStaysUntilTheRangeCannotGoBack) {
  RoutingTable table;
  table.epoch = {1};
  table.key_space = {Strategy::kRange, KeyType::kBigint};
  table.shards = {{kA, "a", "a"}, {kB, "b", "b"}};
  table.ranges = {{{"", ""}, kA}};
  table.pins = {{"7", kB}};
  table.moving = {{.migration = "m", .number = {1}, .range = {"", "10"}, .keys = {}}};
  const auto there = WithOwner(table, {"", "10"}, kB, {2});
  ASSERT_TRUE(there.ok());
  EXPECT_EQ(there->pins.size(), 1U);
  const auto back = WithOwner(*there, {"", "10"}, kA, {3});
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(OwnerOfKey(*back, "7"), kB);
  RoutingTable over = *there;
  over.moving.clear();
  DropIdlePins(over);
  EXPECT_TRUE(over.pins.empty());
  EXPECT_EQ(OwnerOfKey(over, "7"), kB);
}

}  // namespace
}  // namespace foreshard::model

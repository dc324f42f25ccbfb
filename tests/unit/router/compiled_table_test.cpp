#include "router/compiled_table.h"

#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

using model::KeyType;
using model::Strategy;

// Every edge of every range, one below and one above, and every pin: the model's answer is the
// judge.
TEST(CompiledTable, AgreesWithTheModelOnEveryEdgeOfTheHashSpace) {
  Random random(1);
  for (int round = 0; round < 30; ++round) {
    std::set<model::Position> starts;
    const std::size_t ranges = 1 + random.Below(300);
    while (starts.size() + 1 < ranges)
      starts.insert(random.Next() << (random.Chance(0.5) ? 56 : random.Below(50)) |
                    (random.Chance(0.2) ? 1 : 0));
    starts.erase(0);
    model::RoutingTable table;
    table.epoch = {1};
    table.shards = {{{"s-a"}, "a", ""}, {{"s-b"}, "b", ""}, {{"s-c"}, "c", ""}};
    std::string from;
    for (const model::Position start : starts) {
      table.ranges.push_back(
          {{from, model::FormatPosition(start)}, table.shards[random.Below(3)].id});
      from = model::FormatPosition(start);
    }
    table.ranges.push_back({{from, ""}, table.shards[random.Below(3)].id});
    const auto compiled = CompiledTable::Compile(table);
    ASSERT_TRUE(compiled.ok()) << compiled.error().message;
    const auto check = [&](model::Position position) {
      Key key;
      key.position = position;
      const Owner owner = (*compiled)->Find(key);
      ASSERT_EQ((*compiled)->table().shards[owner.shard].id,
                model::OwnerOfBound(table, model::FormatPosition(position)))
          << position;
      ASSERT_EQ((*compiled)->shard_of_range(owner.range), owner.shard);
      ASSERT_FALSE(owner.pinned);
    };
    check(0);
    check(~model::Position{0});
    for (const model::Position start : starts) {
      check(start - 1);
      check(start);
      check(start + 1);
    }
    for (int i = 0; i < 200; ++i) check(random.Next());
  }
}

TEST(CompiledTable, AgreesWithTheModelOnKeyValues) {
  Random random(2);
  for (const KeyType type : {KeyType::kBigint, KeyType::kText, KeyType::kUuid}) {
    const model::KeySpace space{Strategy::kRange, type};
    const auto draw = [&]() -> std::string {
      if (type == KeyType::kBigint) return std::to_string(random.Between(-40, 40));
      std::string hex(type == KeyType::kUuid ? 32 : 10, '0');
      hex[hex.size() - 1] = "0123456789abcdef"[random.Below(16)];
      hex[random.Below(2)] = "01"[random.Below(2)];
      return type == KeyType::kUuid ? *model::CanonicalKey(type, hex) : hex;
    };
    for (int round = 0; round < 50; ++round) {
      std::vector<std::string> bounds;
      for (std::size_t i = random.Below(20); i > 0; --i) bounds.push_back(draw());
      std::sort(bounds.begin(), bounds.end(), [&](const std::string& a, const std::string& b) {
        return model::CompareBounds(space, a, b) < 0;
      });
      bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
      model::RoutingTable table;
      table.key_space = space;
      table.epoch = {1};
      table.shards = {{{"s-a"}, "a", ""}, {{"s-b"}, "b", ""}};
      std::string from;
      for (const std::string& bound : bounds) {
        if (model::IsEmpty(space, {from, bound})) continue;
        table.ranges.push_back({{from, bound}, table.shards[random.Below(2)].id});
        from = bound;
      }
      table.ranges.push_back({{from, ""}, table.shards[random.Below(2)].id});
      std::set<std::string> pins;
      for (std::size_t i = random.Below(5); i > 0; --i) pins.insert(draw());
      for (const std::string& pin : pins)
        table.pins.push_back({pin, table.shards[random.Below(2)].id});
      const auto compiled = CompiledTable::Compile(table);
      ASSERT_TRUE(compiled.ok()) << compiled.error().message;
      for (int i = 0; i < 200; ++i) {
        const std::string key =
            i < static_cast<int>(bounds.size()) ? bounds[static_cast<std::size_t>(i)] : draw();
        const Owner owner = (*compiled)->Find(*ParseKey(space, key));
        ASSERT_EQ((*compiled)->table().shards[owner.shard].id, model::OwnerOfKey(table, key))
            << key;
        ASSERT_EQ(owner.pinned, pins.contains(key)) << key;
      }
    }
  }
}

TEST(CompiledTable, TenThousandRangesAndPinsAreFound) {
  model::RoutingTable table;
  table.epoch = {1};
  for (int i = 0; i < 16; ++i) table.shards.push_back({{"s-" + std::to_string(i)}, "x", ""});
  std::string from;
  for (std::uint64_t i = 1; i <= model::kRangesMax; ++i) {
    const std::string to =
        i == model::kRangesMax
            ? ""
            : model::FormatPosition(i * (~model::Position{0} / model::kRangesMax));
    table.ranges.push_back({{from, to}, table.shards[i % 16].id});
    from = to;
  }
  std::set<std::string> pins;
  for (std::size_t i = 0; i < model::kPinsMax; ++i) pins.insert(std::to_string(i * 7));
  for (const std::string& pin : pins) table.pins.push_back({pin, table.shards[0].id});
  const auto compiled = CompiledTable::Compile(table);
  ASSERT_TRUE(compiled.ok()) << compiled.error().message;
  int pinned = 0;
  for (std::int64_t key = 0; key < 70'000; ++key) {
    const Owner owner = (*compiled)->Find(KeyOfNumber(table.key_space, key));
    pinned += owner.pinned ? 1 : 0;
    ASSERT_EQ(owner.pinned, key % 7 == 0);
  }
  EXPECT_EQ(pinned, 10'000);
}

TEST(CompiledTable, SaysWhichRowsAreCopies) {
  model::RoutingTable table = FourQuarters();
  EXPECT_EQ(Compiled(table)->ForeignRows(0, "k"), "");
  table.moving = {{"m", {7}, {"40", "80"}, {}}};  // owned by s-1
  table.pins = {{"4711", {"s-3"}}};
  const std::string foreign = Compiled(table)->ForeignRows(0, "k");
  EXPECT_EQ(Compiled(table)->ForeignRows(1, "k"), "");
  // A pinned key in the range moves by itself, so it is no part of it.
  EXPECT_EQ(foreign,
            "(pg_catalog.hashint8extended(k, 0) >= '-4611686018427387904'::bigint AND "
            "pg_catalog.hashint8extended(k, 0) < '0'::bigint AND k NOT IN ('4711'::bigint))")
      << "position of 4711: " << model::BoundOfKey(table.key_space, "4711");
  table.moving = {{"m", {7}, {}, {"4711"}}};
  EXPECT_EQ(Compiled(table)->ForeignRows(0, "k"), "(k IN ('4711'::bigint))");
  EXPECT_EQ(Compiled(table)->ForeignRows(3, "k"), "");
}

TEST(CompiledTable, KnowsWhichKeysAMigrationParts) {
  const auto key = [](std::int64_t number) {
    return KeyOfNumber(FourQuarters().key_space, number);
  };
  model::RoutingTable table = FourQuarters();
  std::vector<std::int64_t> second;  // keys of the second quarter
  std::vector<std::int64_t> others;
  for (std::int64_t id = 1; second.size() < 2 || others.size() < 2; ++id)
    (Compiled(table)->Find(key(id)).shard == 1 ? second : others).push_back(id);
  EXPECT_FALSE(Compiled(table)->PartsWhileMoving(key(second[0]), key(others[0])));
  table.moving = {{"m", {7}, {"40", "80"}, {}}};
  EXPECT_TRUE(Compiled(table)->PartsWhileMoving(key(second[0]), key(others[0])));
  EXPECT_TRUE(Compiled(table)->PartsWhileMoving(key(others[0]), key(second[0])));
  EXPECT_FALSE(Compiled(table)->PartsWhileMoving(key(second[0]), key(second[1])));
  EXPECT_FALSE(Compiled(table)->PartsWhileMoving(key(others[0]), key(others[1])));
  table.moving = {{"m", {7}, {}, {std::to_string(others[0])}}};
  EXPECT_TRUE(Compiled(table)->PartsWhileMoving(key(others[0]), key(others[1])));
  EXPECT_FALSE(Compiled(table)->PartsWhileMoving(key(second[0]), key(others[1])));
}

TEST(CompiledTable, ABadTableIsNotCompiled) {
  model::RoutingTable table = FourQuarters();
  table.ranges.pop_back();
  EXPECT_FALSE(CompiledTable::Compile(table).ok());
}

}  // namespace
}  // namespace foreshard::router

#include "router/heat.h"

#include <gtest/gtest.h>

#include "tests/unit/router/brain_world.h"

namespace foreshard::router {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kNoon{12h};

struct Used {
  explicit Used(std::uint64_t seed = 1) : heat(world.catalogue->key_space(), seed) {
    heat.TableChanged(*world.table);
  }

  void Use(std::int64_t number, HeatSample sample, WallTime now = kNoon) {
    const Key key = KeyOfNumber(world.catalogue->key_space(), number);
    const Owner owner = world.table->Find(key);
    heat.Record({&key, 1}, {&owner, 1}, sample, now);
  }

  World world;
  Heat heat;
};

HeatSample Read(std::uint64_t nanos) {
  HeatSample sample;
  sample.rows = 1;
  sample.bytes = 10;
  sample.backend_nanos = nanos;
  return sample;
}

HeatSample Insert() {
  HeatSample sample;
  sample.write = sample.insert = true;
  sample.backend_nanos = 5;
  return sample;
}

TEST(Heat, CountsByRangeAndKind) {
  Used used;
  const std::int64_t key = used.world.KeyOn(2);
  used.Use(key, Read(100));
  used.Use(key, Read(50));
  used.Use(key, Insert());
  used.heat.Record({}, {}, Read(7), kNoon);
  const HeatSnapshot snapshot = used.heat.Snapshot();
  ASSERT_EQ(snapshot.ranges.size(), 1U);
  EXPECT_EQ(snapshot.ranges[0].range.from, "80");
  EXPECT_EQ(snapshot.ranges[0].shard, "s-2");
  EXPECT_EQ(snapshot.ranges[0].reads, (HeatCounters{2, 2, 20, 150, 0}));
  EXPECT_EQ(snapshot.ranges[0].writes.statements, 1U);
  EXPECT_EQ(snapshot.scatter_reads.backend_nanos, 7U);
  EXPECT_EQ(used.heat.reads()[2].statements, 2U);
  ASSERT_EQ(snapshot.keys.size(), 1U);
  EXPECT_EQ(snapshot.keys[0].item, std::to_string(key));
  EXPECT_EQ(snapshot.keys[0].count, 155U);
}

TEST(Heat, SamplesByTheQuarterOfTheDay) {
  Used used;
  const std::int64_t key = used.world.KeyOn(0);
  used.Use(key, Read(1), WallTime{1h});
  used.Use(key, Read(1), WallTime{13h});
  used.Use(key, Read(1), WallTime{24h + 23h});
  const HeatSnapshot snapshot = used.heat.Snapshot();
  const RangeHeat& range = snapshot.ranges[0];
  EXPECT_EQ(range.samples[0].keys().size(), 1U);
  EXPECT_EQ(range.samples[1].keys().size(), 0U);
  EXPECT_EQ(range.samples[2].keys().size(), 1U);
  EXPECT_EQ(range.samples[3].keys().size(), 1U);
}

TEST(Heat, AppendOnlyInsertsAreSeen) {
  Used append;
  const model::KeySpace space{model::Strategy::kRange, model::KeyType::kBigint};
  append.heat = Heat(space, 1);
  model::RoutingTable table = FourQuarters();
  table.key_space = space;
  table.ranges = {{{"", ""}, table.shards[0].id}};
  append.world.table = Compiled(table);
  append.heat.TableChanged(*append.world.table);
  for (std::int64_t number = 0; number < 100; ++number) {
    const Key key = KeyOfNumber(space, number);
    const Owner owner = append.world.table->Find(key);
    append.heat.Record({&key, 1}, {&owner, 1}, Insert(), kNoon);
  }
  EXPECT_EQ(append.heat.Snapshot().ranges[0].inserts_at_head, 100U);
  Used scattered;
  for (std::int64_t number = 0; number < 400; ++number) scattered.Use(number, Insert());
  std::uint64_t head = 0;
  std::uint64_t all = 0;
  for (const RangeHeat& range : scattered.heat.Snapshot().ranges) {
    head += range.inserts_at_head;
    all += range.inserts;
  }
  EXPECT_EQ(all, 400U);
  EXPECT_LT(head, 100U);
}

TEST(Heat, ANewTableKeepsWhatStayedTheSame) {
  Used used;
  used.Use(used.world.KeyOn(0), Read(5));
  used.Use(used.world.KeyOn(3), Read(9));
  Result<model::RoutingTable> next =
      model::WithOwner(used.world.table->table(), {"c0", "e0"}, {"s-1"}, {2});
  ASSERT_TRUE(next.ok());
  used.world.table = Compiled(*next);
  used.heat.TableChanged(*used.world.table);
  const HeatSnapshot snapshot = used.heat.Snapshot();
  ASSERT_EQ(snapshot.ranges.size(), 1U);
  EXPECT_EQ(snapshot.ranges[0].range.to, "40");
  EXPECT_EQ(snapshot.ranges[0].samples[2].keys().size(), 1U);
}

// Under one `now` most keys are left out; what is counted stands for them, also when the clients' rhythm is that of the sampling.
TEST(Heat, WhatIsLeftOutIsMadeUpForWhateverTheRhythm) {
  constexpr std::int64_t kStatements = 200'000;
  for (const std::int64_t period : {2, 3, 16, 31}) {
    Used used;
    for (std::int64_t i = 0; i < kStatements; ++i) used.Use(i % period, Read(1));
    const HeatSnapshot snapshot = used.heat.Snapshot();
    ASSERT_EQ(snapshot.keys.size(), static_cast<std::size_t>(period));
    const double expected = static_cast<double>(kStatements) / static_cast<double>(period);
    for (const TopCount<std::string>& key : snapshot.keys)
      EXPECT_NEAR(static_cast<double>(key.count), expected, expected / 4)
          << "key " << key.item << " of " << period;
  }
}

TEST(Heat, PairsUsedTogetherAreCountedInOrder) {
  Used used;
  const auto key = [&](std::int64_t number) {
    return KeyOfNumber(used.world.catalogue->key_space(), number);
  };
  const std::vector<Key> both = {key(1), key(2), key(1)};
  used.heat.RecordTransaction(both, 2);
  used.heat.RecordTransaction(both, 1);
  used.heat.RecordTransaction({both.data(), 1}, 1);  // no pair
  const HeatSnapshot snapshot = used.heat.Snapshot();
  EXPECT_EQ(snapshot.transactions, 3U);
  EXPECT_EQ(snapshot.cross_shard_transactions, 1U);
  ASSERT_EQ(snapshot.pairs.size(), 1U);
  EXPECT_EQ(snapshot.pairs[0].item, (KeyPair{"1", "2"}));
  EXPECT_EQ(snapshot.pairs[0].count, 2U);
}

TEST(Heat, StaysBoundedWhateverClientsDo) {
  Used used;
  for (std::int64_t number = 0; number < 20'000; ++number) {
    used.Use(number, Read(1));
    const std::vector<Key> pair = {KeyOfNumber(used.world.catalogue->key_space(), number),
                                   KeyOfNumber(used.world.catalogue->key_space(), number + 1)};
    used.heat.RecordTransaction(pair, 1);
  }
  const HeatSnapshot snapshot = used.heat.Snapshot();
  EXPECT_EQ(snapshot.keys.size(), kTopKeys);
  EXPECT_EQ(snapshot.pairs.size(), kTopPairs);
  for (const RangeHeat& range : snapshot.ranges)
    EXPECT_LE(range.samples[2].keys().size(), Reservoir::kCapacity);
}

TEST(Heat, SnapshotsOfRoutersMerge) {
  Used a(1);
  Used b(2);
  a.Use(a.world.KeyOn(0), Read(5));
  b.Use(b.world.KeyOn(0), Read(7));
  b.Use(b.world.KeyOn(1), Read(9));
  HeatSnapshot merged = a.heat.Snapshot();
  Random random(1);
  Merge(merged, b.heat.Snapshot(), random);
  ASSERT_EQ(merged.ranges.size(), 2U);
  EXPECT_EQ(merged.ranges[0].reads.backend_nanos, 12U);
  EXPECT_EQ(merged.ranges[0].samples[2].keys().size(), 2U);
  EXPECT_EQ(merged.keys[0].count, 12U);
}

}  // namespace
}  // namespace foreshard::router

#include "planner/clump.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/random.h"

namespace foreshard::planner {
namespace {

CoAccess Keys(const std::vector<std::size_t>& shards) {
  CoAccess access;
  for (std::size_t i = 0; i < shards.size(); ++i)
    access.keys.push_back(
        {.key = fmt::format("{}", i), .load = 1, .bytes = 1e6, .shard = shards[i]});
  return access;
}

ClumpOptions Room(std::size_t shards, double capacity) {
  return {.capacity = std::vector<double>(shards, capacity)};
}

CoAccess After(CoAccess access, const std::vector<Clump>& clumps) {
  for (const Clump& clump : clumps) {
    for (const std::size_t key : clump.keys) {
      EXPECT_EQ(access.keys[key].shard, clump.source);
      access.keys[key].shard = clump.destination;
    }
  }
  return access;
}

TEST(Clump, APartnerThatLivesElsewhereComes) {
  CoAccess access = Keys({0, 0, 0, 1});
  access.edges = {{0, 1, 5}, {1, 2, 5}, {2, 3, 4}};
  const std::vector<Clump> clumps = FindClumps(access, Room(2, 100));
  ASSERT_EQ(clumps.size(), 1u);
  EXPECT_EQ(clumps[0].keys, std::vector<std::size_t>{3});
  EXPECT_EQ(clumps[0].destination, 0u);
  EXPECT_DOUBLE_EQ(clumps[0].gain, 50 * 4 - 1);
  EXPECT_EQ(CutOf(After(access, clumps)), 0);
}

// Moving any one of them would make it worse: the three go together.
TEST(Clump, AGroupGoesAsOne) {
  CoAccess access = Keys({0, 0, 0, 1, 1});
  access.edges = {{0, 1, 5}, {1, 2, 5}, {0, 2, 5}, {0, 3, 4}, {1, 3, 4}, {2, 4, 4}, {3, 4, 20}};
  ClumpOptions options = Room(2, 100);
  options.capacity[0] = 3;  // nothing can come to shard 0
  const std::vector<Clump> clumps = FindClumps(access, options);
  ASSERT_EQ(clumps.size(), 1u);
  EXPECT_EQ(clumps[0].keys.size(), 3u);
  EXPECT_EQ(CutOf(After(access, clumps)), 0);
  options.look_ahead = 0;
  EXPECT_TRUE(FindClumps(access, options).empty()) << "without looking ahead it gives up";
}

TEST(Clump, NothingMovesWhereThereIsNoRoomOrNoGain) {
  CoAccess access = Keys({0, 0, 1, 1});
  access.edges = {{0, 1, 5}, {2, 3, 5}, {1, 2, 4}};
  EXPECT_TRUE(FindClumps(access, Room(2, 2)).empty()) << "both shards are full";
  access.edges[2].weight = 0.001;
  EXPECT_TRUE(FindClumps(access, Room(2, 100)).empty()) << "a pin costs more";
  access.edges.clear();
  EXPECT_TRUE(FindClumps(access, Room(2, 100)).empty());
}

TEST(Clump, BytesAndKeysAreKept) {
  Random random(4);
  CoAccess access;
  for (std::size_t i = 0; i < 300; ++i)
    access.keys.push_back({.key = fmt::format("{}", i),
                           .load = 1,
                           .bytes = 1e6 * (1 + random.Unit()),
                           .shard = random.Below(4)});
  for (int i = 0; i < 900; ++i)
    access.edges.push_back({random.Below(300), random.Below(300), random.Unit()});
  ClumpOptions options = Room(4, 85);
  options.keys_max = 5;
  options.bytes_max = 40e6;
  const std::vector<Clump> clumps = FindClumps(access, options);
  ASSERT_FALSE(clumps.empty());
  double bytes = 0;
  for (const Clump& clump : clumps) {
    EXPECT_LE(clump.keys.size(), 5u);
    EXPECT_GT(clump.gain, 0);
    bytes += clump.bytes;
  }
  EXPECT_LE(bytes, 40e6);
  const CoAccess after = After(access, clumps);
  EXPECT_LT(CutOf(after), CutOf(access));
  std::vector<double> load(4);
  for (const CoKey& key : after.keys) load[key.shard] += key.load;
  for (std::size_t shard = 0; shard < 4; ++shard) {
    double before = 0;
    for (const CoKey& key : access.keys) before += key.shard == shard ? 1 : 0;
    EXPECT_LE(load[shard], std::max(85.0, before));
  }
}

// Names and order mean nothing, and what has met stays together.
TEST(Clump, ASecondLookMovesNothingBack) {
  Random random(5);
  CoAccess access;
  for (std::size_t i = 0; i < 200; ++i)
    access.keys.push_back(
        {.key = fmt::format("{}", i), .load = 1, .bytes = 1e6, .shard = random.Below(4)});
  for (std::size_t i = 0; i < 200; ++i)
    access.edges.push_back({i, (i / 10) * 10 + random.Below(10), 1 + random.Unit()});
  const std::vector<Clump> clumps = FindClumps(access, Room(4, 80));
  const CoAccess once = After(access, clumps);
  const CoAccess twice = After(once, FindClumps(once, Room(4, 80)));
  EXPECT_LE(CutOf(twice), CutOf(once));
  std::size_t back = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    const bool moved = access.keys[i].shard != once.keys[i].shard;
    back += moved && twice.keys[i].shard == access.keys[i].shard ? 1 : 0;
  }
  EXPECT_LE(back, 4u);
}

}  // namespace
}  // namespace foreshard::planner

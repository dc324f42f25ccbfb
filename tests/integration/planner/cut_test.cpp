#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "base/random.h"
#include "planner/clump.h"
#include "tests/support/child_process.h"
#include "tests/support/needs.h"
#include "tests/support/temporary_directory.h"

// Groups of keys that are used together, against METIS, which divides the same graph from nothing.
// Source: design page "planner", section 17.
//
// The graphs: groups of 5 to 40 keys that are used together (a warehouse and its stock), each whole
// on one of 4 to 8 shards, and a twentieth of all use with any other key (remote orders). Then
// pairs drift, as the simulator's co-access does: two keys in a hundred are used with another group
// now. Where whole groups hold on to each other only METIS finds it: to follow it would mean to
// move them.

namespace foreshard::planner {
namespace {

const support::Needs kNeeds({"gpmetis"});

CoAccess Drifted(std::uint64_t seed, std::size_t& shards) {
  Random random(seed);
  shards = 4 + random.Below(5);
  CoAccess access;
  std::vector<std::vector<std::size_t>> groups;
  std::vector<double> load(shards);
  const std::size_t wanted = 600 + random.Below(1'300);
  while (access.keys.size() < wanted) {
    const std::size_t size = 5 + random.Below(36);
    const auto home =
        static_cast<std::size_t>(std::min_element(load.begin(), load.end()) - load.begin());
    groups.emplace_back();
    for (std::size_t i = 0; i < size && access.keys.size() < 2'000; ++i) {
      groups.back().push_back(access.keys.size());
      access.keys.push_back({.key = fmt::format("{}", access.keys.size()),
                             .load = 1,
                             .bytes = 1e5 * (1 + 9 * random.Unit()),
                             .shard = home});
      load[home] += 1;
    }
  }
  const auto any_of = [&random](const std::vector<std::size_t>& list) {
    return list[random.Below(list.size())];
  };
  std::vector<const std::vector<std::size_t>*> used_with(access.keys.size());
  for (std::vector<std::size_t>& group : groups) {
    for (const std::size_t key : group)
      used_with[key] = random.Chance(0.02) ? &groups[random.Below(groups.size())] : &group;
  }
  for (std::size_t key = 0; key < access.keys.size(); ++key) {
    for (int bond = 0; bond < 4; ++bond) {
      const std::size_t partner = any_of(*used_with[key]);
      // Who has left is nobody's partner at home any more.
      if (partner != key && used_with[partner] == used_with[key])
        access.edges.push_back({key, partner, 1 + random.Unit()});
    }
    access.edges.push_back({key, random.Below(access.keys.size()), 0.6 * random.Unit()});
  }
  return access;
}

// METIS wants whole numbers, each edge from both ends, nobody bound to himself.
std::string ToMetis(const CoAccess& access) {
  std::vector<std::map<std::size_t, long>> neighbours(access.keys.size());
  for (const CoEdge& edge : access.edges) {
    if (edge.a == edge.b) continue;
    const long weight = std::lround(100 * edge.weight);
    if (weight <= 0) continue;
    neighbours[edge.a][edge.b] += weight;
    neighbours[edge.b][edge.a] += weight;
  }
  std::size_t edges = 0;
  std::string rows;
  for (const auto& row : neighbours) {
    for (const auto& [other, weight] : row) rows += fmt::format(" {} {}", other + 1, weight);
    rows += "\n";
    edges += row.size();
  }
  return fmt::format("{} {} 001\n{}", access.keys.size(), edges / 2, rows);
}

CoAccess ByMetis(CoAccess access, std::size_t shards) {
  support::TemporaryDirectory folder("metis");
  const std::string file = folder.Write("graph", ToMetis(access));
  const auto ended = support::RunOrError(
      {.command = {"gpmetis", "-ufactor=50", "-seed=1", file, fmt::format("{}", shards)}},
      std::chrono::seconds(60));
  EXPECT_TRUE(ended) << ended.error().message;
  std::istringstream parts(support::ReadFile(fmt::format("{}.part.{}", file, shards)));
  for (CoKey& key : access.keys) parts >> key.shard;
  EXPECT_TRUE(parts);
  return access;
}

double MovedBytes(const CoAccess& before, const CoAccess& after,
                  const std::vector<std::size_t>& names) {
  double bytes = 0;
  for (std::size_t i = 0; i < before.keys.size(); ++i) {
    if (before.keys[i].shard != names[after.keys[i].shard]) bytes += before.keys[i].bytes;
  }
  return bytes;
}

// Which part is called by the name of which shard is free: METIS gets the names that move least,
// the greatest overlap first.
std::vector<std::size_t> BestNames(const CoAccess& before, const CoAccess& after,
                                   std::size_t shards) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> overlaps;
  std::vector<std::vector<double>> bytes(shards, std::vector<double>(shards));
  for (std::size_t i = 0; i < before.keys.size(); ++i)
    bytes[after.keys[i].shard][before.keys[i].shard] += before.keys[i].bytes;
  for (std::size_t part = 0; part < shards; ++part) {
    for (std::size_t shard = 0; shard < shards; ++shard)
      overlaps.emplace_back(-bytes[part][shard], part, shard);
  }
  std::sort(overlaps.begin(), overlaps.end());
  std::vector<std::size_t> names(shards, SIZE_MAX);
  std::vector<bool> taken(shards);
  for (const auto& [overlap, part, shard] : overlaps) {
    if (names[part] != SIZE_MAX || taken[shard]) continue;
    names[part] = shard;
    taken[shard] = true;
  }
  return names;
}

TEST(Cut, ClumpsComeCloseToMetisAndMoveLittle) {
  std::vector<double> cuts;
  std::vector<double> bytes;
  fmt::print("seed: keys, shards; cut before, METIS, clumps; ratio of cuts, of moved bytes\n");
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    std::size_t shards = 0;
    const CoAccess before = Drifted(seed, shards);
    ASSERT_LE(before.keys.size(), 2'000u);
    const CoAccess metis = ByMetis(before, shards);
    // The same balance: five percent above the mean.
    const double mean = static_cast<double>(before.keys.size()) / static_cast<double>(shards);
    ClumpOptions options;
    options.capacity.assign(shards, 1.05 * mean);
    CoAccess after = before;
    double moved = 0;
    for (const Clump& clump : FindClumps(before, options)) {
      for (const std::size_t key : clump.keys) after.keys[key].shard = clump.destination;
      moved += clump.bytes;
    }
    const double by_metis = MovedBytes(before, metis, BestNames(before, metis, shards));
    ASSERT_GT(by_metis, 0);
    cuts.push_back(CutOf(after) / std::max(1e-9, CutOf(metis)));
    bytes.push_back(moved / by_metis);
    fmt::print("{}: {}, {}; {:.0f}, {:.0f}, {:.0f}; {:.2f}, {:.3f}\n", seed, before.keys.size(),
               shards, CutOf(before), CutOf(metis), CutOf(after), cuts.back(), bytes.back());
  }
  std::sort(cuts.begin(), cuts.end());
  std::sort(bytes.begin(), bytes.end());
  fmt::print(
      "cut: {:.2f} of METIS's (median), {:.2f} (worst); moved bytes: {:.3f} (median), {:.3f} "
      "(worst)\n",
      cuts[cuts.size() / 2], cuts.back(), bytes[bytes.size() / 2], bytes.back());
  EXPECT_LE(cuts[cuts.size() / 2], 1.3);
  EXPECT_LE(bytes[bytes.size() / 2], 0.05);
  // Of single graphs METIS happens to move little.
  EXPECT_LE(cuts.back(), 1.35);
  EXPECT_LE(bytes.back(), 0.1);
}

}  // namespace
}  // namespace foreshard::planner

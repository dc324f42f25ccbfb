#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Keys that are used together and live apart: which few of them should move so that they meet.
//
// Begun where the data is, not from nothing: the hottest key whose partners live elsewhere, then
// the neighbours that hold on to it most, as long as it pays. Source: Serafini et al., Clay, VLDB
// 2017; design page "planner", section 11.

namespace foreshard::planner {

struct CoKey {
  std::string key;
  double load = 0;  // statements a second, its own
  double bytes = 0;
  std::size_t shard = 0;  // who owns it
};

// Two keys used by the same transactions, `weight` of them a second.
struct CoEdge {
  std::size_t a = 0;  // index into keys
  std::size_t b = 0;
  double weight = 0;
};

struct CoAccess {
  std::vector<CoKey> keys;
  std::vector<CoEdge> edges;
};

struct ClumpOptions {
  double cross_cost = 50;        // one statement on two shards, in statements on one
  double key_cost = 1;           // of a pin, in local statements a second
  std::size_t keys_max = 1'000;  // in one clump
  double bytes_max = 1e12;       // of all clumps together
  std::size_t look_ahead = 5;    // additions that may make it worse for a while
  // Load that each shard may carry; its size is the number of shards.
  std::vector<double> capacity;
};

// What one MoveKeys would take: keys of one shard to one other.
struct Clump {
  std::vector<std::size_t> keys;
  std::size_t source = 0;
  std::size_t destination = 0;
  double bytes = 0;
  double gain = 0;  // local statements a second: cross-shard ones avoided, keys paid for
};

// In the order in which they should move; each sees those before it done. REQUIRES: shards and
// indices within bounds.
std::vector<Clump> FindClumps(const CoAccess& access, const ClumpOptions& options);

// Weight of the edges between shards.
double CutOf(const CoAccess& access);

}  // namespace foreshard::planner

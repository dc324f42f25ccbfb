#pragma once

#include <vector>

// How many shards, and when: P-Store's dynamic programming over the planned quantile of total
// demand, with a price per change. Source: Taft et al., P-Store, SIGMOD 2018, sections 4 and 5;
// design page "planner", section 8.

namespace foreshard::planner {

struct CountOptions {
  int shards = 1;  // now
  int min_shards = 1;
  int max_shards = 16;
  double full_move_slots = 1;  // slots to move the whole database with one stream
  int streams_per_shard = 6;
  int concurrent_streams_max = 6;
  double price_per_change = 1.5;  // in shard-slots
};

struct CountPlan {
  bool feasible = true;  // false: no sequence keeps capacity above demand; `shards` is what the
                         // peak needs at once
  int shards = 1;        // final count: the smallest that is feasible
  int first_slot = -1;   // slot in which the first change starts; -1: no change
  int first_count = 1;   // count after the first change
  double cost = 0;       // shard-slots
};

// Time of a change in slots, and the capacity, in shards, that is effective after a fraction f of
// it was moved.
double ChangeSlots(const CountOptions& options, int before, int after);
double EffectiveShards(int before, int after, double moved_fraction);
double AverageShards(int before, int after);

// `demand[t]` is the planned quantile of total demand in slot t, in shards at their target.
// REQUIRES: not empty.
CountPlan PlanShardCount(const std::vector<double>& demand, const CountOptions& options);

}  // namespace foreshard::planner

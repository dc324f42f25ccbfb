#pragma once

// The weights of the objective, in member-hours, and the priors of a move's duration.
// Source: design page "planner", sections 5 and 6. Prices of changes and bytes, the time for which
// a new shard is paid, and the shares of scale-in are those of the skewed simulation
// (docs/planner.md).

namespace foreshard::planner {

struct Weights {
  double member = 1;    // per member-hour
  double breach = 40;   // per hour of one shard at 100 points over the limit
  double headroom = 2;  // the same over the target
  double overload = 8;  // per hour of one shard over the limit, by however little
  double imbalance = 0.2;
  double change = 0.25;  // per action: what removes churn
  double per_gigabyte = 0.01;
  double dip = 2;  // per hour of copying, times the source's dip
  double failure = 1;
};

struct MovePriors {
  double new_shard_seconds = 20;  // StatefulSet until it takes writes
  double copy_bytes_per_second = 20e6;
  double index_bytes_per_second = 40e6;
  double catch_up_seconds = 12;  // probe lag below 1 s for 10 s
  double ready_seconds = 30;     // lag below 50 ms for 30 s
  double cutover_seconds = 1;
  double dip = 0.10;  // of the source's capacity, while copying
  double destination_dip = 0.05;
};

// How placements are searched; the interface is one, so they can be compared.
enum class Optimiser { kGreedy, kNeighbourhood, kGenetic };

struct Options {
  Optimiser optimiser = Optimiser::kNeighbourhood;
  Weights weights;
  MovePriors priors;
  int latest_start_margin_bins = 2;
  // A start is put off while the latest one is further away than this share of the horizon.
  double wait_beyond_share = 0.5;
  double scenario_majority = 0.6;  // A must beat NoChange in this share of the scenarios
  double breach_probability_to_act = 0.2;
  double guard_rising_share = 0.95;  // of the limit
  int guard_bins = 2;                // in a row
  // Actions beside Split and Move; a caller that cannot carry one out leaves it off.
  bool merge_shards = false;
  bool isolate_keys = false;
  bool breach_waits_for_cool_down = true;  // a predicted one; the guard never waits
  // A new shard is paid for at least so many horizons, since it does not go as soon as it could.
  double new_shard_horizons = 3;
  double leave_share = 1;             // of the target: planned load of a shard that takes in
  double merge_measured_share = 0.9;  // of what the rest can carry: measured before a merge
  double shrink_rest_share = 0.25;    // of the cool-down, since the last action of either
  int actions_max = 8;                // in one plan
  int rounds = 24;                    // of the neighbourhood search
  int population = 24;                // of the genetic one
  int generations = 20;
};

}  // namespace foreshard::planner

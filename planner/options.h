#pragma once

// The weights of the objective, in member-hours, and the priors of a move's duration.
// Source: design page "planner", sections 5 and 6. Prices of changes and bytes, the time for which
// a new shard is paid, and the shares of scale-in are those of the skewed simulation
// (docs/planner.md).

namespace foreshard::planner {

struct Weights {
  double member = 1;     // per member-hour
  double breach = 40;    // per hour of one shard at 100 points over the limit
  double headroom = 2;   // the same over the target
  double overload = 16;  // per hour of one shard over the limit, by however little
  double imbalance = 0.2;
  double change = 0.75;  // per action: what removes churn
  double per_gigabyte = 0.01;
  double piece = 0.1;  // per piece of the key space more: it may be a move more when its shard goes
  double dip = 2;      // per hour of copying, times the source's dip
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
  // What a copy adds to its source ends soon and is cheap to avoid: it has to fit at this quantile,
  // or at the planned one where that is higher.
  double copy_quantile = 0.95;
  double scenario_majority = 0.6;  // A must beat NoChange in this share of the scenarios
  double breach_probability_to_act = 0.2;
  double guard_rising_share = 0.95;  // of the limit, where there is no forecast
  int guard_bins = 2;                // in a row
  // Median to the target and planned quantile to the limit, see PlannedLoad(); false: the planned
  // quantile to the target, which pays two margins for one risk.
  bool margin_once = true;
  // Actions beside Split and Move; a caller that cannot carry one out leaves it off.
  bool merge_shards = false;
  bool isolate_keys = false;
  bool breach_waits_for_cool_down = true;  // a predicted one; the guard never waits
  // A new shard is paid for at least so many horizons, since it does not go as soon as it could.
  double new_shard_horizons = 3;
  double leave_share = 1;           // of the target: planned load of a shard that takes in
  double merge_measured_share = 1;  // of what the rest can carry: measured before a merge
  double shrink_trust = 0.3;        // in the forecasts of who takes part; below 0.6 it costs room
  double distrust_room = 0.5;       // of the target, that no trust at all would leave free
  double joins_room = 0.5;          // of a shard, that a member-hour less of a move is worth
  double shrink_rest_share = 0.25;  // of the cool-down, since the last action of either
  int shrink_sources = 3;           // shards that may go which are looked at, the emptiest
  // How far Shard::later is looked into, as a share of the day that it covers, for a shard that
  // will pass the limit after its fan ends: it is relieved while it can still bear a copy. What is
  // so far away counts by a share.
  double ahead_day_share = 0.25;
  double ahead_share = 0.5;
  int actions_max = 8;  // in one plan
  int rounds = 24;      // of the neighbourhood search
  int population = 24;  // of the genetic one
  int generations = 20;
};

}  // namespace foreshard::planner

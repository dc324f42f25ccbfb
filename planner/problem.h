#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/key_space.h"
#include "model/load.h"
#include "model/shard_set.h"

// Everything a plan may depend on, read at one moment. Utilisation is a fraction of the shard's CPU
// capacity (1 = all of it).

namespace foreshard::planner {

// One key of the weighted reservoir: where it lies and how much backend time it stands for.
struct HeatSample {
  std::string bound;  // canonical, as in KeyRange
  double weight = 0;
};

struct HotKey {
  std::string key;
  double share = 0;  // of its range's load
};

// What can move: a range of one shard.
struct Unit {
  model::KeyRange range;
  double share = 1;  // of its shard's load, without background
  double bytes = 0;
  std::vector<HeatSample> reservoir;
  std::vector<HotKey> hot_keys;
  // Utilisation that it causes ahead, path by path beside the shard's scenarios; empty: its share
  // of the shard's.
  std::vector<std::vector<double>> paths{};
  std::optional<model::BinIndex> last_move{};  // it rests for a cool-down, but for the guard
};

struct Shard {
  model::ShardId id;
  bool ready = false;
  bool migrating = false;        // source or destination of an unfinished migration
  double background = 0;         // utilisation that does not come from clients
  std::vector<double> measured;  // utilisation of the newest bins, oldest first; empty: not known
  model::Fan fan;                // utilisation ahead; no steps: no forecast
  model::Scenarios scenarios;    // utilisation, joint over the shards
  model::Trust trust;
  bool estimator_usable = true;
  std::optional<model::BinIndex> last_action;  // last split or move that touched it
  std::vector<Unit> units;
  // Planned quantile of utilisation over a day, in steps of Problem::later_bins; for what should
  // last, as a merge, and for relief in time. The first step holds the bin after now, and may have
  // begun before it. Empty: nothing is known beyond the fan.
  std::vector<double> later{};
};

struct FrozenInterval {
  std::string name;
  model::BinIndex from = 0;  // half-open
  model::BinIndex to = 0;
};

// Conjugate normal posterior of log(actual / predicted) of finished migrations; section 5 of the
// planner's design.
struct DurationPosterior {
  double weight = 5;  // of the prior, in observations
  double mean = 0;
  double sum_squares = 5 * 0.2 * 0.2;
  bool operator==(const DurationPosterior&) const = default;
};

// How much the two parts of a move's time, what every move takes and what goes by its bytes, cost
// against their priors: a regression through finished migrations by relative error, begun at 1.
struct DurationFactors {
  double setup_setup = 0.3;  // sums of products of the parts' shares, forgotten slowly
  double setup_copy = 0;
  double copy_copy = 0.3;
  double setup_actual = 0.3;
  double copy_actual = 0.3;
  bool operator==(const DurationFactors&) const = default;
};

struct Memory {
  DurationPosterior duration;
  DurationFactors factors{};
  int finished = 0;
  int failed = 0;
  int troubled_cycles = 0;  // cycles in a row in which a breach was predicted
  int quiet_cycles = 0;     // cycles in a row in which a merge would pay
  double moved_bytes_last_hour = 0;
  std::vector<model::ShardId> draining{};  // their units are being spread over the others
  bool operator==(const Memory&) const = default;
};

struct FinishedMigration {
  model::BinIndex at = 0;
  double predicted_p50_seconds = 0;
  double actual_seconds = 0;
  bool succeeded = true;
  double bytes = -1;  // that moved; -1: not known
  bool new_shard = false;
};

struct Problem {
  model::BinIndex now = 0;  // newest complete bin
  double bin_seconds = 300;
  model::KeySpace key_space;
  model::ScalingSpec policy;
  int members_per_shard = 1;
  std::vector<Shard> shards;           // ordered by id
  std::vector<FrozenInterval> frozen;  // ordered
  int migrations_in_flight = 0;
  bool metrics_fresh = true;
  int later_bins = 6;  // bins of one step of Shard::later
  Memory memory;
};

}  // namespace foreshard::planner

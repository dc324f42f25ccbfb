#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/load.h"
#include "model/migration.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

namespace foreshard::op {

// Quantiles of one bin ahead, percent of the shard's CPU.
struct FanPercent {
  double p05 = 0;
  double p25 = 0;
  double p50 = 0;
  double p75 = 0;
  double p95 = 0;
};

// Load of one shard, percent of its CPU.
struct ShardPicture {
  std::chrono::seconds bin{300};
  model::BinIndex now = 0;       // newest bin that was measured, and the origin of the fan
  std::vector<double> measured;  // oldest first, the last one is `now`; NaN: not known
  std::vector<FanPercent> fan;   // the first is the bin after `now`; empty: no forecast
};

struct SetState {
  model::ShardSet set;
  std::optional<model::RoutingTable> table;
  std::vector<model::ShardMigration> migrations;  // newest first
  std::map<model::ShardId, ShardPicture> loads;   // only the operator that leads has them
};

// What one operator knows when the page is asked for.
struct StatusState {
  WallTime now{};
  bool leads = false;
  bool complete = true;        // false: the first lists are not, so sets may be missing
  std::vector<SetState> sets;  // by namespace and name
};

}  // namespace foreshard::op

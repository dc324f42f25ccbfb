#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kube/kube_api.h"
#include "model/load.h"
#include "model/migration.h"
#include "model/routing_table.h"
#include "model/shard_set.h"
#include "operator/metrics/demand_query.h"
#include "operator/metrics/metrics.h"
#include "operator/routers/heat_source.h"

// Everything the scaling decision of one set may look at, read again on every pass.

namespace foreshard::op {

struct ScalingObservation {
  model::ShardSet set;
  std::optional<model::RoutingTable> table;       // none: the set is not up yet
  std::vector<model::ShardMigration> migrations;  // of this set, by creation
  std::vector<model::LoadEvent> events;           // of this set
  std::chrono::seconds bin{300};
  model::BinIndex first = 0;                       // of the history that was read
  model::BinIndex now = 0;                         // newest complete bin
  std::map<model::ShardId, ShardDemand> demand;    // over [first, now]
  std::map<model::ShardId, ShardDemand> measured;  // the same without imported history
  std::map<model::ShardId, std::vector<double>> cores;
  bool metrics_read = false;
  std::string metrics_problem;  // why not
  std::vector<RangeHeat> heat;  // empty: not known
  WallTime wall;
};

struct ScalingSources {
  kube::KubeApi& kube;
  Metrics& metrics;
  HeatSource& heat;
  const Clock& clock;
};

// nullopt: the set is gone, is paused, or its spec is not valid (the fleet controller says so).
Result<std::optional<model::ShardSet>> ReadShardSet(kube::KubeApi& kube, const kube::ObjectRef& ref,
                                                    Deadline deadline);

std::chrono::seconds BinOf(const model::ShardSet& set);
// The newest bin whose samples have been scraped.
model::BinIndex NewestBin(const model::ShardSet& set, WallTime now);

// A Prometheus that cannot be read is an observation, not an error. Cost: two range queries over
// the whole history.
Result<ScalingObservation> ObserveScaling(const ScalingSources& sources, model::ShardSet set,
                                          Deadline deadline);

}  // namespace foreshard::op

#pragma once

#include <map>
#include <memory>
#include <string>

#include "forecast/shared.h"
#include "model/ids.h"
#include "model/load.h"

// What outlives a restart of the operator: a cache, all of which can be learned again from metrics.

namespace foreshard::op {

struct SavedForecast {
  std::string grid;          // bin, seasons and horizon it is for; of another one it is useless
  model::BinIndex last = 0;  // newest bin it has seen
  double write_weight = 1;   // reads that one write costs, in the series it is of
  double level = 0;          // mean of that series' last season: is it the same history?
  std::string state;         // forecast::Serialize
  bool operator==(const SavedForecast&) const = default;
};

// The network that all shards of a set share.
struct SavedNetwork {
  std::string grid;
  model::BinIndex trained_at = 0;
  std::shared_ptr<const forecast::Shared> weights;  // none: not saved, or not usable
};

struct SavedForecasts {
  std::map<model::ShardId, SavedForecast> shards;
  SavedNetwork network;
};

}  // namespace foreshard::op

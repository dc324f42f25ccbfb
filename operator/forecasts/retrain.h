#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "forecast/forecaster.h"
#include "forecast/shared.h"
#include "model/ids.h"

// What a load book wants to be learned anew by somebody with time: the regressions of shards, once
// a season, and the network of the set, once a second season. A value in, a value out.

namespace foreshard::op {

struct RetrainJob {
  forecast::Options options;
  std::map<model::ShardId, forecast::Fitted> due;    // copies; the book goes on meanwhile
  std::vector<forecast::History> histories;          // to train the network on; none: it stays
  std::shared_ptr<const forecast::Shared> shared{};  // the network as it is; may be null
};

struct Retrained {
  std::map<model::ShardId, forecast::Fitted> fitted;
  std::shared_ptr<const forecast::Shared> shared{};  // null: no new network
  std::string problem{};                             // why there is none
};

// Asks `stop` between steps; what is done by then is handed back.
Retrained Retrain(RetrainJob job, const forecast::Executor& run, const forecast::StopAsked& stop);

}  // namespace foreshard::op

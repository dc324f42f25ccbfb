#pragma once

#include "planner/options.h"
#include "planner/problem.h"
#include "planner/shard_count.h"

// How many shards the whole set needs, by what is planned of its total load.

namespace foreshard::planner {

// As many as there are, and no change, where no shard has a forecast.
CountPlan ProposeCount(const Problem& problem, const Options& options);

}  // namespace foreshard::planner

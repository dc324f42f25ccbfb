#pragma once

#include <vector>

#include "model/shard_set.h"
#include "planner/problem.h"

namespace foreshard::op {

// The intervals of all windows that touch a bin of [first, last], ordered by their beginning. A
// window that cannot be read freezes everything, by name: whoever wanted a freeze and wrote it
// wrongly must not be resharded in the middle of it.
std::vector<planner::FrozenInterval> FrozenIntervals(
    const std::vector<model::FreezeWindow>& windows, std::chrono::seconds bin,
    model::BinIndex first, model::BinIndex last);

}  // namespace foreshard::op

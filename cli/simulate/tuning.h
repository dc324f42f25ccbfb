#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/shard_set.h"
#include "planner/options.h"

// Settings of one contender: "ours@quantile=90;target=75" is our planner with other prices, in the
// same world as "ours".

namespace foreshard::simulate {

// "ours@quantile=90" -> "ours".
std::string_view BaseName(std::string_view strategy);

// Errors: kGiveUp naming the key or the value.
Status Tune(std::string_view strategy, model::ScalingSpec& policy, planner::Options& options);

}  // namespace foreshard::simulate

#pragma once

#include <string>

#include "operator/status/page_state.h"

namespace foreshard::op {

// Everything of one set, as the inside of <main>.
std::string SetPage(const SetState& state, const StatusState& all);

// What a list of sets says of it.
std::string SetCard(const SetState& state, const std::string& link, WallTime now);

// Highest CPU of its shards now, and the highest planned quantile that is forecast; nothing if
// unknown.
const model::ShardStatus* BusiestShard(const model::ShardSet& set);
const model::ShardStatus* ShardOfPeak(const model::ShardSet& set);

}  // namespace foreshard::op

#pragma once

#include "operator/api/value.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// At most one member of a shard leaves at a time, however many drains there are.
Value BuildShardBudget(const SetName& set, const model::ShardId& shard);
Value BuildRouterBudget(const SetName& set);

}  // namespace foreshard::op

#pragma once

#include "model/shard_set.h"
#include "operator/api/fields.h"
#include "operator/api/value.h"

namespace foreshard::op {

// The spec of a ShardSet; what is wrong with it goes into `problems`, and its default into the
// answer.
model::ShardSetSpec ReadShardSetSpec(const Value& spec, Problems& problems);

}  // namespace foreshard::op

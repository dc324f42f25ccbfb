#pragma once

#include <vector>

#include "model/routing_table.h"
#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// The first table of a set: even ranges of the hash space in the order of `shards`; with Range the
// first shard owns all.
model::RoutingTable FirstRoutingTable(const SetName& set, const model::ShardingSpec& sharding,
                                      const std::vector<model::ShardId>& shards);

Value BuildRoutingTable(const SetName& set, const model::RoutingTable& table);

}  // namespace foreshard::op

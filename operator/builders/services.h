#pragma once

#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// The primary: without a selector, its Endpoints are written by Patroni (docs/adr/0001).
Value BuildPrimaryService(const SetName& set, const model::ShardId& shard);
Value BuildReplicaService(const SetName& set, const model::ShardId& shard);
// Headless: names of the pods.
Value BuildPodsService(const SetName& set, const model::ShardId& shard);
Value BuildRouterService(const SetName& set, const model::RouterSpec& router);

}  // namespace foreshard::op

#pragma once

#include "model/shard_set.h"
#include "operator/api/value.h"
#include "operator/builders/images.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// router.json, as foreshard-router reads it.
Value RouterConfig(const SetName& set, const model::ShardSetSpec& spec);
Value BuildRouterConfigMap(const SetName& set, const model::ShardSetSpec& spec);
Value BuildRouterDeployment(const SetName& set, const model::ShardSetSpec& spec,
                            const Images& images);

}  // namespace foreshard::op

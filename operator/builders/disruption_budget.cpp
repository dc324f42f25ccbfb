#include "operator/builders/disruption_budget.h"

namespace foreshard::op {
namespace {

Value Spec(Value selector) {
  return Value::Object({{"maxUnavailable", 1},
                        // A member that is down holds data too: it must not be evicted while the
                        // others are below the budget.
                        {"unhealthyPodEvictionPolicy", "IfHealthyBudget"},
                        {"selector", Value::Object({{"matchLabels", std::move(selector)}})}});
}

}  // namespace

Value BuildShardBudget(const SetName& set, const model::ShardId& shard) {
  Value object = NewObject(set, {.api_version = "policy/v1",
                                 .kind = "PodDisruptionBudget",
                                 .name = ShardName(set, shard),
                                 .component = Component::kShard,
                                 .shard = shard});
  object.Set("spec", Spec(Value::Object({{kClusterLabel, ShardName(set, shard)}})));
  return Hashed(std::move(object));
}

Value BuildRouterBudget(const SetName& set) {
  Value object = NewObject(set, {.api_version = "policy/v1",
                                 .kind = "PodDisruptionBudget",
                                 .name = RouterName(set),
                                 .component = Component::kRouter,
                                 .shard = {}});
  object.Set("spec", Spec(Value::Object({{kSetLabel, set.name}, {kComponentLabel, "router"}})));
  return Hashed(std::move(object));
}

}  // namespace foreshard::op

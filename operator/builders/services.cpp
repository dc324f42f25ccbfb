#include "operator/builders/services.h"

namespace foreshard::op {
namespace {

Value Port(std::string_view name, int port, int target) {
  return Value::Object(
      {{"name", name}, {"port", port}, {"targetPort", target}, {"protocol", "TCP"}});
}

Value ShardService(const SetName& set, const model::ShardId& shard, const std::string& name) {
  return NewObject(set, {.api_version = "v1",
                         .kind = "Service",
                         .name = name,
                         .component = Component::kShard,
                         .shard = shard});
}

}  // namespace

Value BuildPrimaryService(const SetName& set, const model::ShardId& shard) {
  Value object = ShardService(set, shard, ShardName(set, shard));
  object.Set(
      "spec",
      Value::Object({{"type", "ClusterIP"},
                     {"ports", Value::Array({Port("postgresql", kPostgresPort, kPostgresPort)})}}));
  return Hashed(std::move(object));
}

Value BuildReplicaService(const SetName& set, const model::ShardId& shard) {
  Value object = ShardService(set, shard, ReplicasName(set, shard));
  object.Set(
      "spec",
      Value::Object({{"type", "ClusterIP"},
                     {"selector", Value::Object({{kClusterLabel, ShardName(set, shard)},
                                                 {kRoleLabel, "replica"}})},
                     {"ports", Value::Array({Port("postgresql", kPostgresPort, kPostgresPort)})}}));
  return Hashed(std::move(object));
}

Value BuildPodsService(const SetName& set, const model::ShardId& shard) {
  Value object = ShardService(set, shard, PodsName(set, shard));
  object.Set(
      "spec",
      Value::Object({{"clusterIP", "None"},
                     {"publishNotReadyAddresses", true},
                     {"selector", Value::Object({{kClusterLabel, ShardName(set, shard)}})},
                     {"ports", Value::Array({Port("postgresql", kPostgresPort, kPostgresPort)})}}));
  return Hashed(std::move(object));
}

Value BuildRouterService(const SetName& set, const model::RouterSpec& router) {
  Value object = NewObject(set, {.api_version = "v1",
                                 .kind = "Service",
                                 .name = RouterName(set),
                                 .component = Component::kRouter,
                                 .shard = {}});
  object.Set("spec",
             Value::Object(
                 {{"type", router.service_type},
                  {"selector", Value::Object({{kSetLabel, set.name}, {kComponentLabel, "router"}})},
                  {"ports", Value::Array({Port("postgresql", router.port, kPostgresPort)})}}));
  return Hashed(std::move(object));
}

}  // namespace foreshard::op

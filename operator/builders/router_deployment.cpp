#include "operator/builders/router_deployment.h"

#include <fmt/format.h>

#include "operator/api/enum_names.h"
#include "operator/builders/pod_parts.h"

namespace foreshard::op {
namespace {

// Longer than the election of a new leader: parked work survives one.
constexpr int kParkMaxMillis = 20'000;

Value RouterArguments() {
  return Value::Array({"--config", "/etc/foreshard/config/router.json", "--users",
                       "/etc/foreshard/users/users", "--tls-directory", "/etc/foreshard/tls",
                       "--listen", fmt::format("0.0.0.0:{}", kPostgresPort), "--admin-listen",
                       fmt::format("0.0.0.0:{}", kRouterAdminPort), "--metrics-listen",
                       fmt::format("0.0.0.0:{}", kRouterMetricsPort), "--kubernetes", "--name",
                       "$(POD_NAME)", "--shard-tls", "require"});
}

Value RouterContainer(const model::RouterSpec& router, const Images& images) {
  Value readiness = HttpProbe("/readyz", kRouterMetricsPort, "HTTP");
  readiness.Set("periodSeconds", 2).Set("failureThreshold", 2);
  Value liveness = HttpProbe("/healthz", kRouterMetricsPort, "HTTP");
  liveness.Set("periodSeconds", 10).Set("failureThreshold", 6);
  const auto port = [](std::string_view name, int number) {
    return Value::Object({{"name", name}, {"containerPort", number}});
  };
  return Value::Object(
      {{"name", "router"},
       {"image", images.router},
       {"imagePullPolicy", images.pull_policy},
       {"args", RouterArguments()},
       {"env", Value::Array({EnvField("POD_NAME", "metadata.name"),
                             EnvField("POD_NAMESPACE", "metadata.namespace")})},
       {"ports", Value::Array({port("postgresql", kPostgresPort), port("admin", kRouterAdminPort),
                               port("metrics", kRouterMetricsPort)})},
       {"readinessProbe", std::move(readiness)},
       {"livenessProbe", std::move(liveness)},
       {"resources", ResourcesJson(router.resources)},
       {"securityContext", ContainerSecurity()},
       {"volumeMounts",
        Value::Array({Mount("config", "/etc/foreshard/config", true),
                      Mount("users", "/etc/foreshard/users", true),
                      Mount("tls", "/etc/foreshard/tls", true), Mount("tmp", "/tmp")})}});
}

Value Affinity(const SetName& set) {
  const Value selector = Value::Object(
      {{"matchLabels", Value::Object({{kSetLabel, set.name}, {kComponentLabel, "router"}})}});
  const Value term =
      Value::Object({{"topologyKey", "kubernetes.io/hostname"}, {"labelSelector", selector}});
  return Value::Object(
      {{"podAntiAffinity",
        Value::Object(
            {{"preferredDuringSchedulingIgnoredDuringExecution",
              Value::Array({Value::Object({{"weight", 100}, {"podAffinityTerm", term}})})}})}});
}

}  // namespace

Value RouterConfig(const SetName& set, const model::ShardSetSpec& spec) {
  Value::List tables;
  for (const model::ShardedTable& table : spec.sharding.tables) {
    tables.push_back(Value::Object({{"name", table.name}, {"column", table.column}}));
  }
  const model::RouterSpec& router = spec.router;
  return Value::Object({{"shardSet", set.name},
                        {"namespace", set.name_space},
                        {"database", spec.postgres.database},
                        {"strategy", ToText(spec.sharding.key_space.strategy)},
                        {"keyType", ToText(spec.sharding.key_space.key_type)},
                        {"tables", Value(std::move(tables))},
                        {"referenceTables", Value::OfList(spec.sharding.reference_tables)},
                        {"serverConnectionsPerShard", router.server_connections_per_shard},
                        {"clientConnections", router.client_connections},
                        {"tlsMode", ToText(router.tls_mode)},
                        {"readConsistency", ToText(router.read_consistency)},
                        {"boundedStalenessMillis", router.bounded_staleness.count()},
                        {"accessLog", Value::Object({{"oneIn", router.access_log.one_in},
                                                     {"users", router.access_log.users},
                                                     {"keys", router.access_log.keys}})},
                        {"parkMaxMillis", kParkMaxMillis},
                        {"routers", router.replicas}});
}

Value BuildRouterConfigMap(const SetName& set, const model::ShardSetSpec& spec) {
  Value object = NewObject(set, {.api_version = "v1",
                                 .kind = "ConfigMap",
                                 .name = RouterName(set),
                                 .component = Component::kRouter,
                                 .shard = {}});
  object.Set("data", Value::Object({{"router.json", ToPrettyJson(RouterConfig(set, spec))}}));
  return Hashed(std::move(object));
}

Value BuildRouterDeployment(const SetName& set, const model::ShardSetSpec& spec,
                            const Images& images) {
  const model::RouterSpec& router = spec.router;
  const std::string tls =
      router.tls_secret_name.empty() ? RouterTlsSecret(set) : router.tls_secret_name;
  const Value pod =
      Value::Object({{"serviceAccountName", RouterName(set)},
                     // Long enough to finish transactions in flight after SIGTERM.
                     {"terminationGracePeriodSeconds", 60},
                     {"securityContext", PodSecurity(images.program_uid, images.program_uid)},
                     {"affinity", Affinity(set)},
                     {"containers", Value::Array({RouterContainer(router, images)})},
                     {"volumes", Value::Array({ConfigVolume("config", RouterName(set)),
                                               SecretVolume("users", UsersSecret(set), 0440),
                                               SecretVolume("tls", tls, 0440), EmptyDir("tmp")})}});
  Value object = NewObject(set, {.api_version = "apps/v1",
                                 .kind = "Deployment",
                                 .name = RouterName(set),
                                 .component = Component::kRouter,
                                 .shard = {}});
  object.Set(
      "spec",
      Value::Object(
          {{"replicas", router.replicas},
           {"selector",
            Value::Object({{"matchLabels",
                            Value::Object({{kSetLabel, set.name}, {kComponentLabel, "router"}})}})},
           {"strategy", Value::Object({{"type", "RollingUpdate"},
                                       {"rollingUpdate",
                                        Value::Object({{"maxSurge", 1}, {"maxUnavailable", 0}})}})},
           {"template",
            Value::Object(
                {{"metadata", Value::Object({{"labels", Labels(set, Component::kRouter, {})}})},
                 {"spec", pod}})}}));
  return Hashed(std::move(object));
}

}  // namespace foreshard::op

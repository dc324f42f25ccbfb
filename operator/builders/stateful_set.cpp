#include "operator/builders/stateful_set.h"

#include <fmt/format.h>

#include "operator/builders/backup.h"
#include "operator/builders/patroni_config.h"
#include "operator/builders/pod_parts.h"
#include "operator/builders/restore.h"

namespace foreshard::op {
namespace {

// A renewed certificate is told to Patroni, which reloads its own and PostgreSQL's; no connection
// ends by that. kubelet writes the Secret's files anew a minute or two after the Secret. $$ stays
// the number of the process that becomes Patroni.
constexpr const char* kPatroniCommand =
    "umask 077; mkdir -p /data/pg; chmod 700 /data/pg; "
    "follow() { old=$(cksum <$1); while sleep 10; do new=$(cksum <$1) || continue; "
    "[ \"$new\" = \"$old\" ] || { old=$new; kill -HUP $$ || exit 0; }; done; }; "
    "follow /etc/foreshard/tls/tls.crt & "
    "exec patroni /etc/foreshard/patroni/patroni.yml";
// In pods of other shards the label is another one, so only members of this shard keep apart.
constexpr const char* kZoneLabel = "topology.kubernetes.io/zone";
constexpr const char* kHostLabel = "kubernetes.io/hostname";

Value PatroniEnvironment(const SetName& set) {
  const std::string internal = InternalSecret(set);
  return Value::Array(
      {EnvField("PATRONI_NAME", "metadata.name"),
       EnvField("PATRONI_KUBERNETES_POD_IP", "status.podIP"), EnvField("POD_IP", "status.podIP"),
       EnvText("PATRONI_POSTGRESQL_CONNECT_ADDRESS", fmt::format("$(POD_IP):{}", kPostgresPort)),
       EnvText("PATRONI_RESTAPI_CONNECT_ADDRESS", fmt::format("$(POD_IP):{}", kPatroniPort)),
       EnvText("PATRONI_RESTAPI_USERNAME", "patroni"),
       EnvSecret("PATRONI_RESTAPI_PASSWORD", internal, "restapi"),
       EnvSecret("PATRONI_SUPERUSER_PASSWORD", internal, "superuser"),
       EnvSecret("PATRONI_REPLICATION_PASSWORD", internal, "replication"),
       EnvSecret("PATRONI_REWIND_PASSWORD", internal, "rewind"), EnvText("PGTZ", "UTC")});
}

Value PatroniContainer(const SetName& set, const model::ShardSetSpec& spec, const Images& images) {
  Value readiness = HttpProbe("/readiness", kPatroniPort, "HTTPS");
  readiness.Set("periodSeconds", 2).Set("timeoutSeconds", 5).Set("failureThreshold", 3);
  Value liveness = HttpProbe("/liveness", kPatroniPort, "HTTPS");
  liveness.Set("periodSeconds", 10).Set("timeoutSeconds", 5).Set("failureThreshold", 6);
  liveness.Set("initialDelaySeconds", 30);
  return Value::Object(
      {{"name", "postgres"},
       {"image", images.postgres},
       {"imagePullPolicy", images.pull_policy},
       {"command", Value::Array({"sh", "-ec", kPatroniCommand})},
       {"env", PatroniEnvironment(set)},
       {"ports",
        Value::Array({Value::Object({{"name", "postgresql"}, {"containerPort", kPostgresPort}}),
                      Value::Object({{"name", "patroni"}, {"containerPort", kPatroniPort}})})},
       {"readinessProbe", std::move(readiness)},
       {"livenessProbe", std::move(liveness)},
       {"resources", ResourcesJson(spec.shard_template.resources)},
       {"securityContext", ContainerSecurity()},
       {"volumeMounts", Value::Array({Mount(kDataClaim, "/data"), Mount("run", "/run/postgresql"),
                                      Mount("tmp", "/tmp"), Mount("shm", "/dev/shm"),
                                      Mount("patroni", "/etc/foreshard/patroni", true),
                                      Mount("tls", "/etc/foreshard/tls", true)})}});
}

Value ExporterContainer(const SetName& set, const model::ShardSetSpec& spec, const Images& images) {
  const std::string uri =
      fmt::format("127.0.0.1:{}/{}?sslmode=require", kPostgresPort, spec.postgres.database);
  return Value::Object(
      {{"name", "exporter"},
       {"image", images.postgres},
       {"imagePullPolicy", images.pull_policy},
       {"command", Value::Array({"prometheus-postgres-exporter", "--no-collector.bgwriter",
                                 "--disable-settings-metrics", "--log.level=error",
                                 fmt::format("--web.listen-address=:{}", kExporterPort)})},
       {"env",
        Value::Array({EnvText("DATA_SOURCE_URI", uri), EnvText("DATA_SOURCE_USER", "exporter"),
                      EnvSecret("DATA_SOURCE_PASS", InternalSecret(set), "exporter")})},
       {"ports",
        Value::Array({Value::Object({{"name", "metrics"}, {"containerPort", kExporterPort}})})},
       {"resources",
        Value::Object({{"requests", Value::Object({{"cpu", "5m"}, {"memory", "24Mi"}})},
                       {"limits", Value::Object({{"cpu", "100m"}, {"memory", "64Mi"}})}})},
       {"securityContext", ContainerSecurity()}});
}

Value ShardSelector(const SetName& set, const model::ShardId& shard) {
  return Value::Object({{"matchLabels", Value::Object({{kClusterLabel, ShardName(set, shard)}})}});
}

Value Spread(const SetName& set, const model::ShardId& shard) {
  return Value::Array({Value::Object({{"maxSkew", 1},
                                      {"topologyKey", kZoneLabel},
                                      {"whenUnsatisfiable", "ScheduleAnyway"},
                                      {"labelSelector", ShardSelector(set, shard)}})});
}

// What the user gave passes; what is ours is put beside it.
Value Affinity(const SetName& set, const model::ShardId& shard,
               const model::ShardTemplate& shard_template) {
  Value affinity = Value::Object();
  if (!shard_template.affinity_json.empty()) {
    const Result<Value> given = ParseJson(shard_template.affinity_json);
    if (given) affinity = *given;
  }
  if (affinity["podAntiAffinity"].is_null()) {
    const Value term =
        Value::Object({{"topologyKey", kHostLabel}, {"labelSelector", ShardSelector(set, shard)}});
    affinity.Set(
        "podAntiAffinity",
        Value::Object(
            {{"preferredDuringSchedulingIgnoredDuringExecution",
              Value::Array({Value::Object({{"weight", 100}, {"podAffinityTerm", term}})})}}));
  }
  if (!shard_template.zones.empty() && affinity["nodeAffinity"].is_null()) {
    const Value expression = Value::Object(
        {{"key", kZoneLabel}, {"operator", "In"}, {"values", Value::OfList(shard_template.zones)}});
    const Value terms =
        Value::Array({Value::Object({{"matchExpressions", Value::Array({expression})}})});
    affinity.Set("nodeAffinity", Value::Object({{"requiredDuringSchedulingIgnoredDuringExecution",
                                                 Value::Object({{"nodeSelectorTerms", terms}})}}));
  }
  return affinity;
}

Value PodTemplate(const SetName& set, const model::ShardId& shard, const model::ShardSetSpec& spec,
                  const Images& images, bool restored) {
  const model::ShardTemplate& shard_template = spec.shard_template;
  Value labels = Labels(set, Component::kShard, shard);
  labels.Set(kClusterLabel, ShardName(set, shard));
  Value pod = Value::Object(
      {{"serviceAccountName", ShardAccountName(set)},
       {"terminationGracePeriodSeconds", 30},
       {"securityContext", PodSecurity(images.postgres_uid, images.postgres_gid)},
       {"affinity", Affinity(set, shard, shard_template)},
       {"topologySpreadConstraints", Spread(set, shard)},
       {"containers",
        Value::Array({PatroniContainer(set, spec, images), ExporterContainer(set, spec, images)})},
       {"volumes", Value::Array({EmptyDir("run"), EmptyDir("tmp"), MemoryDir("shm", "256Mi"),
                                 ConfigVolume("patroni", PatroniConfigName(set, shard)),
                                 // PostgreSQL wants a key that only its group may read.
                                 SecretVolume("tls", ShardTlsSecret(set), 0640)})}});
  if (!shard_template.node_selector.empty()) {
    pod.Set("nodeSelector", Value::OfMap(shard_template.node_selector));
  }
  if (!shard_template.priority_class_name.empty()) {
    pod.Set("priorityClassName", shard_template.priority_class_name);
  }
  if (!shard_template.tolerations_json.empty()) {
    const Result<Value> tolerations = ParseJson(shard_template.tolerations_json);
    if (tolerations) pod.Set("tolerations", *tolerations);
  }
  if (spec.backup) AddBackupToPod(set, shard, spec, images, pod);
  if (restored) AddRestoreToPod(set, shard, spec, pod);
  return Value::Object(
      {{"metadata", Value::Object({{"labels", std::move(labels)}})}, {"spec", std::move(pod)}});
}

Value ClaimTemplate(const SetName& set, const model::ShardId& shard,
                    const model::StorageSpec& storage) {
  Value spec = Value::Object(
      {{"accessModes", Value::Array({"ReadWriteOnce"})},
       {"resources", Value::Object({{"requests", Value::Object({{"storage", storage.size}})}})}});
  if (!storage.storage_class_name.empty()) spec.Set("storageClassName", storage.storage_class_name);
  return Value::Object(
      {{"apiVersion", "v1"},
       {"kind", "PersistentVolumeClaim"},
       {"metadata",
        Value::Object({{"name", kDataClaim}, {"labels", Labels(set, Component::kShard, shard)}})},
       {"spec", std::move(spec)}});
}

}  // namespace

Value BuildStatefulSet(const SetName& set, const model::ShardId& shard,
                       const model::ShardSetSpec& spec, const Images& images, bool restored) {
  Value object = NewObject(set, {.api_version = "apps/v1",
                                 .kind = "StatefulSet",
                                 .name = ShardName(set, shard),
                                 .component = Component::kShard,
                                 .shard = shard});
  object.Set(
      "spec",
      Value::Object(
          {{"serviceName", PodsName(set, shard)},
           {"replicas", spec.shard_template.members},
           // Patroni orders its members itself; one that cannot start must not stop the others.
           {"podManagementPolicy", "Parallel"},
           // The operator says which pod is next. Null: what an earlier release's strategy left
           // there would be refused beside this one.
           {"updateStrategy", Value::Object({{"type", "OnDelete"}, {"rollingUpdate", Value()}})},
           {"selector", ShardSelector(set, shard)},
           {"template", PodTemplate(set, shard, spec, images, restored)},
           {"volumeClaimTemplates",
            Value::Array({ClaimTemplate(set, shard, spec.shard_template.storage)})}}));
  return Hashed(std::move(object));
}

}  // namespace foreshard::op

#include "operator/builders/pod_parts.h"

namespace foreshard::op {

Value PodSecurity(int uid, int gid) {
  return Value::Object({{"runAsNonRoot", true},
                        {"runAsUser", uid},
                        {"runAsGroup", gid},
                        {"fsGroup", gid},
                        // Without it the group bits of the data directory change at each start, and
                        // PostgreSQL refuses it.
                        {"fsGroupChangePolicy", "OnRootMismatch"},
                        {"seccompProfile", Value::Object({{"type", "RuntimeDefault"}})}});
}

Value ContainerSecurity() {
  return Value::Object({{"allowPrivilegeEscalation", false},
                        {"readOnlyRootFilesystem", true},
                        {"capabilities", Value::Object({{"drop", Value::Array({"ALL"})}})}});
}

Value ResourcesJson(const model::ComputeResources& resources) {
  Value json = Value::Object();
  if (!resources.requests.empty()) json.Set("requests", Value::OfMap(resources.requests));
  if (!resources.limits.empty()) json.Set("limits", Value::OfMap(resources.limits));
  return json;
}

Value EmptyDir(std::string_view name) {
  return Value::Object({{"name", name}, {"emptyDir", Value::Object()}});
}

Value MemoryDir(std::string_view name, std::string_view size_limit) {
  return Value::Object(
      {{"name", name},
       {"emptyDir", Value::Object({{"medium", "Memory"}, {"sizeLimit", size_limit}})}});
}

Value SecretVolume(std::string_view name, std::string_view secret, int mode) {
  return Value::Object(
      {{"name", name}, {"secret", Value::Object({{"secretName", secret}, {"defaultMode", mode}})}});
}

Value ConfigVolume(std::string_view name, std::string_view config_map) {
  return Value::Object({{"name", name}, {"configMap", Value::Object({{"name", config_map}})}});
}

Value Mount(std::string_view name, std::string_view path, bool read_only) {
  Value mount = Value::Object({{"name", name}, {"mountPath", path}});
  if (read_only) mount.Set("readOnly", true);
  return mount;
}

Value EnvText(std::string_view name, std::string_view value) {
  return Value::Object({{"name", name}, {"value", value}});
}

Value EnvSecret(std::string_view name, std::string_view secret, std::string_view key) {
  return Value::Object(
      {{"name", name},
       {"valueFrom",
        Value::Object({{"secretKeyRef", Value::Object({{"name", secret}, {"key", key}})}})}});
}

Value EnvField(std::string_view name, std::string_view field_path) {
  return Value::Object(
      {{"name", name},
       {"valueFrom", Value::Object({{"fieldRef", Value::Object({{"fieldPath", field_path}})}})}});
}

Value HttpProbe(std::string_view path, int port, std::string_view scheme) {
  return Value::Object(
      {{"httpGet", Value::Object({{"path", path}, {"port", port}, {"scheme", scheme}})}});
}

}  // namespace foreshard::op

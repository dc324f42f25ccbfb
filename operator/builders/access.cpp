#include "operator/builders/access.h"

namespace foreshard::op {
namespace {

Value Rule(std::string_view group, std::string_view resource, std::initializer_list<Value> verbs) {
  return Value::Object({{"apiGroups", Value::Array({group})},
                        {"resources", Value::Array({resource})},
                        {"verbs", Value::Array(verbs)}});
}

std::vector<Value> Access(const SetName& set, const std::string& name, Component component,
                          Value rules) {
  const Header header{
      .api_version = {}, .kind = {}, .name = name, .component = component, .shard = {}};
  Header account = header;
  account.api_version = "v1";
  account.kind = "ServiceAccount";
  Header role = header;
  role.api_version = "rbac.authorization.k8s.io/v1";
  role.kind = "Role";
  Header binding = role;
  binding.kind = "RoleBinding";
  Value role_object = NewObject(set, role);
  role_object.Set("rules", std::move(rules));
  Value binding_object = NewObject(set, binding);
  binding_object.Set(
      "roleRef",
      Value::Object({{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "Role"}, {"name", name}}));
  binding_object.Set(
      "subjects",
      Value::Array({Value::Object(
          {{"kind", "ServiceAccount"}, {"name", name}, {"namespace", set.name_space}})}));
  return {Hashed(NewObject(set, account)), Hashed(std::move(role_object)),
          Hashed(std::move(binding_object))};
}

}  // namespace

std::vector<Value> BuildShardAccess(const SetName& set) {
  // Patroni makes Endpoints for its leader, configuration and synchronous state, and a Service that
  // keeps the second alive.
  return Access(set, ShardAccountName(set), Component::kShard,
                Value::Array({Rule("", "endpoints",
                                   {"get", "list", "watch", "create", "patch", "update", "delete",
                                    "deletecollection"}),
                              Rule("", "pods", {"get", "list", "watch", "patch", "update"}),
                              Rule("", "services", {"create"})}));
}

std::vector<Value> BuildRouterAccess(const SetName& set) {
  return Access(set, RouterName(set), Component::kRouter,
                Value::Array({Rule("foreshard.dev", "routingtables", {"get", "list", "watch"})}));
}

}  // namespace foreshard::op

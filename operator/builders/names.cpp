#include "operator/builders/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "operator/builders/annotations.h"

namespace foreshard::op {
namespace {

std::uint64_t Fnv(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3U;
  }
  return hash;
}

constexpr std::size_t kShardIdLength = 4;

}  // namespace

std::string_view ToText(Component component) {
  switch (component) {
    case Component::kShard:
      return "shard";
    case Component::kRouter:
      return "router";
    case Component::kMover:
      return "mover";
    case Component::kBackup:
      return "backup";
    case Component::kVerification:
      return "verification";
  }
  Unreachable(component);
}

SetName NameOf(const model::ShardSet& set) { return {set.name_space, set.name, set.uid}; }

std::string RouterName(const SetName& set) { return set.name + "-router"; }
std::string ShardName(const SetName& set, const model::ShardId& shard) {
  return set.name + "-" + shard.value;
}
std::string ReplicasName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-replicas";
}
std::string PodsName(const SetName& set, const model::ShardId& shard) {
  return ShardName(set, shard) + "-pods";
}
std::string ShardAccountName(const SetName& set) { return set.name + "-shard"; }
std::string AuthoritySecret(const SetName& set) { return set.name + "-ca"; }
std::string RouterTlsSecret(const SetName& set) { return set.name + "-router-tls"; }
std::string ShardTlsSecret(const SetName& set) { return set.name + "-shard-tls"; }
std::string OperatorTlsSecret(const SetName& set) { return set.name + "-operator-tls"; }
std::string ClientSecret(const SetName& set) { return set.name + "-app"; }
std::string InternalSecret(const SetName& set) { return set.name + "-internal"; }
std::string UsersSecret(const SetName& set) { return set.name + "-router-users"; }

model::ShardAddress AddressOf(const SetName& set, const model::ShardId& shard) {
  return {.id = shard,
          .primary_service = ShardName(set, shard),
          // Each member has an address of its own there: a router must know whom it asked how far
          // it has come. The service of the replicas leads to any of them.
          .replica_service = PodsName(set, shard)};
}

std::vector<std::string> ServiceDnsNames(const SetName& set, const std::string& service) {
  const std::string full = service + "." + set.name_space;
  return {service, full, full + ".svc", full + ".svc.cluster.local"};
}

std::vector<model::ShardId> NewShardIds(std::string_view uid, int count) {
  Random random(Fnv(uid));
  std::vector<model::ShardId> ids;
  while (static_cast<int>(ids.size()) < count) {
    const model::ShardId id{"s-" + RandomId(random, kShardIdLength)};
    if (std::ranges::find(ids, id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

Value Labels(const SetName& set, Component component, const model::ShardId& shard) {
  Value labels = Value::Object({{kSetLabel, set.name},
                                {kComponentLabel, ToText(component)},
                                {"app.kubernetes.io/name", "foreshard"},
                                {"app.kubernetes.io/instance", set.name},
                                {"app.kubernetes.io/component", ToText(component)},
                                {"app.kubernetes.io/managed-by", "foreshard-operator"}});
  if (!shard.value.empty()) labels.Set(kShardLabel, shard.value);
  return labels;
}

std::string SetSelector(const SetName& set) { return fmt::format("{}={}", kSetLabel, set.name); }

std::string RouterSelector(const SetName& set) {
  return fmt::format("{}={},{}=router", kSetLabel, set.name, kComponentLabel);
}

namespace {

Value OwnerReference(const SetName& set) {
  return Value::Object({{"apiVersion", "foreshard.dev/v1alpha1"},
                        {"kind", "ShardSet"},
                        {"name", set.name},
                        {"uid", set.uid}});
}

}  // namespace

Value NewObject(const SetName& set, const Header& header) {
  Value metadata = Value::Object({{"name", header.name},
                                  {"namespace", set.name_space},
                                  {"labels", Labels(set, header.component, header.shard)}});
  if (!set.uid.empty()) {
    Value owner = OwnerReference(set);
    owner.Set("controller", true);
    metadata.Set("ownerReferences", Value::Array({std::move(owner)}));
  }
  return Value::Object({{"apiVersion", header.api_version},
                        {"kind", header.kind},
                        {"metadata", std::move(metadata)}});
}

Value KeptConfigMap(const SetName& set, const std::string& name, std::string_view label) {
  Value metadata = Value::Object(
      {{"name", name},
       {"namespace", set.name_space},
       {"labels", Value::Object({{std::string(label), set.name}, {kManagedByLabel, kManagedBy}})}});
  if (!set.uid.empty()) metadata.Set("ownerReferences", Value::Array({OwnerReference(set)}));
  return Value::Object(
      {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", std::move(metadata)}});
}

std::string HashText(std::string_view text) { return fmt::format("{:016x}", Fnv(text)); }

Value Hashed(Value object) {
  const std::string hash = HashText(ToJson(object));
  object.Member("metadata").Member("annotations").Set(kHashAnnotation, hash);
  return object;
}

}  // namespace foreshard::op

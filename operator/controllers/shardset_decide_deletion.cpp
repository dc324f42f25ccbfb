#include <fmt/format.h>

#include <array>

#include "operator/controllers/shardset_decide.h"

namespace foreshard::op {
namespace {

Effect Remove(const kube::ResourceKind& resource, const std::string& name, const std::string& uid) {
  Effect effect;
  effect.kind = EffectKind::kDelete;
  effect.resource = resource;
  effect.name = name;
  effect.uid = uid;
  return effect;
}

// The first object of the kind that is not going yet.
std::optional<Effect> RemoveKind(const ShardSetObservation& seen, std::string_view kind) {
  for (const auto& [key, child] : seen.children) {
    if (key.first == kind && !child.deleting && IsOurs(seen, child))
      return Remove(child.resource, key.second, child.uid);
  }
  return std::nullopt;
}

std::string FirstOf(const ShardSetObservation& seen, std::string_view kind,
                    std::string_view component) {
  for (const auto& [key, child] : seen.children) {
    if (key.first != kind || !IsOurs(seen, child)) continue;
    if (component.empty() || child.json["metadata"]["labels"][kComponentLabel].Text() == component)
      return key.second;
  }
  return {};
}

bool Retains(const ShardSetObservation& seen) {
  // Of an unreadable spec the safer one is taken.
  return seen.invalid.has_value() ||
         seen.set.spec.deletion_policy == model::DeletionPolicy::kRetain;
}

DeletionStep Do(Effect effect) { return {.effect = std::move(effect), .waiting_for = {}}; }
DeletionStep Wait(std::string reason) {
  return {.effect = std::nullopt, .waiting_for = std::move(reason)};
}

// The claims stay, and with them the passwords that their data knows: the Secret loses its owner.
std::optional<Effect> KeepPasswords(const ShardSetObservation& seen, const Child& secret,
                                    const std::string& name) {
  if (secret.json["metadata"]["ownerReferences"].Items().empty()) return std::nullopt;
  Effect effect;
  effect.kind = EffectKind::kPatch;
  effect.resource = kube::kSecrets;
  effect.name = name;
  effect.object.Member("metadata").Set("ownerReferences", Value());
  effect.object.Member("metadata").Set("resourceVersion", secret.resource_version);
  static_cast<void>(seen);
  return effect;
}

std::optional<Effect> RemoveTheRest(const ShardSetObservation& seen) {
  constexpr std::array<std::string_view, 8> kRest = {
      "PodDisruptionBudget", "Service", "Endpoints",     "ConfigMap", "Secret",
      "RoleBinding",         "Role",    "ServiceAccount"};
  const std::string internal = InternalSecret(NameOf(seen.set));
  for (const std::string_view kind : kRest) {
    for (const auto& [key, child] : seen.children) {
      if (key.first != kind || child.deleting || !IsOurs(seen, child)) continue;
      if (key.second == internal && Retains(seen)) {
        if (std::optional<Effect> keep = KeepPasswords(seen, child, key.second)) return keep;
        continue;
      }
      return Remove(child.resource, key.second, child.uid);
    }
  }
  return std::nullopt;
}

}  // namespace

DeletionStep DecideDeletion(const ShardSetObservation& seen) {
  for (const model::ShardMigration& migration : seen.migrations) {
    if (!migration.deleting)
      return Do(Remove(kube::kShardMigrations, migration.name, migration.uid));
    return Wait(fmt::format("ShardMigration {} is cleaning up", migration.name));
  }
  // Clients first: nobody writes to a shard that is going.
  if (std::optional<Effect> effect = RemoveKind(seen, "Deployment")) return Do(std::move(*effect));
  if (const std::string pod = FirstOf(seen, "Pod", "router"); !pod.empty()) {
    return Wait(fmt::format("router {} is finishing its sessions", pod));
  }
  if (std::optional<Effect> effect = RemoveKind(seen, "Job")) return Do(std::move(*effect));
  if (std::optional<Effect> effect = RemoveKind(seen, "StatefulSet")) return Do(std::move(*effect));
  if (const std::string pod = FirstOf(seen, "Pod", ""); !pod.empty()) {
    return Wait(fmt::format("pod {} is stopping", pod));
  }
  if (!Retains(seen)) {
    if (std::optional<Effect> effect = RemoveKind(seen, "PersistentVolumeClaim"))
      return Do(std::move(*effect));
    if (const std::string claim = FirstOf(seen, "PersistentVolumeClaim", ""); !claim.empty()) {
      return Wait(fmt::format("PersistentVolumeClaim {} is being removed", claim));
    }
  }
  if (seen.table) return Do(Remove(kube::kRoutingTables, seen.set.name, ""));
  if (std::optional<Effect> effect = RemoveTheRest(seen)) return Do(std::move(*effect));
  return {};
}

}  // namespace foreshard::op

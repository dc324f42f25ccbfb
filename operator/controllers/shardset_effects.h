#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>

#include "operator/builders/secrets.h"
#include "operator/controllers/shardset_decide.h"

// What the parts of the decision have in common.

namespace foreshard::op {

inline Effect Simple(EffectKind kind, const kube::ResourceKind& resource, const std::string& name) {
  Effect effect;
  effect.kind = kind;
  effect.resource = resource;
  effect.name = name;
  return effect;
}

inline Effect Apply(const kube::ResourceKind& resource, const std::string& name, Value object) {
  Effect effect = Simple(EffectKind::kApply, resource, name);
  effect.object = std::move(object);
  return effect;
}

// The texts of a Secret of the set; empty where it is not there.
inline std::map<std::string, std::string> DataOf(const ShardSetObservation& seen,
                                                 const std::string& secret) {
  const Child* child = FindChild(seen.children, "Secret", secret);
  return child != nullptr ? SecretData(child->json) : std::map<std::string, std::string>();
}

inline bool HasAll(const std::map<std::string, std::string>& data,
                   std::initializer_list<const char*> keys) {
  return std::ranges::all_of(keys, [&data](const char* key) {
    const auto found = data.find(key);
    return found != data.end() && !found->second.empty();
  });
}

}  // namespace foreshard::op

#include "tests/fakes/fake_kube_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "kube/object_json.h"

namespace foreshard::fakes {
namespace {

// The part whose changes a generation counts.
Json SpecOf(Json value) {
  for (const char* part : {"metadata", "status", "apiVersion", "kind"}) value.erase(part);
  return value;
}

bool HasFinalizers(const Json& value) {
  const auto found = value["metadata"].find("finalizers");
  return found != value["metadata"].end() && found->is_array() && !found->empty();
}

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

}  // namespace

bool HasStatusSubresource(const kube::ResourceKind& kind) {
  return !IsOneOf(kind.kind, {"Secret", "ConfigMap", "Lease", "Endpoints", "Role", "RoleBinding",
                              "ServiceAccount", "Event", "NetworkPolicy"});
}

bool CountsGenerations(const kube::ResourceKind& kind) {
  if (kind.group == "foreshard.dev" || kind.group == "apps" || kind.group == "batch") return true;
  return IsOneOf(kind.kind,
                 {"PodDisruptionBudget", "NetworkPolicy", "CustomResourceDefinition", "Pod"});
}

kube::Object Render(const Json& value) {
  Result<kube::Object> object = kube::ParseObject(value.dump());
  CHECK(object.ok(), "the fake made an object that does not parse");
  return *std::move(object);
}

const StoredObject* FakeKubeStore::Find(const kube::ResourceKind& kind,
                                        const kube::ObjectRef& ref) const {
  const auto of_kind = objects_.find(kind);
  if (of_kind == objects_.end()) return nullptr;
  const auto found = of_kind->second.find(ref);
  return found == of_kind->second.end() ? nullptr : &found->second;
}

kube::Object FakeKubeStore::Commit(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                                   Json value, Managers managers, bool dry_run) {
  const StoredObject* old = Find(kind, ref);
  Json& metadata = value["metadata"];
  metadata["name"] = ref.name;
  if (kind.namespaced) metadata["namespace"] = ref.name_space;
  metadata.erase("managedFields");
  if (old == nullptr) {
    metadata.erase("deletionTimestamp");
    metadata["uid"] = fmt::format("00000000-0000-4000-8000-{:012x}", ++uids_);
    metadata["creationTimestamp"] = FormatRfc3339(clock_.Wall());
    metadata["generation"] = 1;
  } else {
    const Json& known = old->value["metadata"];
    for (const char* name : {"uid", "creationTimestamp", "resourceVersion", "generation"}) {
      if (known.contains(name)) metadata[name] = known[name];
    }
    if (value == old->value && managers == old->managers) return old->rendered;
    const bool marked =
        metadata.contains("deletionTimestamp") && !known.contains("deletionTimestamp");
    if (CountsGenerations(kind) && (marked || SpecOf(value) != SpecOf(old->value))) {
      metadata["generation"] = known["generation"].get<std::int64_t>() + 1;
    }
  }
  if (!CountsGenerations(kind)) metadata.erase("generation");
  metadata["resourceVersion"] = std::to_string(version_ + 1);
  kube::Object rendered = Render(value);
  if (dry_run) return rendered;

  ++version_;
  std::optional<kube::Object> before;
  if (old != nullptr) before = old->rendered;
  const bool deleted = metadata.contains("deletionTimestamp") && !HasFinalizers(value);
  Record(kind, std::move(before), rendered, deleted);
  if (deleted) {
    objects_[kind].erase(ref);
  } else {
    objects_[kind][ref] = {
        .value = std::move(value), .managers = std::move(managers), .rendered = rendered};
  }
  return rendered;
}

void FakeKubeStore::Erase(const kube::ResourceKind& kind, const kube::ObjectRef& ref) {
  const StoredObject* old = Find(kind, ref);
  if (old == nullptr) return;
  Json value = old->value;
  value["metadata"]["resourceVersion"] = std::to_string(++version_);
  Record(kind, old->rendered, Render(value), true);
  objects_[kind].erase(ref);
}

void FakeKubeStore::Record(const kube::ResourceKind& kind, std::optional<kube::Object> before,
                           kube::Object after, bool deleted) {
  history_.push_back({.version = version_,
                      .kind = kind,
                      .before = std::move(before),
                      .after = std::move(after),
                      .deleted = deleted});
}

std::vector<kube::Object> FakeKubeStore::All(const kube::ResourceKind& kind,
                                             std::optional<std::int64_t> version) const {
  std::vector<kube::Object> all;
  if (!version) {
    const auto of_kind = objects_.find(kind);
    if (of_kind == objects_.end()) return all;
    for (const auto& [ref, stored] : of_kind->second) all.push_back(stored.rendered);
    return all;
  }
  std::map<kube::ObjectRef, const kube::Object*> seen;
  for (const Change& change : history_) {
    if (change.version > *version) break;
    if (change.kind != kind) continue;
    if (change.deleted) {
      seen.erase(change.after.ref());
    } else {
      seen[change.after.ref()] = &change.after;
    }
  }
  for (const auto& [ref, object] : seen) all.push_back(*object);
  return all;
}

std::vector<std::pair<kube::ResourceKind, kube::ObjectRef>> FakeKubeStore::Everything() const {
  std::vector<std::pair<kube::ResourceKind, kube::ObjectRef>> all;
  for (const auto& [kind, objects] : objects_) {
    for (const auto& [ref, stored] : objects) all.emplace_back(kind, ref);
  }
  return all;
}

}  // namespace foreshard::fakes

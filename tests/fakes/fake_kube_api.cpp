#include "tests/fakes/fake_kube_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kube/http_error.h"
#include "kube/kinds.h"
#include "kube/object_json.h"
#include "tests/fakes/fake_kube_fields.h"
#include "tests/fakes/fake_kube_state.h"

namespace foreshard::fakes {

using kube::Object;
using kube::ObjectRef;
using kube::ResourceKind;

namespace {

Error Refuse(int status, std::string_view verb, const ResourceKind& kind, const ObjectRef& ref,
             std::string_view reason, std::string_view message) {
  const Json body = {
      {"kind", "Status"}, {"reason", reason}, {"message", message}, {"code", status}};
  return kube::HttpError(status, kube::Describe(verb, kind, ref), body.dump());
}

Error NotFound(std::string_view verb, const ResourceKind& kind, const ObjectRef& ref) {
  return Refuse(404, verb, kind, ref, "NotFound",
                fmt::format("{} \"{}\" not found", kind.plural, ref.name));
}

Error Stale(std::string_view verb, const ResourceKind& kind, const ObjectRef& ref) {
  return Refuse(409, verb, kind, ref, "Conflict",
                "the object has been modified; please apply your changes to the latest version");
}

// The object a caller sent, checked as the real one's decoder does.
Result<Json> Decode(std::string_view verb, const ResourceKind& kind, const ObjectRef& ref,
                    const std::string& json) {
  Json value = Json::parse(json, nullptr, false);
  if (!value.is_object())
    return Refuse(400, verb, kind, ref, "BadRequest", "the body is not a JSON object");
  if (value.value("kind", "") != kind.kind ||
      value.value("apiVersion", "") != kube::ApiVersionOf(kind)) {
    return Refuse(
        400, verb, kind, ref, "BadRequest",
        fmt::format("apiVersion and kind must be {} and {}", kube::ApiVersionOf(kind), kind.kind));
  }
  Json& metadata = value["metadata"];
  if (metadata.is_null()) metadata = Json::object();
  if (metadata.value("name", "").empty()) {
    return Refuse(400, verb, kind, ref, "BadRequest", "metadata.name: name must be provided");
  }
  if (metadata.value("name", ref.name) != ref.name ||
      metadata.value("namespace", ref.name_space) != ref.name_space) {
    return Refuse(400, verb, kind, ref, "BadRequest",
                  "the name of the object does not match the name of the request");
  }
  return value;
}

std::string VersionIn(const Json& value) {
  const auto metadata = value.find("metadata");
  return metadata != value.end() && metadata->is_object() ? metadata->value("resourceVersion", "")
                                                          : std::string();
}

// What of `wanted` a write may change: the main resource never the status, the status subresource
// nothing else.
Json PartFor(const ResourceKind& kind, const std::string& subresource, const Json* old,
             Json wanted) {
  if (!HasStatusSubresource(kind)) return wanted;
  const Json status = wanted.contains("status") ? wanted["status"] : Json();
  if (subresource == "status") {
    Json value = *old;
    value.erase("status");
    if (!status.is_null()) value["status"] = status;
    return value;
  }
  wanted.erase("status");
  if (old != nullptr && old->contains("status")) wanted["status"] = (*old)["status"];
  return wanted;
}

// A write cannot mark or unmark a deletion, nor add a finalizer after it.
Status KeepDeletion(std::string_view verb, const ResourceKind& kind, const ObjectRef& ref,
                    const Json& old, Json& value) {
  value["metadata"].erase("deletionTimestamp");
  const Json& known = old["metadata"];
  if (!known.contains("deletionTimestamp")) return Ok();
  value["metadata"]["deletionTimestamp"] = known["deletionTimestamp"];
  for (const Json& name : value["metadata"].value("finalizers", Json::array())) {
    const Json before = known.value("finalizers", Json::array());
    if (std::find(before.begin(), before.end(), name) == before.end()) {
      return Refuse(422, verb, kind, ref, "Invalid",
                    "metadata.finalizers: Forbidden: no new finalizers can be added if the object "
                    "is being deleted");
    }
  }
  return Ok();
}

bool OwnedByAnother(const Managers& managers, const ManagerId& manager, const FieldPath& path) {
  return std::any_of(managers.begin(), managers.end(), [&](const auto& entry) {
    return entry.first != manager && entry.second.contains(path);
  });
}

struct Applied {
  Json value;
  Managers managers;
  std::vector<FieldPath> conflicts;  // fields of others that would change
};

Applied ApplyFields(const Json& live, Managers managers, const ManagerId& manager,
                    const Json& wanted) {
  const std::map<FieldPath, Json> wanted_leaves = LeavesOf(wanted);
  const std::map<FieldPath, Json> live_leaves = LeavesOf(live);
  Applied applied;
  std::set<FieldPath> now;
  for (const auto& [path, value] : wanted_leaves) {
    now.insert(path);
    const auto found = live_leaves.find(path);
    if (found != live_leaves.end() && found->second == value) continue;
    if (!OwnedByAnother(managers, manager, path)) continue;
    applied.conflicts.push_back(path);
    for (auto& [id, owned] : managers) {
      if (id != manager) owned.erase(path);
    }
  }
  std::set<FieldPath> gone;
  for (const FieldPath& path : managers[manager]) {
    if (!now.contains(path) && !OwnedByAnother(managers, manager, path)) gone.insert(path);
  }
  managers[manager] = std::move(now);
  std::erase_if(managers, [](const auto& entry) { return entry.second.empty(); });
  applied.value = MergeFields(RemoveFields(live, gone), wanted);
  applied.managers = std::move(managers);
  return applied;
}

}  // namespace

FakeKubeApi::FakeKubeApi(const Clock& clock) : state_(std::make_unique<State>(clock)) {}
FakeKubeApi::~FakeKubeApi() = default;

Result<std::optional<Object>> FakeKubeApi::Get(const ResourceKind& kind, const ObjectRef& ref,
                                               Deadline) {
  const std::scoped_lock lock(state_->mutex);
  if (const auto version = state_->ReadVersion()) {
    for (Object& object : state_->store.All(kind, version)) {
      if (object.ref() == ref) return std::optional<Object>(std::move(object));
    }
    return std::optional<Object>();
  }
  const StoredObject* found = state_->store.Find(kind, ref);
  return found == nullptr ? std::optional<Object>() : std::optional<Object>(found->rendered);
}

Result<kube::ObjectList> FakeKubeApi::List(const ResourceKind& kind,
                                           const kube::ListOptions& options, Deadline) {
  const std::scoped_lock lock(state_->mutex);
  const auto version = state_->ReadVersion();
  kube::ObjectList list;
  list.resource_version = std::to_string(version.value_or(state_->store.version()));
  for (Object& object : state_->store.All(kind, version)) {
    const Result<bool> selected =
        Selected(object, options.name_space, options.label_selector, options.field_selector);
    if (!selected) return selected.error();
    if (*selected) list.items.push_back(std::move(object));
  }
  return list;
}

Result<Object> FakeKubeApi::Create(const ResourceKind& kind, const ObjectRef& ref,
                                   const std::string& json, Deadline) {
  const std::scoped_lock lock(state_->mutex);
  ++state_->write_calls;
  Result<Json> value = Decode("create", kind, ref, json);
  if (!value) return value.error();
  if (!VersionIn(*value).empty()) {
    return Refuse(400, "create", kind, ref, "BadRequest",
                  "resourceVersion should not be set on objects to be created");
  }
  if (state_->store.Find(kind, ref) != nullptr) {
    return Refuse(409, "create", kind, ref, "AlreadyExists",
                  fmt::format("{} \"{}\" already exists", kind.plural, ref.name));
  }
  Json wanted = PartFor(kind, "", nullptr, *std::move(value));
  Managers managers =
      OwnersAfterUpdate({}, {"foreshard-operator", "Update", ""}, Json::object(), wanted);
  Object object = state_->store.Commit(kind, ref, std::move(wanted), std::move(managers), false);
  state_->changed.notify_all();
  return object;
}

Result<Object> FakeKubeApi::Replace(const ResourceKind& kind, const ObjectRef& ref,
                                    const std::string& json, const std::string& subresource,
                                    Deadline) {
  const std::scoped_lock lock(state_->mutex);
  ++state_->write_calls;
  Result<Json> value = Decode("replace", kind, ref, json);
  if (!value) return value.error();
  const StoredObject* old = state_->store.Find(kind, ref);
  if (old == nullptr) return NotFound("replace", kind, ref);
  if (VersionIn(*value).empty()) {
    return Refuse(422, "replace", kind, ref, "Invalid",
                  "metadata.resourceVersion: must be specified for an update");
  }
  if (VersionIn(*value) != old->rendered.metadata.resource_version)
    return Stale("replace", kind, ref);
  Json wanted = PartFor(kind, subresource, &old->value, *std::move(value));
  if (const Status kept = KeepDeletion("replace", kind, ref, old->value, wanted); !kept)
    return kept.error();
  Managers managers = OwnersAfterUpdate(
      old->managers, {"foreshard-operator", "Update", subresource}, old->value, wanted);
  Object object = state_->store.Commit(kind, ref, std::move(wanted), std::move(managers), false);
  state_->changed.notify_all();
  return object;
}

Result<Object> FakeKubeApi::Apply(const ResourceKind& kind, const ObjectRef& ref,
                                  const std::string& json, const kube::ApplyOptions& options,
                                  Deadline) {
  const std::scoped_lock lock(state_->mutex);
  if (!options.dry_run) ++state_->write_calls;
  Result<Json> wanted = Decode("apply", kind, ref, json);
  if (!wanted) return wanted.error();
  const StoredObject* old = state_->store.Find(kind, ref);
  if (old == nullptr && !options.subresource.empty()) return NotFound("apply", kind, ref);
  const std::string version = VersionIn(*wanted);
  if (!version.empty()) {
    if (old == nullptr || version != old->rendered.metadata.resource_version)
      return Stale("apply", kind, ref);
  }
  if (HasStatusSubresource(kind)) {
    if (options.subresource == "status") {
      *wanted = {{"status", wanted->value("status", Json::object())}, {"metadata", Json::object()}};
    } else {
      wanted->erase("status");
    }
  }
  const Json live = old != nullptr ? old->value
                                   : Json{{"apiVersion", kube::ApiVersionOf(kind)},
                                          {"kind", kind.kind},
                                          {"metadata", Json::object()}};
  for (const char* name :
       {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}) {
    (*wanted)["metadata"].erase(name);
  }
  const ManagerId manager{options.field_manager, "Apply", options.subresource};
  Applied applied =
      ApplyFields(live, old != nullptr ? old->managers : Managers{}, manager, *wanted);
  if (!options.force && !applied.conflicts.empty()) {
    return Refuse(409, "apply", kind, ref, "Conflict",
                  fmt::format("Apply failed with {} conflict(s): {}", applied.conflicts.size(),
                              ReadablePath(applied.conflicts.front())));
  }
  if (old != nullptr) {
    if (const Status kept = KeepDeletion("apply", kind, ref, old->value, applied.value); !kept)
      return kept.error();
  }
  Object object = state_->store.Commit(kind, ref, std::move(applied.value),
                                       std::move(applied.managers), options.dry_run);
  state_->changed.notify_all();
  return object;
}

Result<Object> FakeKubeApi::Patch(const ResourceKind& kind, const ObjectRef& ref,
                                  const std::string& merge_patch, const kube::PatchOptions& options,
                                  Deadline) {
  const std::scoped_lock lock(state_->mutex);
  if (!options.dry_run) ++state_->write_calls;
  const Json patch = Json::parse(merge_patch, nullptr, false);
  if (!patch.is_object())
    return Refuse(400, "patch", kind, ref, "BadRequest", "the body is not a JSON object");
  const StoredObject* old = state_->store.Find(kind, ref);
  if (old == nullptr) return NotFound("patch", kind, ref);
  if (const std::string version = VersionIn(patch);
      !version.empty() && version != old->rendered.metadata.resource_version) {
    return Stale("patch", kind, ref);
  }
  Json wanted = old->value;
  wanted.merge_patch(patch);
  if (!wanted.contains("metadata") || !wanted["metadata"].is_object())
    wanted["metadata"] = Json::object();
  wanted = PartFor(kind, options.subresource, &old->value, std::move(wanted));
  if (const Status kept = KeepDeletion("patch", kind, ref, old->value, wanted); !kept)
    return kept.error();
  Managers managers = OwnersAfterUpdate(
      old->managers, {options.field_manager, "Update", options.subresource}, old->value, wanted);
  Object object =
      state_->store.Commit(kind, ref, std::move(wanted), std::move(managers), options.dry_run);
  state_->changed.notify_all();
  return object;
}

Status FakeKubeApi::Delete(const ResourceKind& kind, const ObjectRef& ref,
                           const kube::DeleteOptions& options, Deadline) {
  const std::scoped_lock lock(state_->mutex);
  ++state_->write_calls;
  const StoredObject* old = state_->store.Find(kind, ref);
  if (old == nullptr) return Ok();
  const kube::Metadata& known = old->rendered.metadata;
  if ((!options.uid.empty() && options.uid != known.uid) ||
      (!options.resource_version.empty() && options.resource_version != known.resource_version)) {
    return Refuse(409, "delete", kind, ref, "Conflict",
                  "the precondition of the delete does not hold");
  }
  Json value = old->value;
  Json& finalizers = value["metadata"]["finalizers"];
  if (!finalizers.is_array()) finalizers = Json::array();
  const auto add = [&](const char* name) {
    if (std::find(finalizers.begin(), finalizers.end(), name) == finalizers.end())
      finalizers.push_back(name);
  };
  if (options.propagation == "Foreground") add("foregroundDeletion");
  if (options.propagation == "Orphan") add("orphan");
  if (finalizers.empty()) {
    state_->store.Erase(kind, ref);
  } else if (!known.deletion_timestamp) {
    value["metadata"]["deletionTimestamp"] = FormatRfc3339(state_->clock.Wall());
    state_->store.Commit(kind, ref, std::move(value), old->managers, false);
  }
  state_->changed.notify_all();
  return Ok();
}

Status FakeKubeApi::Evict(const ObjectRef& pod, Deadline deadline) {
  {
    const std::scoped_lock lock(state_->mutex);
    const StoredObject* found = state_->store.Find(kube::kPods, pod);
    if (found == nullptr) {
      ++state_->write_calls;
      return NotFound("evict", kube::kPods, pod);
    }
    for (const Object& budget : state_->store.All(kube::kPodDisruptionBudgets)) {
      const Json value = Json::parse(budget.json);
      const Json labels = value.value("/spec/selector/matchLabels"_json_pointer, Json::object());
      const bool matches =
          std::all_of(labels.items().begin(), labels.items().end(), [&](const auto& label) {
            const auto has = found->rendered.metadata.labels.find(label.key());
            return has != found->rendered.metadata.labels.end() && label.value() == has->second;
          });
      if (!matches || budget.metadata.name_space != pod.name_space) continue;
      const int allowed = value.value("/status/disruptionsAllowed"_json_pointer, 0);
      if (allowed <= 0) {
        ++state_->write_calls;
        return Refuse(429, "evict", kube::kPods, pod, "TooManyRequests",
                      "Cannot evict pod as it would violate the pod's disruption budget.");
      }
      Json spent = value;
      spent["status"]["disruptionsAllowed"] = allowed - 1;
      const StoredObject* old = state_->store.Find(kube::kPodDisruptionBudgets, budget.ref());
      state_->store.Commit(kube::kPodDisruptionBudgets, budget.ref(), std::move(spent),
                           old->managers, false);
      break;
    }
  }
  return Delete(kube::kPods, pod, {}, deadline);
}

}  // namespace foreshard::fakes

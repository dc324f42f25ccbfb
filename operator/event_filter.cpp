#include "operator/event_filter.h"

#include <array>

#include "operator/api/value.h"
#include "operator/builders/annotations.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

constexpr const char* kMigrationLabel = "foreshard.dev/migration";
// Annotations by which something is decided; all others only tick.
constexpr std::array<const char*, 8> kAnnotations = {
    "leader",         "config",          kHashAnnotation,   kPauseAnnotation,
    kAdoptAnnotation, kVerifyAnnotation, kRepairAnnotation, kBackupAnnotation};

std::string DigestOf(const kube::Object& object) {
  Result<Value> json = ParseJson(object.json);
  if (!json) return object.metadata.resource_version;
  Value& metadata = json->Member("metadata");
  const Value before = metadata["annotations"];
  Value annotations = Value::Object();
  for (const char* name : kAnnotations) {
    if (!before[name].is_null()) annotations.Set(name, before[name]);
  }
  metadata.Set("annotations", std::move(annotations));
  metadata.Remove("resourceVersion");
  metadata.Remove("managedFields");
  return HashText(ToJson(*json));
}

std::string LabelOf(const kube::Object& object, const char* name) {
  const auto found = object.metadata.labels.find(name);
  return found != object.metadata.labels.end() ? found->second : std::string();
}

}  // namespace

EventFilter::Verdict EventFilter::Look(const kube::ResourceKind& kind, const kube::Object& object) {
  const std::pair key(kind, object.ref());
  if (object.json.empty()) {
    const std::scoped_lock lock(mutex_);
    const auto found = known_.find(key);
    if (found == known_.end()) return {.changed = true, .shard_set = {}, .migration = {}};
    Verdict verdict{.changed = true,
                    .shard_set = found->second.shard_set,
                    .migration = found->second.migration};
    known_.erase(found);
    return verdict;
  }
  Known now{.digest = DigestOf(object),
            .shard_set = LabelOf(object, kSetLabel),
            .migration = LabelOf(object, kMigrationLabel)};
  const std::scoped_lock lock(mutex_);
  Known& known = known_[key];
  Verdict verdict{.changed = known.digest != now.digest,
                  .shard_set = now.shard_set,
                  .migration = now.migration};
  known = std::move(now);
  return verdict;
}

}  // namespace foreshard::op

#include "operator/event_filter.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kube/json_skimmer.h"
#include "kube/kinds.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

constexpr const char* kMigrationLabel = "foreshard.dev/migration";
// Annotations by which something is decided; all others only tick.
constexpr std::array<std::string_view, 10> kAnnotations = {
    "leader",          "config",
    "sync_standby",    kHashAnnotation,
    kPauseAnnotation,  kAdoptAnnotation,
    kVerifyAnnotation, kRepairAnnotation,
    kBackupAnnotation, kVerifyBackupAnnotation};

// Of everything but what ticks: the version, and annotations by which nothing is decided.
std::string DigestOf(const kube::Object& object) {
  std::string kept;
  kept.reserve(object.json.size());
  const auto keep = [&kept](std::string_view name, std::string_view value) {
    kept.append(name).append(1, '=').append(value).append(1, '\n');
  };
  kube::JsonSkimmer(object.json).Members([&](std::string_view part, std::string_view value) {
    if (part == "apiVersion" || part == "kind") return;  // lists have them elsewhere than watches
    if (part != "metadata") return keep(part, value);
    kube::JsonSkimmer(value).Members([&](std::string_view name, std::string_view member) {
      if (name == "resourceVersion" || name == "managedFields") return;
      if (name != "annotations") return keep(name, member);
      kube::JsonSkimmer(member).Members([&](std::string_view annotation, std::string_view text) {
        if (std::ranges::find(kAnnotations, annotation) != kAnnotations.end())
          keep(annotation, text);
      });
    });
  });
  if (kept.empty()) return object.metadata.resource_version;
  return HashText(kept);
}

bool IsAwaited(const kube::ResourceKind& kind, const kube::Object& object) {
  if (kind != kube::kShardSets) return false;
  const Result<model::ShardSet> set = ParseShardSetFrame(object.json);
  return set.ok() && set->generation > set->status.observed_generation;
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
    if (found == known_.end())
      return {.changed = true, .awaited = false, .shard_set = {}, .migration = {}};
    Verdict verdict{.changed = true,
                    .awaited = false,
                    .shard_set = found->second.shard_set,
                    .migration = found->second.migration};
    known_.erase(found);
    return verdict;
  }
  Known now{.digest = DigestOf(object),
            .shard_set = LabelOf(object, kSetLabel),
            .migration = LabelOf(object, kMigrationLabel)};
  const bool awaited = IsAwaited(kind, object);
  const std::scoped_lock lock(mutex_);
  Known& known = known_[key];
  Verdict verdict{.changed = known.digest != now.digest,
                  .awaited = awaited,
                  .shard_set = now.shard_set,
                  .migration = now.migration};
  known = std::move(now);
  return verdict;
}

}  // namespace foreshard::op

#include "operator/controllers/roll_limit.h"

#include <map>

#include "operator/api/value.h"
#include "operator/builders/annotations.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

struct Progress {
  bool open = false;   // a pod has an older template, or one that took on the newest is away
  bool begun = false;  // one took on the newest, or is away meanwhile
};

void Add(const Value& stateful_set, Progress& progress) {
  const Value& status = stateful_set["status"];
  if (status["observedGeneration"].Int() != stateful_set.At("metadata.generation").Int()) return;
  const std::int64_t newest = status["updatedReplicas"].Int();
  const bool outdated = newest < status["replicas"].Int();
  // With OnDelete the current revision stays the one that the StatefulSet began with: a shard that
  // was made of the newest template has not taken it on.
  const bool took_it_on =
      newest > 0 && status["currentRevision"].Text() != status["updateRevision"].Text();
  const bool lacks_one = status["readyReplicas"].Int() < stateful_set.At("spec.replicas").Int();
  progress.open = progress.open || outdated || (took_it_on && lacks_one);
  progress.begun = progress.begun || took_it_on || (outdated && lacks_one);
}

}  // namespace

bool RollLimit::Has(const kube::ObjectRef& set) const {
  const std::scoped_lock lock(mutex_);
  return rolling_.contains(set);
}

bool RollLimit::May(const kube::ObjectRef& set) const {
  const std::scoped_lock lock(mutex_);
  return rolling_.size() < most_ || rolling_.contains(set);
}

bool RollLimit::Enter(const kube::ObjectRef& set, const std::set<kube::ObjectRef>& seen) {
  const std::scoped_lock lock(mutex_);
  rolling_.insert(seen.begin(), seen.end());
  if (rolling_.contains(set)) return true;
  if (rolling_.size() >= most_) return false;
  rolling_.insert(set);
  return true;
}

void RollLimit::Leave(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  rolling_.erase(set);
}

std::set<kube::ObjectRef> SetsInAChange(const std::vector<kube::Object>& stateful_sets,
                                        const std::vector<kube::Object>& shard_sets) {
  std::map<kube::ObjectRef, Progress> sets;
  for (const kube::Object& set : shard_sets) {
    const auto pause = set.metadata.annotations.find(kPauseAnnotation);
    const bool paused = pause != set.metadata.annotations.end() && pause->second == "true";
    if (!paused && !set.metadata.deletion_timestamp) sets.emplace(set.ref(), Progress{});
  }
  for (const kube::Object& object : stateful_sets) {
    const auto label = object.metadata.labels.find(kSetLabel);
    if (label == object.metadata.labels.end()) continue;
    const auto set = sets.find({object.metadata.name_space, label->second});
    const Result<Value> json = ParseJson(object.json);
    if (set != sets.end() && json) Add(*json, set->second);
  }
  std::set<kube::ObjectRef> found;
  for (const auto& [set, progress] : sets) {
    if (progress.open && progress.begun) found.insert(set);
  }
  return found;
}

}  // namespace foreshard::op

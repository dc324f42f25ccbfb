#include "kube/watch_cache.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/pause.h"

namespace foreshard::kube {

WatchCache::WatchCache(KubeApi& api, const Clock& clock, WatchCacheOptions options, Note note)
    : api_(api), clock_(clock), options_(std::move(options)), note_(std::move(note)) {}

std::chrono::milliseconds WatchCache::Step(std::stop_token stop) {
  const MonotonicTime began = clock_.Monotonic();
  if (version_.empty() && !ListAll()) return PauseAfterFailure();
  const Status ended = api_.Watch(
      options_.kind,
      {.name_space = options_.name_space,
       .label_selector = options_.label_selector,
       .field_selector = options_.field_selector,
       .resource_version = version_,
       .timeout = options_.watch_timeout},
      [this](const WatchEvent& event) { return OnEvent(event); }, stop);
  if (stop.stop_requested()) return std::chrono::milliseconds(0);
  if (ended) {
    const auto lasted =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock_.Monotonic() - began);
    return std::max(options_.pause_min - lasted, std::chrono::milliseconds(0));
  }
  if (ended.error().code == "410") {
    log::Info("watch_too_old", {{"kind", options_.kind.kind}, {"version", version_}});
    version_.clear();
  } else {
    log::Info("watch_broken", {{"kind", options_.kind.kind}, {"error", ended.error().message}});
  }
  return PauseAfterFailure();
}

bool WatchCache::ListAll() {
  Result<ObjectList> list = api_.List(options_.kind,
                                      {.name_space = options_.name_space,
                                       .label_selector = options_.label_selector,
                                       .field_selector = options_.field_selector},
                                      Deadline::After(clock_, options_.list_timeout));
  if (!list) {
    log::Warning("list_failed", {{"kind", options_.kind.kind}, {"error", list.error().message}});
    return false;
  }
  std::vector<ObjectRef> noted;
  {
    const std::scoped_lock lock(mutex_);
    std::map<ObjectRef, Object> fresh;
    for (Object& object : list->items) {
      const ObjectRef ref = object.ref();
      const auto old = objects_.find(ref);
      const bool same = old != objects_.end() && old->second.metadata.uid == object.metadata.uid &&
                        old->second.metadata.resource_version == object.metadata.resource_version;
      if (!same) noted.push_back(ref);
      fresh.emplace(ref, std::move(object));
    }
    for (const auto& [ref, object] : objects_) {
      if (!fresh.contains(ref)) noted.push_back(ref);
    }
    objects_.clear();
    by_label_.clear();
    for (auto& [ref, object] : fresh) Put(object);
    synced_ = true;
    ++lists_;
  }
  version_ = list->resource_version;
  for (const ObjectRef& ref : noted) note_(ref);
  return true;
}

// REQUIRES: the lock.
void WatchCache::Put(const Object& object) {
  const ObjectRef ref = object.ref();
  const auto old = objects_.find(ref);
  if (old != objects_.end()) Unindex(old->second);
  if (!options_.index_label.empty()) {
    const auto label = object.metadata.labels.find(options_.index_label);
    if (label != object.metadata.labels.end()) by_label_[label->second].insert(ref);
  }
  objects_.insert_or_assign(ref, object);
}

void WatchCache::Erase(const ObjectRef& ref) {
  const auto old = objects_.find(ref);
  if (old == objects_.end()) return;
  Unindex(old->second);
  objects_.erase(old);
}

void WatchCache::Unindex(const Object& object) {
  const auto label = object.metadata.labels.find(options_.index_label);
  if (label == object.metadata.labels.end()) return;
  const auto place = by_label_.find(label->second);
  if (place == by_label_.end()) return;
  place->second.erase(object.ref());
  if (place->second.empty()) by_label_.erase(place);
}

bool WatchCache::OnEvent(const WatchEvent& event) {
  failures_ = 0;
  if (!event.object.metadata.resource_version.empty())
    version_ = event.object.metadata.resource_version;
  const ObjectRef ref = event.object.ref();
  {
    const std::scoped_lock lock(mutex_);
    switch (event.type) {
      case WatchEventType::kAdded:
      case WatchEventType::kModified:
        Put(event.object);
        break;
      case WatchEventType::kDeleted:
        Erase(ref);
        break;
      case WatchEventType::kBookmark:
        return true;
    }
  }
  note_(ref);
  return true;
}

std::chrono::milliseconds WatchCache::PauseAfterFailure() {
  const int doublings = std::min(failures_++, 20);
  return std::min(options_.pause_min * (std::int64_t{1} << doublings), options_.pause_max);
}

void WatchCache::Run(std::stop_token stop) {
  while (!stop.stop_requested()) Pause(stop, Step(stop));
}

bool WatchCache::Synced() const {
  const std::scoped_lock lock(mutex_);
  return synced_;
}

std::optional<Object> WatchCache::Get(const ObjectRef& ref) const {
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(ref);
  return found == objects_.end() ? std::optional<Object>() : std::optional<Object>(found->second);
}

std::vector<Object> WatchCache::All() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Object> all;
  all.reserve(objects_.size());
  for (const auto& [ref, object] : objects_) all.push_back(object);
  return all;
}

std::vector<Object> WatchCache::WithLabel(const std::string& value) const {
  CHECK(!options_.index_label.empty(), "no label is indexed", options_.kind.kind);
  const std::scoped_lock lock(mutex_);
  std::vector<Object> found;
  const auto place = by_label_.find(value);
  if (place == by_label_.end()) return found;
  found.reserve(place->second.size());
  for (const ObjectRef& ref : place->second) found.push_back(objects_.at(ref));
  return found;
}

std::size_t WatchCache::size() const {
  const std::scoped_lock lock(mutex_);
  return objects_.size();
}

std::int64_t WatchCache::lists() const {
  const std::scoped_lock lock(mutex_);
  return lists_;
}

}  // namespace foreshard::kube

#include <algorithm>
#include <charconv>
#include <utility>

#include "kube/http_error.h"
#include "tests/fakes/fake_kube_fields.h"
#include "tests/fakes/fake_kube_select.h"
#include "tests/fakes/fake_kube_state.h"

// The second half of FakeKubeApi: watches, and what moves its world.

namespace foreshard::fakes {

using kube::Object;
using kube::ObjectRef;
using kube::ResourceKind;
using kube::WatchEvent;
using kube::WatchEventType;

Result<bool> Selected(const Object& object, const std::string& name_space,
                      const std::string& labels, const std::string& fields) {
  if (!name_space.empty() && object.metadata.name_space != name_space) return false;
  if (!labels.empty()) {
    const Result<bool> matches = MatchesLabels(labels, object.metadata.labels);
    if (!matches || !*matches) return matches;
  }
  return fields.empty() ? Result<bool>(true) : MatchesFields(fields, Json::parse(object.json));
}

namespace {

Result<std::optional<WatchEvent>> EventOf(const Change& change, const kube::WatchOptions& options) {
  const auto selected = [&](const Object& object) {
    return Selected(object, options.name_space, options.label_selector, options.field_selector);
  };
  const Result<bool> after = selected(change.after);
  if (!after) return after.error();
  const Result<bool> before = change.before ? selected(*change.before) : Result<bool>(false);
  if (!before) return before.error();
  const bool shown = *after && !change.deleted;
  if (!*before && !shown) return std::optional<WatchEvent>();
  // Leaving the selection looks like a deletion, entering it like an addition.
  const WatchEventType type = !shown    ? WatchEventType::kDeleted
                              : *before ? WatchEventType::kModified
                                        : WatchEventType::kAdded;
  return std::optional<WatchEvent>({.type = type, .object = change.after});
}

Error TooOld() {
  const Json body = {{"kind", "Status"},
                     {"reason", "Expired"},
                     {"message", "too old resource version"},
                     {"code", 410}};
  return kube::HttpError(410, "watch", body.dump());
}

bool OwnsAnything(const std::string& uid, const kube::Metadata& metadata) {
  return std::any_of(metadata.owners.begin(), metadata.owners.end(),
                     [&](const kube::OwnerReference& owner) { return owner.uid == uid; });
}

void DropFinalizer(FakeKubeStore& store, const ResourceKind& kind, const ObjectRef& ref,
                   const char* name) {
  const StoredObject* old = store.Find(kind, ref);
  Json value = old->value;
  Json& finalizers = value["metadata"]["finalizers"];
  finalizers.erase(std::remove(finalizers.begin(), finalizers.end(), Json(name)), finalizers.end());
  store.Commit(kind, ref, std::move(value), old->managers, false);
}

void DropOwner(FakeKubeStore& store, const ResourceKind& kind, const ObjectRef& ref,
               const std::string& uid) {
  const StoredObject* old = store.Find(kind, ref);
  Json value = old->value;
  Json& owners = value["metadata"]["ownerReferences"];
  Json kept = Json::array();
  for (const Json& owner : owners) {
    if (owner.value("uid", "") != uid) kept.push_back(owner);
  }
  owners = std::move(kept);
  store.Commit(kind, ref, std::move(value), old->managers, false);
}

}  // namespace

Result<FakeKubeApi::Events> FakeKubeApi::EventsSince(const ResourceKind& kind,
                                                     const kube::WatchOptions& options) {
  const std::scoped_lock lock(state_->mutex);
  Events batch;
  batch.resource_version = std::to_string(state_->store.version());
  std::int64_t since = 0;
  const std::string& text = options.resource_version;
  std::from_chars(text.data(), text.data() + text.size(), since);
  if (since == 0) {  // no version: what there is, as additions
    for (Object& object : state_->store.All(kind)) {
      const Result<bool> selected =
          Selected(object, options.name_space, options.label_selector, options.field_selector);
      if (!selected) return selected.error();
      if (*selected)
        batch.events.push_back({.type = WatchEventType::kAdded, .object = std::move(object)});
    }
    return batch;
  }
  if (since < state_->compacted) return TooOld();
  const std::vector<Change>& history = state_->store.history();
  auto change = std::upper_bound(
      history.begin(), history.end(), since,
      [](std::int64_t version, const Change& one) { return version < one.version; });
  for (; change != history.end(); ++change) {
    if (change->kind != kind) continue;
    Result<std::optional<WatchEvent>> event = EventOf(*change, options);
    if (!event) return event.error();
    if (*event) batch.events.push_back(**std::move(event));
  }
  return batch;
}

Status FakeKubeApi::Watch(const ResourceKind& kind, const kube::WatchOptions& options,
                          const std::function<bool(const WatchEvent&)>& on_event,
                          std::stop_token stop) {
  kube::WatchOptions from = options;
  while (!stop.stop_requested()) {
    Result<Events> batch = EventsSince(kind, from);
    if (!batch) return batch.error();
    for (const WatchEvent& event : batch->events) {
      if (!on_event(event)) return Ok();
    }
    from.resource_version = batch->resource_version;
    WatchEvent bookmark{.type = WatchEventType::kBookmark, .object = {}};
    bookmark.object.metadata.resource_version = from.resource_version;
    if (!on_event(bookmark)) return Ok();
    std::unique_lock lock(state_->mutex);
    if (state_->after_drain == AfterDrain::kReturn) return Ok();
    state_->changed.wait(lock, stop, [&] {
      return std::to_string(state_->store.version()) != from.resource_version ||
             state_->after_drain == AfterDrain::kReturn;
    });
  }
  return Ok();
}

void FakeKubeApi::SetAfterDrain(AfterDrain after) {
  const std::scoped_lock lock(state_->mutex);
  state_->after_drain = after;
  state_->changed.notify_all();
}

void FakeKubeApi::Compact() {
  const std::scoped_lock lock(state_->mutex);
  state_->compacted = state_->store.version();
}

void FakeKubeApi::SetReadLag(std::int64_t versions) {
  const std::scoped_lock lock(state_->mutex);
  state_->read_lag = versions;
}

int FakeKubeApi::CollectGarbage() {
  const std::scoped_lock lock(state_->mutex);
  FakeKubeStore& store = state_->store;
  std::set<std::string> alive;
  std::map<std::string, int> dependents;
  const auto everything = store.Everything();
  for (const auto& [kind, ref] : everything) {
    const kube::Metadata& metadata = store.Find(kind, ref)->rendered.metadata;
    alive.insert(metadata.uid);
    for (const kube::OwnerReference& owner : metadata.owners) ++dependents[owner.uid];
  }
  int changed = 0;
  for (const auto& [kind, ref] : everything) {
    const kube::Metadata metadata = store.Find(kind, ref)->rendered.metadata;
    const auto has = [&](const char* name) {
      return metadata.deletion_timestamp &&
             std::count(metadata.finalizers.begin(), metadata.finalizers.end(), name) > 0;
    };
    const bool orphaned =
        !metadata.owners.empty() &&
        std::none_of(metadata.owners.begin(), metadata.owners.end(),
                     [&](const kube::OwnerReference& owner) { return alive.contains(owner.uid); });
    if (has("foregroundDeletion") || has("orphan")) {
      const bool orphan = has("orphan");
      for (const auto& [child_kind, child] : everything) {
        const StoredObject* found = store.Find(child_kind, child);
        if (found == nullptr || !OwnsAnything(metadata.uid, found->rendered.metadata)) continue;
        if (orphan) DropOwner(store, child_kind, child, metadata.uid);
        if (!orphan && found->rendered.metadata.finalizers.empty()) store.Erase(child_kind, child);
        ++changed;
      }
      if (orphan || dependents[metadata.uid] == 0) {
        DropFinalizer(store, kind, ref, orphan ? "orphan" : "foregroundDeletion");
        ++changed;
      }
    } else if (orphaned && !metadata.deletion_timestamp) {
      ++changed;
      if (metadata.finalizers.empty()) {
        store.Erase(kind, ref);
        continue;
      }
      const StoredObject* old = store.Find(kind, ref);
      Json value = old->value;
      value["metadata"]["deletionTimestamp"] = FormatRfc3339(state_->clock.Wall());
      store.Commit(kind, ref, std::move(value), old->managers, false);
    }
  }
  state_->changed.notify_all();
  return changed;
}

std::int64_t FakeKubeApi::write_calls() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->write_calls;
}

std::int64_t FakeKubeApi::writes() const {
  const std::scoped_lock lock(state_->mutex);
  return static_cast<std::int64_t>(state_->store.history().size());
}

std::string FakeKubeApi::resource_version() const {
  const std::scoped_lock lock(state_->mutex);
  return std::to_string(state_->store.version());
}

}  // namespace foreshard::fakes

#include "operator/cached_api.h"

#include <charconv>

#include "kube/kinds.h"

namespace foreshard::op {
namespace {

// A copy that has not caught up by then will not: its stream is broken and is being listed again.
constexpr std::chrono::seconds kWrittenLifetime{5};

// Resource versions are opaque but for equality; in practice, and by contract since 1.35, they are
// numbers that grow.
bool IsAtLeast(const std::string& seen, const std::string& written) {
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  const auto read_a = std::from_chars(seen.data(), seen.data() + seen.size(), a);
  const auto read_b = std::from_chars(written.data(), written.data() + written.size(), b);
  if (read_a.ec != std::errc() || read_b.ec != std::errc()) return seen == written;
  return a >= b;
}

using Selector = std::map<std::string, std::string>;

// "a=b,c=d"; nothing for what is not of that form.
std::optional<Selector> ParseSelector(std::string_view text) {
  Selector selector;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text = part.size() == text.size() ? std::string_view() : text.substr(part.size() + 1);
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos || part.find_first_of("!() ") != std::string_view::npos)
      return std::nullopt;
    selector.emplace(part.substr(0, equals), part.substr(part.find_last_of('=') + 1));
  }
  return selector;
}

bool Matches(const kube::Object& object, const Selector& selector) {
  for (const auto& [name, value] : selector) {
    const auto found = object.metadata.labels.find(name);
    if (found == object.metadata.labels.end() || found->second != value) return false;
  }
  return true;
}

// The last finalizer was taken away: the server removes it with that write.
bool IsGone(const kube::Object& object) {
  return object.metadata.deletion_timestamp.has_value() && object.metadata.finalizers.empty();
}

// Whether everything that was asked for is in a copy made with `copied`: a label that must exist,
// or nothing.
bool IsWithin(const Selector& asked, const std::string& copied) {
  return copied.empty() || asked.contains(copied);
}

}  // namespace

CachedApi::CachedApi(kube::KubeApi& api, const Clock& clock, Options options)
    : api_(api), clock_(clock), options_(std::move(options)) {
  for (const Kind& kind : options_.kinds) {
    copies_.emplace(kind.resource, Copy{.kind = kind, .cache = nullptr});
  }
  for (auto& [resource, copy] : copies_) {
    // What is noted is read from the copy itself; what left it is told by its name alone.
    Copy* self = &copy;
    const auto note = [this, self](const kube::ObjectRef& ref) {
      if (!options_.note) return;
      std::optional<kube::Object> object = self->cache->Get(ref);
      if (!object) {
        object.emplace();
        object->metadata.name_space = ref.name_space;
        object->metadata.name = ref.name;
      }
      options_.note(self->kind.resource, *object);
    };
    copy.cache = std::make_unique<kube::WatchCache>(
        api_, clock_,
        kube::WatchCacheOptions{.kind = copy.kind.resource,
                                .name_space = options_.name_space,
                                .label_selector = copy.kind.label_selector,
                                .index_label = copy.kind.label_selector},
        note);
  }
}

CachedApi::~CachedApi() = default;

void CachedApi::Run(std::stop_token stop) {
  std::vector<std::jthread> threads;
  for (auto& [resource, copy] : copies_) {
    threads.emplace_back([cache = copy.cache.get(), stop] { cache->Run(stop); });
  }
}

bool CachedApi::Synced() const {
  for (const auto& [resource, copy] : copies_) {
    if (!copy.cache->Synced()) return false;
  }
  return true;
}

const CachedApi::Copy* CachedApi::CopyOf(const kube::ResourceKind& kind) const {
  const auto found = copies_.find(kind);
  return found != copies_.end() && found->second.cache->Synced() ? &found->second : nullptr;
}

Status CachedApi::MayWrite() const {
  if (!options_.may_write || options_.may_write()) return Ok();
  return Error::Fenced("this process does not lead (any more)", "NotLeader");
}

Result<kube::Object> CachedApi::Remember(const kube::ResourceKind& kind,
                                         Result<kube::Object> answer, bool dry_run) {
  if (!answer || dry_run || !copies_.contains(kind)) return answer;
  const std::scoped_lock lock(mutex_);
  written_[{kind, answer->ref()}] = {.object = *answer,
                                     .until = clock_.Monotonic() + kWrittenLifetime};
  return answer;
}

std::optional<kube::Object> CachedApi::Newest(const kube::ResourceKind& kind,
                                              const kube::ObjectRef& ref,
                                              std::optional<kube::Object> copy) {
  const std::scoped_lock lock(mutex_);
  const auto found = written_.find({kind, ref});
  if (found == written_.end()) return copy;
  const kube::Metadata& written = found->second.object.metadata;
  // What was removed by our write has the version that it had before: only its absence, or another
  // object of that name, tells that the copy knows.
  const bool caught_up =
      IsGone(found->second.object)
          ? !copy || copy->metadata.uid != written.uid
          : copy && IsAtLeast(copy->metadata.resource_version, written.resource_version);
  if (caught_up || clock_.Monotonic() > found->second.until) {
    written_.erase(found);
    return copy;
  }
  if (IsGone(found->second.object)) return std::nullopt;
  return found->second.object;
}

Result<std::optional<kube::Object>> CachedApi::Get(const kube::ResourceKind& kind,
                                                   const kube::ObjectRef& ref, Deadline deadline) {
  const Copy* copy = CopyOf(kind);
  if (copy == nullptr) return api_.Get(kind, ref, deadline);
  std::optional<kube::Object> object = Newest(kind, ref, copy->cache->Get(ref));
  // One without the label may exist all the same.
  if (!object && !copy->kind.label_selector.empty()) return api_.Get(kind, ref, deadline);
  return object;
}

std::set<kube::ObjectRef> CachedApi::WrittenOf(const kube::ResourceKind& kind) {
  const std::scoped_lock lock(mutex_);
  std::set<kube::ObjectRef> refs;
  for (auto it = written_.lower_bound({kind, {}}); it != written_.end() && it->first.first == kind;
       ++it) {
    refs.insert(it->first.second);
  }
  return refs;
}

Result<kube::ObjectList> CachedApi::List(const kube::ResourceKind& kind,
                                         const kube::ListOptions& options, Deadline deadline) {
  const Copy* copy = CopyOf(kind);
  if (copy == nullptr) return api_.List(kind, options, deadline);
  const std::string& label = copy->kind.label_selector;
  // Everything that is copied, or what a selector chooses of it.
  const std::optional<Selector> selector =
      options.label_selector == label ? Selector() : ParseSelector(options.label_selector);
  const bool covered = options_.name_space.empty() || options_.name_space == options.name_space;
  if (!selector || !options.field_selector.empty() || !covered ||
      (options.label_selector != label && !IsWithin(*selector, label))) {
    return api_.List(kind, options, deadline);
  }
  // Before the copies: what is no longer among our writes by then, the copies have.
  const std::set<kube::ObjectRef> written = WrittenOf(kind);
  const auto asked = selector->find(label);
  std::map<kube::ObjectRef, kube::Object> found;
  for (kube::Object& object :
       asked == selector->end() ? copy->cache->All() : copy->cache->WithLabel(asked->second)) {
    found.emplace(object.ref(), std::move(object));
  }
  for (const kube::ObjectRef& ref : written) {
    std::optional<kube::Object> newest = Newest(kind, ref, copy->cache->Get(ref));
    found.erase(ref);
    if (newest) found.emplace(ref, *std::move(newest));
  }
  kube::ObjectList list;
  for (auto& [ref, object] : found) {
    if (!options.name_space.empty() && ref.name_space != options.name_space) continue;
    if (Matches(object, *selector)) list.items.push_back(std::move(object));
  }
  return list;
}

Result<kube::Object> CachedApi::Create(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                                       const std::string& json, Deadline deadline) {
  if (const Status may = MayWrite(); !may) return may.error();
  return Remember(kind, api_.Create(kind, ref, json, deadline), false);
}

Result<kube::Object> CachedApi::Replace(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                                        const std::string& json, const std::string& subresource,
                                        Deadline deadline) {
  if (const Status may = MayWrite(); !may) return may.error();
  return Remember(kind, api_.Replace(kind, ref, json, subresource, deadline), false);
}

Result<kube::Object> CachedApi::Apply(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                                      const std::string& json, const kube::ApplyOptions& options,
                                      Deadline deadline) {
  if (const Status may = MayWrite(); !may) return may.error();
  return Remember(kind, api_.Apply(kind, ref, json, options, deadline), options.dry_run);
}

Result<kube::Object> CachedApi::Patch(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                                      const std::string& merge_patch,
                                      const kube::PatchOptions& options, Deadline deadline) {
  if (const Status may = MayWrite(); !may) return may.error();
  return Remember(kind, api_.Patch(kind, ref, merge_patch, options, deadline), options.dry_run);
}

Status CachedApi::Delete(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                         const kube::DeleteOptions& options, Deadline deadline) {
  if (const Status may = MayWrite(); !may) return may.error();
  const Status done = api_.Delete(kind, ref, options, deadline);
  const std::scoped_lock lock(mutex_);
  written_.erase({kind, ref});
  return done;
}

Status CachedApi::Evict(const kube::ObjectRef& pod, Deadline deadline) {
  if (const Status may = MayWrite(); !may) return may;
  const Copy* copy = CopyOf(kube::kPods);
  std::optional<kube::Object> evicted = copy ? copy->cache->Get(pod) : std::nullopt;
  const Status done = api_.Evict(pod, deadline);
  if (!done || !evicted) return done;
  // Its successor has the same name: who still sees this one in the copy would evict that.
  evicted->metadata.deletion_timestamp = "evicted";
  evicted->metadata.finalizers.clear();
  const std::scoped_lock lock(mutex_);
  written_[{kube::kPods, pod}] = {.object = *std::move(evicted),
                                  .until = clock_.Monotonic() + kWrittenLifetime};
  return done;
}

Status CachedApi::Watch(const kube::ResourceKind& kind, const kube::WatchOptions& options,
                        const std::function<bool(const kube::WatchEvent&)>& on_event,
                        std::stop_token stop) {
  return api_.Watch(kind, options, on_event, stop);
}

}  // namespace foreshard::op

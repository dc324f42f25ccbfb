#include "operator/event_filter.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "kube/kinds.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"
#include "operator/builders/names.h"

namespace foreshard::op {
namespace {

constexpr const char* kMigrationLabel = "foreshard.dev/migration";
// Annotations by which something is decided; all others only tick.
constexpr std::array<std::string_view, 8> kAnnotations = {
    "leader",         "config",          kHashAnnotation,   kPauseAnnotation,
    kAdoptAnnotation, kVerifyAnnotation, kRepairAnnotation, kBackupAnnotation};

// Walks over JSON text without building anything: a thousand shards renew two hundred Endpoints a
// second, and a parsed copy of each is most of what an idle operator would do. `text` must be JSON,
// as the API server's is; of anything else it sees some part, never more.
class Skimmer {
 public:
  explicit Skimmer(std::string_view text) : text_(text) {}

  // Calls see(name, value) for each member of the object that begins here; the name is as written.
  template <typename See>
  void Members(const See& see) {
    if (!Take('{')) return;
    while (at_ < text_.size() && Peek() == '"') {
      const std::string_view name = Value();
      if (!Take(':')) return;
      see(name.substr(1, name.size() - 2), Value());
      if (!Take(',')) return;
    }
  }

 private:
  char Peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  void SkipText() {  // from its first quote behind its last
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }
  std::string_view Value() {
    const char first = Peek();
    const std::size_t begin = at_;
    int depth = 0;
    if (first == '"') SkipText();
    while (first != '"' && at_ < text_.size()) {
      const char c = text_[at_];
      const bool closes = c == '}' || c == ']';
      if (depth == 0 && (closes || c == ',')) break;  // behind a number or a word
      if (c == '"') {
        SkipText();
        continue;
      }
      ++at_;
      depth += c == '{' || c == '[' ? 1 : 0;
      if (closes && --depth == 0) break;
    }
    return text_.substr(begin, at_ - begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Of everything but what ticks: the version, and annotations by which nothing is decided.
std::string DigestOf(const kube::Object& object) {
  std::string kept;
  kept.reserve(object.json.size());
  const auto keep = [&kept](std::string_view name, std::string_view value) {
    kept.append(name).append(1, '=').append(value).append(1, '\n');
  };
  Skimmer(object.json).Members([&](std::string_view part, std::string_view value) {
    if (part != "metadata") return keep(part, value);
    Skimmer(value).Members([&](std::string_view name, std::string_view member) {
      if (name == "resourceVersion" || name == "managedFields") return;
      if (name != "annotations") return keep(name, member);
      Skimmer(member).Members([&](std::string_view annotation, std::string_view text) {
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

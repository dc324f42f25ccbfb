#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "tests/fakes/fake_kube_fields.h"

// The versioned store below the fake API server: what etcd and the registry do. No locks; its owner
// has one.

namespace foreshard::fakes {

struct StoredObject {
  Json value;
  Managers managers;
  kube::Object rendered;
};

// A change of one object: what it was and what it became. A deletion has both, the new one with the
// version of the deletion.
struct Change {
  std::int64_t version = 0;
  kube::ResourceKind kind;
  std::optional<kube::Object> before;
  kube::Object after;
  bool deleted = false;
};

class FakeKubeStore {
 public:
  explicit FakeKubeStore(const Clock& clock) : clock_(clock) {}

  const StoredObject* Find(const kube::ResourceKind& kind, const kube::ObjectRef& ref) const;

  // Makes `value` the object, unless nothing changed. The metadata that the server writes (uid,
  // version, generation, times) is filled in; an object that is being deleted and has no finalizer
  // left is removed. A dry run stores nothing.
  kube::Object Commit(const kube::ResourceKind& kind, const kube::ObjectRef& ref, Json value,
                      Managers managers, bool dry_run);

  void Erase(const kube::ResourceKind& kind, const kube::ObjectRef& ref);

  // As of a version; of the newest one if none is given.
  std::vector<kube::Object> All(const kube::ResourceKind& kind,
                                std::optional<std::int64_t> version = {}) const;
  std::vector<std::pair<kube::ResourceKind, kube::ObjectRef>> Everything() const;

  const std::vector<Change>& history() const { return history_; }
  std::int64_t version() const { return version_; }

 private:
  void Record(const kube::ResourceKind& kind, std::optional<kube::Object> before,
              kube::Object after, bool deleted);

  const Clock& clock_;
  std::int64_t version_ = 100;  // not 0: that has a meaning of its own
  std::int64_t uids_ = 0;
  std::map<kube::ResourceKind, std::map<kube::ObjectRef, StoredObject>> objects_;
  std::vector<Change> history_;
};

// Which parts a kind has.
bool HasStatusSubresource(const kube::ResourceKind& kind);
bool CountsGenerations(const kube::ResourceKind& kind);

kube::Object Render(const Json& value);

}  // namespace foreshard::fakes

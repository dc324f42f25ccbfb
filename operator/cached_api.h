#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "kube/watch_cache.h"

namespace foreshard::op {

// The Kubernetes API for controllers: reads of watched kinds come from local copies, what this
// process wrote is read back at once, and nothing is written by a process that does not lead.
//
// View:    a read may be old, but never older than our own writes (for some seconds after them).
// Owner:   wiring. Threads: any; Run() has one thread for each kind.
// Errors:  a write while not leading: kFenced.
class CachedApi final : public kube::KubeApi {
 public:
  struct Kind {
    kube::ResourceKind resource;
    std::string label_selector;  // only these are copied; "" : all
  };
  // Called with the kind and the object whenever something about it changed.
  using Note = std::function<void(const kube::ResourceKind&, const kube::Object&)>;
  struct Options {
    std::string name_space;  // "": all
    std::vector<Kind> kinds;
    Note note;
    std::function<bool()> may_write;
  };

  CachedApi(kube::KubeApi& api, const Clock& clock, Options options);
  ~CachedApi() override;

  // Watches until stopped.
  void Run(std::stop_token stop);
  bool Synced() const;

  Result<std::optional<kube::Object>> Get(const kube::ResourceKind& kind,
                                          const kube::ObjectRef& ref, Deadline deadline) override;
  Result<kube::ObjectList> List(const kube::ResourceKind& kind, const kube::ListOptions& options,
                                Deadline deadline) override;
  Result<kube::Object> Create(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                              const std::string& json, Deadline deadline) override;
  Result<kube::Object> Replace(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                               const std::string& json, const std::string& subresource,
                               Deadline deadline) override;
  Result<kube::Object> Apply(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                             const std::string& json, const kube::ApplyOptions& options,
                             Deadline deadline) override;
  Result<kube::Object> Patch(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                             const std::string& merge_patch, const kube::PatchOptions& options,
                             Deadline deadline) override;
  Status Delete(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                const kube::DeleteOptions& options, Deadline deadline) override;
  Status Evict(const kube::ObjectRef& pod, Deadline deadline) override;
  Status Watch(const kube::ResourceKind& kind, const kube::WatchOptions& options,
               const std::function<bool(const kube::WatchEvent&)>& on_event,
               std::stop_token stop) override;

 private:
  struct Copy {
    Kind kind;
    std::unique_ptr<kube::WatchCache> cache;
  };
  struct Written {
    kube::Object object;
    MonotonicTime until;
  };
  using WrittenKey = std::pair<kube::ResourceKind, kube::ObjectRef>;

  const Copy* CopyOf(const kube::ResourceKind& kind) const;
  std::set<kube::ObjectRef> WrittenOf(const kube::ResourceKind& kind);
  Status MayWrite() const;
  Result<kube::Object> Remember(const kube::ResourceKind& kind, Result<kube::Object> answer,
                                bool dry_run);
  std::optional<kube::Object> Newest(const kube::ResourceKind& kind, const kube::ObjectRef& ref,
                                     std::optional<kube::Object> copy);

  kube::KubeApi& api_;
  const Clock& clock_;
  Options options_;
  std::map<kube::ResourceKind, Copy> copies_;
  std::mutex mutex_;
  std::map<WrittenKey, Written> written_;
};

}  // namespace foreshard::op

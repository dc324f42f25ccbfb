#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "kube/kube_api.h"

// An API server in memory: objects, versions, conflicts, generations, field managers, finalizers,
// watch history.
//
// It does what tests/contract/kube_api_contract.h states. It does NOT imitate:
//   - schemas: no defaults, no pruning, no validation, no CEL; a namespace need not exist;
//   - other processes: no scheduler, kubelet, controllers. CollectGarbage() plays the garbage
//   collector when told;
//   - managedFields in the JSON; set lists and list maps beyond the names in fake_kube_fields.cpp;
//   - a pod's grace period: a deleted pod without finalizers is gone at once;
//   - eviction beyond `status.disruptionsAllowed` of the first budget whose matchLabels match;
//   - field selectors are allowed for any field, where the real one knows a few per kind;
//   - leniency: it demands a resource version in every PUT, and metadata.name in every body, as the
//   real one does for some;
//   - list pages (one page always), limits of size, RBAC, API discovery, generateName, scale
//   subresource.
//
// Threads: any (one lock). Nothing happens on its own: deterministic from one thread, which is how
// the simulator uses it.

namespace foreshard::fakes {

class FakeKubeApi final : public kube::KubeApi {
 public:
  explicit FakeKubeApi(const Clock& clock);
  ~FakeKubeApi() override;

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

  // Drains what happened since, then a bookmark, then (kReturn) ends well or (kBlock) waits for
  // more or the stop.
  Status Watch(const kube::ResourceKind& kind, const kube::WatchOptions& options,
               const std::function<bool(const kube::WatchEvent&)>& on_event,
               std::stop_token stop) override;

  enum class AfterDrain { kReturn, kBlock };
  void SetAfterDrain(AfterDrain after);  // kReturn at first

  // The same without blocking. Errors: kReobserve with code "410" when `options.resource_version`
  // was compacted away.
  struct Events {
    std::vector<kube::WatchEvent> events;
    std::string resource_version;  // to ask again from
  };
  Result<Events> EventsSince(const kube::ResourceKind& kind, const kube::WatchOptions& options);

  // Forgets the watch history: every older version gets 410.
  void Compact();

  // Get and List answer as of `versions` writes ago, until set to 0 again.
  void SetReadLag(std::int64_t versions);

  // One pass of what the garbage collector does: removes objects whose owners are all gone, and
  // finishes Foreground and Orphan deletions. Returns how many objects it changed; call again until
  // 0.
  int CollectGarbage();

  // Calls that asked for a change, good or not, and those that changed something. Dry runs are not
  // counted.
  std::int64_t write_calls() const;
  std::int64_t writes() const;
  std::string resource_version() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace foreshard::fakes

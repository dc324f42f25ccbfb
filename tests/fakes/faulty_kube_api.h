#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "kube/kube_api.h"

// Any KubeApi, with faults that a callback chooses call by call. Without faults it is the inner
// one.
//
// Does not imitate: delays (the clock is the caller's), faults in the middle of a list's pages.
// Threads: as the inner one if the callback is thread-safe and kStale is not used; else one.

namespace foreshard::fakes {

enum class KubeFault {
  kNone,
  kFailBefore,  // nothing happens; kRetry
  kFailAfter,   // it happens, the answer is lost; kReobserve. A watch breaks after its events
  kStale,  // Get and List: the answer to the same question as of the last time it was asked. Watch:
           // 410
  kConflict,  // writes: 409 without effect
  kBusy,      // 429 without effect
  kBroken,    // 500; a write may have had its effect all the same, and here it has
};

struct KubeCall {
  std::string_view verb;  // get list create replace apply patch delete evict watch
  const kube::ResourceKind& kind;
  const kube::ObjectRef& ref;  // of list and watch: only the namespace

  bool IsRead() const { return verb == "get" || verb == "list"; }
};

class FaultyKubeApi final : public kube::KubeApi {
 public:
  using Decide = std::function<KubeFault(const KubeCall&)>;

  FaultyKubeApi(kube::KubeApi& inner, Decide decide) : inner_(inner), decide_(std::move(decide)) {}

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
  template <typename Answer, typename Call>
  Answer Write(const KubeCall& call, const Call& send);

  kube::KubeApi& inner_;
  Decide decide_;
  std::map<std::pair<kube::ResourceKind, kube::ObjectRef>, std::optional<kube::Object>>
      seen_objects_;
  std::map<std::pair<kube::ResourceKind, std::string>, kube::ObjectList> seen_lists_;
};

}  // namespace foreshard::fakes

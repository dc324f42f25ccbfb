#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"

// The Kubernetes API as we use it: the one seam between us and the API server.
//
// Bodies:  `RestApi` (rest_api.h, cpprestsdk) and `FakeKubeApi` (tests/fakes). Both pass
// tests/contract/kube_api_contract.h. View:    the cluster's, but a List or Get may be served from
// an older version; only a write with a resource version proves. Threads: any; calls are
// independent. Errors:  HTTP status becomes a kind in one function (kube/http_error.h): 409, 410,
// lost replies -> kReobserve; 429, 5xx,
//          refused connections -> kRetry; 400, 403, 422 -> kGiveUp with the server's message. Not
//          found is an answer.
//
// Objects travel as JSON text with the metadata parsed once; who needs the rest parses it once into
// a struct of its own.

namespace foreshard::kube {

struct ResourceKind {
  std::string group;    // "" for core
  std::string version;  // "v1"
  std::string plural;   // "statefulsets"
  std::string kind;     // "StatefulSet"
  bool namespaced = true;
  auto operator<=>(const ResourceKind&) const = default;
};

struct ObjectRef {
  std::string name_space;  // "" for cluster-scoped kinds
  std::string name;
  auto operator<=>(const ObjectRef&) const = default;
};

struct OwnerReference {
  std::string api_version = {};
  std::string kind = {};
  std::string name = {};
  std::string uid = {};
  bool controller = false;
};

struct Metadata {
  std::string name_space = {};
  std::string name = {};
  std::string uid = {};
  std::string resource_version = {};
  std::int64_t generation = 0;
  std::string creation_timestamp = {};  // RFC 3339
  std::optional<std::string> deletion_timestamp = {};
  std::map<std::string, std::string> labels = {};
  std::map<std::string, std::string> annotations = {};
  std::vector<std::string> finalizers = {};
  std::vector<OwnerReference> owners = {};
};

struct Object {
  Metadata metadata;
  std::string json = {};  // as the server wrote it; from lists and watches without managedFields

  ObjectRef ref() const { return {metadata.name_space, metadata.name}; }
};

struct ListOptions {
  std::string name_space = {};      // "": all namespaces
  std::string label_selector = {};  // "a=b,c"
  std::string field_selector = {};
  int page_size = 500;
};

struct ObjectList {
  std::vector<Object> items;
  std::string resource_version;  // to start a watch from
};

struct ApplyOptions {
  std::string field_manager = "foreshard-operator";
  bool force = true;  // take fields over from other managers; false: 409
  bool dry_run = false;
  std::string subresource = {};  // "" or "status"
};

struct PatchOptions {
  std::string subresource = {};  // "" or "status"
  std::string field_manager = "foreshard-operator";
  bool dry_run = false;
  // Put metadata.resourceVersion into the patch to make it a compare-and-swap: 409 -> kReobserve.
};

struct DeleteOptions {
  std::string uid = {};                    // precondition; "" for none
  std::string resource_version = {};       // precondition; "" for none
  std::string propagation = "Background";  // Background | Foreground | Orphan
  std::optional<int> grace_period_seconds = {};
};

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark };

struct WatchEvent {
  WatchEventType type;
  Object object;  // of a bookmark: only metadata.resource_version
};

struct WatchOptions {
  std::string name_space = {};
  std::string label_selector = {};
  std::string field_selector = {};
  std::string resource_version = {};
  std::chrono::seconds timeout{300};  // asked of the server; a clean end of stream afterwards
};

class KubeApi {
 public:
  virtual ~KubeApi() = default;

  virtual Result<std::optional<Object>> Get(const ResourceKind& kind, const ObjectRef& ref,
                                            Deadline deadline) = 0;

  // All pages. Errors as above; 410 while paging -> kReobserve.
  virtual Result<ObjectList> List(const ResourceKind& kind, const ListOptions& options,
                                  Deadline deadline) = 0;

  // An existing name: kReobserve with code "409".
  virtual Result<Object> Create(const ResourceKind& kind, const ObjectRef& ref,
                                const std::string& json, Deadline deadline) = 0;

  // PUT. `json` carries metadata.resourceVersion; a stale one: kReobserve with code "409".
  virtual Result<Object> Replace(const ResourceKind& kind, const ObjectRef& ref,
                                 const std::string& json, const std::string& subresource,
                                 Deadline deadline) = 0;

  // Server-side apply: creates or changes only the fields we own.
  virtual Result<Object> Apply(const ResourceKind& kind, const ObjectRef& ref,
                               const std::string& json, const ApplyOptions& options,
                               Deadline deadline) = 0;

  // JSON merge patch (RFC 7386). A missing object: kReobserve with code "404".
  virtual Result<Object> Patch(const ResourceKind& kind, const ObjectRef& ref,
                               const std::string& merge_patch, const PatchOptions& options,
                               Deadline deadline) = 0;

  // Already gone is good. A failed precondition: kReobserve with code "409".
  virtual Status Delete(const ResourceKind& kind, const ObjectRef& ref,
                        const DeleteOptions& options, Deadline deadline) = 0;

  // The eviction subresource of a pod. A budget that forbids it: kRetry with code "429".
  virtual Status Evict(const ObjectRef& pod, Deadline deadline) = 0;

  // Streams events until `on_event` returns false, `stop` is requested, or the stream ends (good),
  // or breaks (kReobserve; code "410" when the version is too old: list again). Blocks the calling
  // thread.
  virtual Status Watch(const ResourceKind& kind, const WatchOptions& options,
                       const std::function<bool(const WatchEvent&)>& on_event,
                       std::stop_token stop) = 0;
};

}  // namespace foreshard::kube

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/kube_api.h"

// JSON of the API server to our structs and back, for whoever speaks with it (rest_api, the fake).
// The metadata is parsed once; the rest stays text. Errors: kGiveUp with what is wrong with the
// text. Threads: any.

namespace foreshard::kube {

Result<Object> ParseObject(std::string json);

struct ListPage {
  std::vector<Object>
      items;  // with apiVersion and kind, which the server leaves out of items of its own kinds
  std::string resource_version;
  std::string continue_token;  // "": the last page
};
Result<ListPage> ParseListPage(const ResourceKind& kind, std::string_view json);

// One line of a watch. An ERROR event becomes the error it carries (410: kReobserve, code "410").
Result<WatchEvent> ParseWatchLine(std::string_view line);

// What a Status object says; both empty if `json` is none.
struct StatusText {
  std::string message;
  std::string reason;
  int code = 0;
};
StatusText ParseStatus(std::string_view json);

// Bodies of a delete and of an eviction.
std::string DeleteOptionsJson(const DeleteOptions& options);
std::string EvictionJson(const ObjectRef& pod);

// "v1" or "apps/v1".
std::string ApiVersionOf(const ResourceKind& kind);

// "apply statefulsets shop/orders-s-4kq7", for messages.
std::string Describe(std::string_view verb, const ResourceKind& kind, const ObjectRef& ref);

}  // namespace foreshard::kube

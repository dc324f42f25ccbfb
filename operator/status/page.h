#pragma once

#include <optional>
#include <string>

#include "kube/kube_api.h"
#include "operator/status/page_state.h"

namespace foreshard::op {

struct PageRequest {
  bool live = false;                     // asks to be loaded again every few seconds
  std::optional<kube::ObjectRef> set{};  // none: all
};

// "/", "/live", "/sets/shop/orders", "/live/sets/shop/orders"; nothing for another path.
std::optional<PageRequest> ParsePagePath(const std::string& path);

// The whole page as HTML; nothing when there is no such set. Pure. With a single set, the page of
// all is its page.
std::optional<std::string> StatusPage(const StatusState& state, const PageRequest& request);

}  // namespace foreshard::op

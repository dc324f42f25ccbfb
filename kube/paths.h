#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kube/kube_api.h"

// Where objects stand in the API server's URL space.

namespace foreshard::kube {

// "/apis/apps/v1/namespaces/shop/statefulsets"; without a namespace: all of them.
std::string CollectionPath(const ResourceKind& kind, std::string_view name_space);

// The same with "/name" and, unless empty, "/subresource".
std::string ObjectPath(const ResourceKind& kind, const ObjectRef& ref,
                       std::string_view subresource = {});

// "?a=b&c=d" with everything encoded that is not unreserved (RFC 3986); "" for no pairs. Pairs with
// an empty value are left out: the API server takes them for absent anyway.
std::string QueryOf(const std::vector<std::pair<std::string_view, std::string>>& pairs);

}  // namespace foreshard::kube

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/kube_api.h"

namespace foreshard::op {

// What a Prometheus should scrape, in the form of its HTTP service discovery, for those that cannot
// ask Kubernetes themselves (docs/adr/0006).
//
//   /targets/pods     routers and exporters of shards, with namespace, pod, shardset, component,
//   shard /targets/kubelets the kubelets of the nodes on which they run
//
// Source: Prometheus documentation, "Writing HTTP Service Discovery". Nothing for another path.
std::optional<std::string> ScrapeTargets(std::string_view path,
                                         const std::vector<kube::Object>& pods);

}  // namespace foreshard::op

#pragma once

#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "kube/kube_api.h"

// What to try next when something was refused. Looks at the cluster for what is there instead.

namespace foreshard::plugin {

// One or more lines, each beginning with "  try: "; "" where nothing better is known than the
// message.
std::string Advice(const Error& error, const std::string& name_space);

// The same when a set or a migration is not there: the names that are, or how to make one.
std::string AdviceForMissing(kube::KubeApi& api, const kube::ResourceKind& kind,
                             const std::string& name_space, Deadline deadline);

}  // namespace foreshard::plugin

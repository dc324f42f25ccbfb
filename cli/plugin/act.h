#pragma once

#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "kube/kube_api.h"
#include "model/migration.h"

// What the plugin writes: migrations by hand, and the switches of one that exists.

namespace foreshard::plugin {

// One boolean of spec that may be changed: approved, abort, rollback, paused.
Status SetSwitch(kube::KubeApi& api, const kube::ObjectRef& migration, const std::string& field,
                 bool value, Deadline deadline);

// Creates it, approved, under a name that tells what it does; the answer is that name. The operator
// checks it before anything is touched. Errors: those of the API, with the server's message.
Result<std::string> CreateMigration(kube::KubeApi& api, model::ShardMigration migration,
                                    Deadline deadline);

}  // namespace foreshard::plugin

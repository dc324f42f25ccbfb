#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "model/migration.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

namespace foreshard::op {

// Everything the decision may look at.
struct AuditObservation {
  WallTime now{};
  std::chrono::milliseconds interval{0};  // between passes that nobody asked for; 0: none
  model::ShardSet set;
  std::optional<WallTime> created;  // of the set
  bool ready = false;
  bool paused = false;
  std::string verify;  // the annotations; "": none
  std::string repair;
  std::optional<model::RoutingTable> table;
  std::vector<model::ShardMigration> migrations;  // of this set
  model::AuditStatus audit;                       // with the newest place of a running pass
};

// Nothing: the set is gone, is being deleted, or its spec is wrong. Errors: those of the API, and
// kGiveUp for a table that is none.
Result<std::optional<AuditObservation>> ObserveAudit(kube::KubeApi& kube, const Clock& clock,
                                                     std::chrono::milliseconds interval,
                                                     const kube::ObjectRef& ref, Deadline deadline);

}  // namespace foreshard::op

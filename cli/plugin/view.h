#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "kube/kube_api.h"
#include "model/migration.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

// What the plugin reads from the cluster, and the texts it makes of it. Only what stands in the
// objects is shown; what is not known is said to be unknown.

namespace foreshard::plugin {

struct SetView {
  model::ShardSet set;
  std::optional<model::RoutingTable> table;
  std::vector<model::ShardMigration> migrations;  // of this set, newest first
};

// Errors: kGiveUp "NotFound" when there is no such set; those of the API.
Result<SetView> ReadSet(kube::KubeApi& api, const kube::ObjectRef& ref, Deadline deadline);

// What leaves `shard` in a split: from `at` to the end of the range that holds it. Errors: kGiveUp
// when the bound is no bound, or lies in no range of that shard.
Result<model::KeyRange> RangeAbove(const SetView& view, const model::ShardId& shard,
                                   const std::string& at);

// `wide`: with messages of conditions in full, sizes, primaries and finished migrations.
std::string StatusText(const SetView& view, bool wide = false);
std::string StatusJson(const SetView& view);

// Why, what else was looked at, what would change the decision.
std::string PlanText(const SetView& view);
std::string PlanJson(const SetView& view);

// What would make the planner decide otherwise, from its decision and its reasons; empty when
// nothing is planned.
std::vector<std::string> WhatWouldChange(const SetView& view);

}  // namespace foreshard::plugin

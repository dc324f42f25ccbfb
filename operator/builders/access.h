#pragma once

#include <vector>

#include "operator/api/value.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// ServiceAccount, Role and RoleBinding, in the order in which they are made.

// Patroni: its Endpoints, its pods' labels.
std::vector<Value> BuildShardAccess(const SetName& set);
// A router: to watch its RoutingTable.
std::vector<Value> BuildRouterAccess(const SetName& set);

}  // namespace foreshard::op

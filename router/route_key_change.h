#pragma once

#include <cstddef>

#include "router/route.h"

// Where an UPDATE of the sharding column goes.

namespace foreshard::router {

// `out` has the keys that the rows have now, the first `old` of them, then the new one, and their
// owners.
void RouteKeyChange(const RouteRequest& request, const Statement& statement, std::size_t old,
                    RouteDecision& out);

}  // namespace foreshard::router

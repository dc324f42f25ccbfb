#pragma once

#include "base/result.h"
#include "model/routing_table.h"
#include "operator/api/value.h"

// RoutingTable: JSON <-> plain struct. The object does not hold the key space; it comes from the
// ShardSet.

namespace foreshard::op {

// Errors: kGiveUp; the table is not validated (model::Validate does that).
Result<model::RoutingTable> ParseRoutingTable(std::string_view json,
                                              const model::KeySpace& key_space);

Value RoutingTableSpec(const model::RoutingTable& table);

}  // namespace foreshard::op

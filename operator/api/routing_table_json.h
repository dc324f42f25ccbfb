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

// The annotation that keeps `switching`: "number/record". The API server would drop a field that an
// older CRD does not know, and Helm leaves old CRDs in place.
inline constexpr std::string_view kSwitchingAnnotation = "foreshard.dev/switching";
// Null when nobody switches: a merge patch takes the annotation away.
Value SwitchingJson(const model::RoutingTable& table);

Value RoutingTableSpec(const model::RoutingTable& table);

}  // namespace foreshard::op

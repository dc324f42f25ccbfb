#pragma once

#include <vector>

#include "base/result.h"
#include "router/merge_wire.h"
#include "router/statement.h"

// What a merge can know once shards said which columns they send.

namespace foreshard::router {

// Whether the types allow an exact merge. Errors: kGiveUp, code 0A000, with the clause and the
// column.
Status CheckMerge(const MergeRecipe& recipe, const std::vector<FieldDescription>& fields,
                  bool text_orders_as_bytes);

// The columns as the client sees them: hidden ones left out, averages numeric.
std::vector<FieldDescription> ClientFields(const MergeRecipe& recipe,
                                           std::vector<FieldDescription> fields);

}  // namespace foreshard::router

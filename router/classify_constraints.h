#pragma once

#include <optional>

#include "router/classify_tree.h"

// Private to classify*.cpp: what a schema change may promise of a table whose rows lie on several
// shards. Each shard checks its own rows only, so a constraint that would have to look at the rows
// of another shard is refused; so is what would make the copies of a reference table differ.

namespace foreshard::router {

// CREATE TABLE, ALTER TABLE, CREATE INDEX. `table` is what the statement changes; of a partition or
// child, what is known of its listed parent.
std::optional<Refusal> ForbiddenInTable(const Source& source, std::string_view type,
                                        const Json& body, const TableInfo& table);

// An expression whose value is another one on each shard, or at each time: "now()", "the current
// time"; empty if there is none. Functions that users made are not known here.
std::string VolatileCall(const Json& node);

}  // namespace foreshard::router

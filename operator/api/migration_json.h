#pragma once

#include <vector>

#include "base/result.h"
#include "model/migration.h"
#include "operator/api/value.h"

// ShardMigration: JSON <-> plain structs.

namespace foreshard::op {

// Errors: kGiveUp, reason InvalidSpec, naming field, value and what would be accepted. What depends
// on the ShardSet's key space (bounds, keys) is checked by the controller, which knows it.
Result<model::ShardMigration> ParseShardMigration(std::string_view json);
// The same without the checks of the spec: what could be read, for deletion and for lists.
Result<model::ShardMigration> ParseShardMigrationFrame(std::string_view json);

// The whole status subresource as an object {"status": ...} with metadata.resourceVersion of
// `migration`, for a merge patch that is a compare-and-swap.
Value MigrationStatusPatch(const model::ShardMigration& migration,
                           const model::ShardMigrationStatus& status);

// The list `phases` of a status; what is not known is left out.
Value PhasesJson(const std::vector<model::MigrationPhase>& phases);
std::vector<model::MigrationPhase> ReadPhases(const Value& list);

// A new object, as the planner creates it.
Value NewMigration(const model::ShardMigration& migration);

// It is over: nothing of it will act again.
bool IsTerminal(const model::ShardMigrationStatus& status);

}  // namespace foreshard::op

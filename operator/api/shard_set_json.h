#pragma once

#include "base/result.h"
#include "model/shard_set.h"
#include "operator/api/value.h"

// ShardSet and LoadEvent: JSON <-> plain structs.

namespace foreshard::op {

// With every check that admission makes, made again in case the object came past it. Errors:
// kGiveUp, reason InvalidSpec, naming field, value and what would be accepted. A broken status is
// no error: what cannot be read is left out.
Result<model::ShardSet> ParseShardSet(std::string_view json);

// Only what every reader needs and no spec could break: name, uid, generation, deletion,
// finalizers, status.
Result<model::ShardSet> ParseShardSetFrame(std::string_view json);

Result<model::LoadEvent> ParseLoadEvent(std::string_view json);
// For a server-side apply of the subresource status.
Value LoadEventStatusApply(const model::LoadEvent& event, const model::Condition& condition);

// Bodies for a server-side apply of the status subresource. Each controller owns its fields under
// its own manager, so that neither takes back what the other said.
inline constexpr const char* kFleetManager = "foreshard-operator";
inline constexpr const char* kScalingManager = "foreshard-operator-scaling";
Value FleetStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status);
Value ScalingStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status);

// Conditions of the types that the scaling controller owns.
bool IsScalingCondition(std::string_view type);

}  // namespace foreshard::op

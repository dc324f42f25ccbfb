#pragma once

#include <string_view>

#include "model/shard_set.h"
#include "operator/api/value.h"

// `status.audit` of a ShardSet: JSON <-> plain structs.

namespace foreshard::op {

inline constexpr const char* kAuditManager = "foreshard-operator-audit";
// The condition that the audit controller owns: whether the newest pass found nothing.
inline constexpr const char* kAuditCondition = "RowsConsistent";

// REQUIRES: an object. What cannot be read is left out.
model::AuditStatus ReadAudit(const Value& audit);
Value AuditJson(const model::AuditStatus& audit);

// Body for a server-side apply of the status subresource under kAuditManager.
Value AuditStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status);

}  // namespace foreshard::op

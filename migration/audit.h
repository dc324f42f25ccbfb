#pragma once

#include <string>
#include <string_view>

#include "migration/spec.h"
#include "model/audit.h"
#include "model/routing_table.h"

// Anti-entropy, the pure half: which rows a shard should not have, when reference tables differ,
// and which findings may be believed. The SQL half is pg_audit.h.

namespace foreshard::migration {

using model::ReferenceDigest;
using model::ReferenceDigests;
using model::Stray;

// A boolean expression over `column` (SQL already): true for rows that `shard` neither owns nor has
// because a migration moves them. K of a migration stands on both sides until it is over.
//
// REQUIRES: model::Validate(table) is good.
std::string StraySql(const model::RoutingTable& table, const model::ShardId& shard,
                     std::string_view column);

enum class Agreement { kSame, kDiffer, kLookAgain };

// Of one reference table, read twice: a write comes to the shards one after the other, so a
// difference counts only where nothing has changed from one look to the next.
Agreement Compare(const ReferenceDigests& before, const ReferenceDigests& now);

// What was found stands on the same owners as now: nothing has moved or begun to move meanwhile.
bool SameOwners(const model::RoutingTable& before, const model::RoutingTable& after);

}  // namespace foreshard::migration

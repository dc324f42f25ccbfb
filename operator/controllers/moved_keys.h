#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "migration/shard.h"
#include "migration/spec.h"
#include "model/routing_table.h"

// What the routing table says of K, the keys that a migration moves, and who may change it.

namespace foreshard::op {

// "system/timeline", as `Progress` keeps it; "" for none.
std::string IdentityText(const migration::Identity& identity);

// K, as requests to routers name it.
std::vector<model::KeyRange> RangesOf(const migration::MigrationSpec& spec);

// The table with K owned by `owner`. Errors: kGiveUp if K is not wholly in one shard's ranges.
Result<model::RoutingTable> WithOwnerOfK(const model::RoutingTable& table,
                                         const migration::MigrationSpec& spec,
                                         const model::ShardId& owner, model::Epoch epoch);

// The table says that this migration moves K. Only who is marked may change the owner of K in the
// table: the compare-and-swap that put the mark there keeps all other migrations of these keys out.
bool IsMarked(const model::RoutingTable& table, const migration::MigrationSpec& spec);

// The cutover lock: of all migrations of a set, the one that the table names in `switching` may
// change owners and epoch. A mark that its migration no longer stands behind counts for nobody.
bool MaySwitch(const model::RoutingTable& table, const migration::MigrationSpec& spec,
               std::int64_t record);
// Name of another migration that switches now; nothing: none does.
std::optional<std::string> OtherSwitching(const model::RoutingTable& table,
                                          const migration::MigrationSpec& spec);

// Every key of K belongs to `owner`.
bool OwnsK(const model::RoutingTable& table, const migration::MigrationSpec& spec,
           const model::ShardId& owner);

}  // namespace foreshard::op

#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/load.h"
#include "model/migration.h"
#include "operator/metrics/demand_query.h"

// A range is what persists: a shard's history is that of the intervals it owns now, from whoever
// owned them then.

namespace foreshard::op {

// Keys changed their owner at the end of bin `at`.
struct OwnerChange {
  std::string migration;
  model::ShardId source;
  model::ShardId destination;
  model::BinIndex at = 0;
  bool operator==(const OwnerChange&) const = default;
};

// Cutovers of migrations that were not rolled back, oldest first.
std::vector<OwnerChange> OwnerChanges(const std::vector<model::ShardMigration>& migrations,
                                      std::chrono::seconds bin);

// Demand over [first, last] as if today's owners had always owned what they own: before a cutover,
// the part of the source's demand that left goes to the destination. The part is measured where the
// destination was new (its share of both after the cutover), else half.
std::map<model::ShardId, ShardDemand> WithLineage(std::map<model::ShardId, ShardDemand> demand,
                                                  const std::vector<OwnerChange>& changes,
                                                  model::BinIndex first);

// Demand without the bins in which a migration also used CPU on the shard: what a statement
// costs cannot be learned from them. It ends one CpuWindow after the migration.
std::map<model::ShardId, ShardDemand> Undisturbed(
    std::map<model::ShardId, ShardDemand> demand,
    const std::vector<model::ShardMigration>& migrations, std::chrono::seconds bin,
    model::BinIndex first);

}  // namespace foreshard::op

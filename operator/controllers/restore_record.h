#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backup/point.h"
#include "model/routing_table.h"
#include "operator/api/value.h"
#include "operator/builders/restore.h"

// What was decided about a restore, written before anything is made: ConfigMap `<set>-restore`.
// Whoever leads next goes on from it.

namespace foreshard::op {

struct RestoreRecord {
  std::string from;  // the set of spec.restoreFrom
  backup::Point point;
  std::string ended;  // what was ended inside the shards, for people; "": not yet
};

Value BuildRestoreRecord(const SetName& set, const std::string& from, const backup::Point& point);
// A merge patch: all shards are what they have to be.
Value RestoreEndedPatch(const std::string& ended);
// Errors: kGiveUp.
Result<RestoreRecord> ParseRestoreRecord(const Value& config_map);

// Nothing: the shard is none of the point, and begins empty.
std::optional<ShardRestore> RestoreOfShard(const RestoreRecord& record,
                                           const model::ShardId& shard);

// The table by which a restored set begins: the point's, of the set's own Services and without
// migrations; shards that own nothing are left out, and go. Its epoch is above all that a shard or a
// router of the point's time can know. Errors: kGiveUp where it is no table of this key space.
Result<model::RoutingTable> RestoredTable(const SetName& set, const model::KeySpace& key_space,
                                          const backup::Point& point);

}  // namespace foreshard::op

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/ids.h"

// A point over all shards of a set, to which they can be restored together.

namespace foreshard::backup {

// Of one set: greater than any before, so that a name in the WAL means one moment.
using PointNumber = model::Id<struct PointNumberTag, std::int64_t>;

// "foreshard/<uid>/<n>", at most 63 bytes, which is what PostgreSQL takes.
// REQUIRES: 1 <= n < 10^16, `set_uid` of at most 36 characters [a-z0-9-].
std::string PointName(std::string_view set_uid, PointNumber number);

// Where the point lies in the WAL of one shard. A failover may leave it on a timeline that nobody
// went on with, so a restore follows this timeline and no later one.
struct ShardPoint {
  model::ShardId shard;
  std::string system_identifier;
  std::int64_t timeline = 0;
  std::string lsn;       // "0/16B3748"
  std::string wal_file;  // its segment: once that is archived, the point can be reached
  bool operator==(const ShardPoint&) const = default;
};

// What the API knows about the set, which no shard does.
struct SetState {
  std::string set_uid;
  std::vector<model::ShardId> shards;  // ordered
  model::Epoch epoch;
  std::string routing_table;          // RoutingTable.spec as JSON
  std::string migrations;             // unfinished ones: spec and status as JSON
  std::vector<std::string> cutovers;  // migrations that are in one, or roll back
  model::MigrationNumber number_max;  // a restored set begins above these
  std::int64_t record_max = 0;
  std::int64_t lease_transitions = 0;
  bool operator==(const SetState&) const = default;
};

// Written beside the backups when all of it can be restored, and never changed.
struct Point {
  PointNumber number;
  WallTime made_at;
  SetState state;
  std::vector<ShardPoint> shards;  // as state.shards
  bool operator==(const Point&) const = default;
};

}  // namespace foreshard::backup

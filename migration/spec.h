#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/key_space.h"
#include "model/migration.h"

// What a mover and a controller need to know of one migration. A plain value, fixed when the number
// is given; what changes (phase, token, attempt) stands in the rows of `foreshard.migration`. JSON:
// migration/spec_json.h.

namespace foreshard::migration {

using model::MigrationType;

const char* ToString(MigrationType type);  // "Split", as in the API

// The side of a migration. Rollback swaps what they do, never what they are called.
enum class Side { kSource, kDestination };

const char* ToString(Side side);

// One sharded table of the group.
struct TableSpec {
  std::string name;    // with schema: "public.orders"
  std::string column;  // the sharding key
  bool operator==(const TableSpec&) const = default;
};

struct MigrationSpec {
  std::string name;  // of the ShardMigration
  std::string name_space;
  std::string uid;  // of the ShardMigration; a row with another uid is not ours
  std::string shard_set;
  std::string database = "app";
  model::MigrationNumber number;
  MigrationType type = MigrationType::kMove;
  model::ShardId source;
  model::ShardId destination;
  bool new_destination =
      false;  // made for this migration: it has no tables yet, and goes away with an abort
  model::KeySpace key_space;
  model::KeyRange range;          // Split, Move; empty text on both ends with `keys`
  std::vector<std::string> keys;  // Isolate, MoveKeys: canonical, sorted; K is these
  std::vector<std::string>
      excluded_keys;  // pinned keys that lie in `range`, wherever they point: never part of K
  std::vector<TableSpec> tables;  // parents before children
  std::vector<std::string> reference_tables;
  model::Epoch epoch;    // of the routing table when the number was given
  bool dry_run = false;  // preflight only
  std::chrono::milliseconds cutover_budget{
      1'500};  // from the close to the open; then the mover revokes
  std::chrono::seconds deadline{6 * 3'600};
  std::chrono::seconds soak{600};
  bool operator==(const MigrationSpec&) const = default;
};

// Names of side objects. A stream (slot on the publisher, subscription on the subscriber) is named
// after its publisher.
std::string PublicationName(model::MigrationNumber number);  // foreshard_7
std::string StreamName(model::MigrationNumber number,
                       const model::ShardId& publisher);  // foreshard_7_s_4kq7
std::string RangeId(model::MigrationNumber number);       // migration-7
std::string TriggerName(model::MigrationNumber number,
                        const std::string& suffix);  // zzz_foreshard_7_insert

const model::ShardId& ShardOf(const MigrationSpec& spec, Side side);
const model::ShardId& PeerOf(const MigrationSpec& spec, Side side);

}  // namespace foreshard::migration

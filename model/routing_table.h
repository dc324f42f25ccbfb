#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "model/key_space.h"

// Who owns what, as the API object `RoutingTable` says it. A plain value; `router/` compiles it for
// fast look-up.

namespace foreshard::model {

struct OwnedRange {
  KeyRange range;
  ShardId shard;
  bool operator==(const OwnedRange&) const = default;
};

// A single key that lives elsewhere than its range says.
struct Pin {
  std::string key;  // canonical
  ShardId shard;
  bool operator==(const Pin&) const = default;
};

struct ShardAddress {
  ShardId id;
  std::string primary_service;  // host name, without namespace when in the router's own
  std::string replica_service;
  bool operator==(const ShardAddress&) const = default;
};

// What is being moved: updates that would change a key's owner are refused here.
struct Moving {
  std::string migration;  // name of the ShardMigration
  MigrationNumber number;
  KeyRange range;                 // Split, Move
  std::vector<std::string> keys;  // Isolate, MoveKeys; canonical
  bool operator==(const Moving&) const = default;
};

// Whose cutover runs. Until it is over only that migration changes owners and epoch, so an epoch
// names one change, and what it sends to routers is the newest table with one change in it.
struct Switching {
  MigrationNumber number;
  std::int64_t record = 0;  // of the migration's status when the attempt began
  bool operator==(const Switching&) const = default;
};

struct RoutingTable {
  std::string shard_set_name;
  Epoch epoch;
  KeySpace key_space;
  std::vector<OwnedRange> ranges;  // ordered, no gap, no overlap, from "" to ""
  std::vector<Pin> pins;           // ordered by key
  std::vector<ShardAddress> shards;
  std::vector<Moving> moving;
  std::optional<Switching> switching{};  // of no interest to routers
  bool operator==(const RoutingTable&) const = default;
};

inline constexpr std::size_t kRangesMax = 10'000;
inline constexpr std::size_t kPinsMax = 10'000;

// Errors: kGiveUp naming the field and the value, for a gap, an overlap, an unknown shard, a
// duplicate pin, too many.
Status Validate(const RoutingTable& table);

// REQUIRES: Validate(table) is good and the key is canonical. O(log ranges).
const ShardId& OwnerOfKey(const RoutingTable& table, std::string_view canonical_key);
const ShardId& OwnerOfBound(const RoutingTable& table, std::string_view bound);

// Drops pins that equal the owner of their range. Not in a range that is moving: its key does not
// move along, and if the range goes back, the pin says again where the key is.
void DropIdlePins(RoutingTable& table);

// The table after `range` (and, for keys, the pins) changed its owner: neighbours with the same
// owner become one range, idle pins disappear (DropIdlePins), the epoch is the given one. REQUIRES:
// epoch > table.epoch. Errors: kGiveUp if the range is not wholly owned by one shard.
Result<RoutingTable> WithOwner(const RoutingTable& table, const KeyRange& range,
                               const ShardId& owner, Epoch epoch);
Result<RoutingTable> WithPins(const RoutingTable& table,
                              const std::vector<std::string>& canonical_keys, const ShardId& owner,
                              Epoch epoch);

// All that one shard owns, when that is one range: neighbours joined, no key pinned to it. Nothing:
// it is not, or it owns nothing.
std::optional<KeyRange> OnePiece(const RoutingTable& table, const ShardId& shard);

// Ranges of one shard, in order.
std::vector<KeyRange> RangesOf(const RoutingTable& table, const ShardId& shard);

}  // namespace foreshard::model

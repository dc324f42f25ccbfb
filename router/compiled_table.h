#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/routing_table.h"
#include "router/key.h"

// A routing table, compiled for look-up: at most a microsecond in 10,000 ranges and 10,000 pins.
//
// View:    this process. Another router may hold an older epoch; the gate makes that harmless.
// Threads: immutable.

namespace foreshard::router {

struct Owner {
  std::uint32_t shard = 0;  // index into table().shards
  std::uint32_t range = 0;  // index into table().ranges; of a pinned key: the range it would lie in
  bool pinned = false;
};

class CompiledTable {
 public:
  // Errors: those of model::Validate().
  static Result<std::shared_ptr<const CompiledTable>> Compile(model::RoutingTable table);

  Owner Find(const Key& key) const;

  // One of them moves and the other stays.
  bool PartsWhileMoving(const Key& a, const Key& b) const;

  const model::RoutingTable& table() const { return table_; }
  model::Epoch epoch() const { return table_.epoch; }
  std::uint32_t shards() const { return static_cast<std::uint32_t>(table_.shards.size()); }
  // Shards that own a range or a pin, ascending. Others hold copies at most: reads and writes
  // without a key leave them out.
  const std::vector<std::uint32_t>& owning_shards() const { return owning_shards_; }
  std::uint32_t shard_of_range(std::uint32_t range) const { return range_shards_[range]; }

  // SQL that is true for the rows a shard must not show or change, because they are copies of keys
  // that another shard owns while a migration runs; `column` is quoted already. Empty: none. See
  // migration.md, section 3.
  std::string ForeignRows(std::uint32_t shard, const std::string& column) const;

 private:
  explicit CompiledTable(model::RoutingTable table);

  const std::uint32_t* FindPin(const Key& key) const;
  std::uint32_t RangeOf(const Key& key) const;

  struct PinSlot {
    Key key;
    std::uint32_t shard = 0;
    bool taken = false;
  };

  model::RoutingTable table_;
  std::vector<model::Position> starts_;  // of ranges, ascending; the first is 0
  std::vector<Key> start_keys_;          // Range strategy of text and uuid: the exact starts
  std::vector<std::uint32_t>
      first_of_byte_;  // 257: the last range that starts at or below position byte << 56
  std::vector<std::uint32_t> range_shards_;
  std::vector<std::uint32_t> owning_shards_;
  std::vector<PinSlot> pins_;  // open addressing by position
  std::size_t pin_mask_ = 0;
};

}  // namespace foreshard::router

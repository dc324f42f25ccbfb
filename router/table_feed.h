#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/result.h"
#include "router/compiled_table.h"

// The newest routing table this router has heard of, and the only way to change it.
//
// View:    this process. Another router may hold an older epoch; the gate makes that harmless.
// Owner:   main(). Lives as long as the process.
// Threads: any. Current() never waits for a compile; loops use a TableReader, which costs one
// atomic load a statement.

namespace foreshard::router {

class TableFeed {
 public:
  // Null until the first table came.
  std::shared_ptr<const CompiledTable> Current() const;
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Makes `table` current if its epoch is newer, or the epoch is the same, who owns what is the
  // same, and `generation` is not older (-1: not known, as in RELEASE): `moving` and the shards'
  // addresses change without an epoch. Errors: kReobserve for an older one (the current table
  // stays), kGiveUp for an invalid one or for one that gives the same epoch to different owners.
  Status Offer(model::RoutingTable table, std::int64_t generation);

 private:
  mutable std::mutex mutex_;  // swaps and Current(); never held while compiling
  std::shared_ptr<const CompiledTable> current_;
  std::int64_t generation_ = -1;
  std::atomic<std::uint64_t> version_{0};
};

// One event loop's view of the feed. Threads: one owner.
class TableReader {
 public:
  explicit TableReader(const TableFeed& feed) : feed_(feed) {}

  // Keep it for one statement, not longer.
  const std::shared_ptr<const CompiledTable>& Current() {
    const std::uint64_t version = feed_.version();
    if (version != seen_) {
      seen_ = version;
      table_ = feed_.Current();
    }
    return table_;
  }

 private:
  const TableFeed& feed_;
  std::uint64_t seen_ = 0;
  std::shared_ptr<const CompiledTable> table_;
};

// RoutingTable.spec as the API writes it (also the body of RELEASE and the content of
// --table-file). Pins may come in any order; bounds and keys in any spelling. Errors: kGiveUp
// naming the field.
Result<model::RoutingTable> ParseRoutingTableSpec(std::string_view json,
                                                  const model::KeySpace& space);

}  // namespace foreshard::router

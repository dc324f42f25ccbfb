#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "operator/shards/shard_auditor.h"

// Shards as the audit controller sees them, in memory: what is stray is said, not computed.
//
// It does NOT imitate: SQL, digests of rows, owners, partitions; a table has as many pages as it is
// told, and a turn reads one. Threads: one.

namespace foreshard::fakes {

class FakeShardAuditor final : public op::ShardAuditor {
 public:
  using Place = std::pair<model::ShardId, std::string>;  // shard, table

  Result<migration::StraysFound> FindStrays(const model::ShardSet&, const model::RoutingTable&,
                                            const model::ShardId& shard,
                                            const migration::TableSpec& table,
                                            const migration::AuditCursor& from, Deadline) override {
    ++turns;
    if (on_turn) on_turn();
    if (down) return *down;
    migration::StraysFound found;
    if (from.page + 1 < pages) {
      found.next = {.leaf = table.name, .page = from.page + 1};
      return found;
    }
    const auto stray = strays.find({shard, table.name});
    if (stray == strays.end() || stray->second == 0) return found;
    found.rows = stray->second;
    found.keys = {"4711"};
    return found;
  }
  Result<model::ReferenceDigests> ReadDigests(const model::ShardSet&,
                                              const std::vector<model::ShardId>& shards,
                                              const std::string& table, Deadline) override {
    ++looks;
    if (down) return *down;
    model::ReferenceDigests digests;
    for (const model::ShardId& shard : shards) {
      const auto copy = copies.find({shard, table});
      digests[shard] = {.rows = 3, .digest = copy == copies.end() ? "same" : copy->second};
      if (restless) digests[shard].digest += shard.value + std::to_string(looks);
    }
    return digests;
  }
  Result<std::int64_t> PutAside(const model::ShardSet&, const model::RoutingTable&,
                                const model::ShardId& shard, const migration::TableSpec& table,
                                Deadline) override {
    ++repairs;
    if (refusal) return *refusal;
    return std::exchange(strays[{shard, table.name}], 0);
  }
  Result<std::int64_t> CopyReference(const model::ShardSet&, const model::ShardId& from,
                                     const model::ShardId& to, const std::string& table,
                                     Deadline) override {
    ++repairs;
    if (refusal) return *refusal;
    const auto right = copies.find({from, table});
    if (right == copies.end()) {
      copies.erase({to, table});
    } else {
      copies[{to, table}] = right->second;
    }
    return 1;
  }

  std::map<Place, std::int64_t> strays;
  std::map<Place, std::string> copies;  // digests that are not "same"
  bool restless = false;                // somebody writes reference tables all the time
  std::int64_t pages = 1;               // of each table: turns
  std::optional<Error> down;
  std::optional<Error> refusal;  // of repairs
  std::function<void()> on_turn;
  int turns = 0;
  int looks = 0;
  int repairs = 0;
};

}  // namespace foreshard::fakes

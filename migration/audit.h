#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "migration/spec.h"
#include "model/routing_table.h"

// Anti-entropy, the pure half: which rows a shard should not have, when reference tables differ,
// and which findings may be believed. The SQL half is pg_audit.h.

namespace foreshard::migration {

// A boolean expression over `column` (SQL already): true for rows that `shard` neither owns nor has
// because a migration moves them. K of a migration stands on both sides until it is over.
//
// REQUIRES: model::Validate(table) is good.
std::string StraySql(const model::RoutingTable& table, const model::ShardId& shard,
                     std::string_view column);

// Rows of one table on a shard that does not own them.
struct Stray {
  model::ShardId shard;
  std::string table;
  std::int64_t rows = 0;
  std::vector<std::string> keys;  // some of them
  bool operator==(const Stray&) const = default;
};

struct ReferenceDigest {
  std::int64_t rows = 0;
  std::string digest;  // the order of rows does not matter
  bool operator==(const ReferenceDigest&) const = default;
};
using ReferenceDigests = std::map<model::ShardId, ReferenceDigest>;

enum class Agreement { kSame, kDiffer, kLookAgain };

// Of one reference table, read twice: a write comes to the shards one after the other, so a
// difference counts only where nothing has changed from one look to the next.
Agreement Compare(const ReferenceDigests& before, const ReferenceDigests& now);

struct Diverged {
  std::string table;
  ReferenceDigests digests;
  bool operator==(const Diverged&) const = default;
};

struct AuditResult {
  model::Epoch epoch;
  std::vector<Stray> strays;
  std::vector<Diverged> diverged;

  std::int64_t stray_rows() const;
  bool clean() const { return strays.empty() && diverged.empty(); }
};

// What was found stands on the same owners as now: nothing has moved or begun to move meanwhile.
bool SameOwners(const model::RoutingTable& before, const model::RoutingTable& after);

// One line a finding, for people; empty: nothing was found.
std::string ToText(const AuditResult& result);

// Of the findings, as 16 hex digits: a repair names what a person has seen.
std::string Fingerprint(const AuditResult& result);

}  // namespace foreshard::migration

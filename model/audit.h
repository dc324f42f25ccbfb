#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/ids.h"

// What a look through all shards of a set has found: rows that no shard should have, and reference
// tables that differ. Plain values; who looks is operator/controllers/audit_controller.h.

namespace foreshard::model {

// Rows of one table on a shard that does not own them.
struct Stray {
  ShardId shard;
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
using ReferenceDigests = std::map<ShardId, ReferenceDigest>;

// Of a reference table that a shard does not have; no table that is there has it.
inline constexpr const char* kMissingDigest = "missing";

// The shard whose copy of a reference table is right: the one that more than half of the shards
// have. Nothing: there is none, so a person has to say.
std::optional<ShardId> RightCopy(const ReferenceDigests& digests);

// A reference table that is not the same on all shards.
struct Diverged {
  std::string table;
  ReferenceDigests digests;
  bool operator==(const Diverged&) const = default;
};

struct AuditFindings {
  std::vector<Stray> strays;
  std::vector<Diverged> diverged;

  std::int64_t stray_rows() const;
  bool clean() const { return strays.empty() && diverged.empty(); }
  bool operator==(const AuditFindings&) const = default;
};

// A pass that is not over: what a new leader needs to go on with it.
struct AuditRun {
  std::string request;  // of the annotation that it answers; "": nobody asked
  std::string start_time;
  std::int64_t epoch = 0;
  std::int64_t step = 0;  // of `steps`: each shard's each table, then each reference table
  std::int64_t steps = 0;
  std::string leaf;  // of the table of this step, read up to `page`
  std::int64_t page = 0;
  AuditFindings found;
  bool operator==(const AuditRun&) const = default;
};

struct AuditRepair {
  std::string request;
  std::string time;
  std::int64_t rows = 0;  // put aside or replaced
  std::string problem;    // what was not done, and why
  bool operator==(const AuditRepair&) const = default;
};

struct AuditStatus {
  std::string request;  // that the newest complete pass answered
  std::string start_time;
  std::string time;  // of its end; "": there was none yet
  std::int64_t epoch = 0;
  AuditFindings found;
  std::string fingerprint;
  std::optional<AuditRun> running;
  std::optional<AuditRepair> repair;
  bool operator==(const AuditStatus&) const = default;
};

// One line a finding, for people; empty: nothing was found.
std::string ToText(const AuditFindings& findings);

// Of the findings, as 16 hex digits: a repair names what a person has seen.
std::string Fingerprint(const AuditFindings& findings);

}  // namespace foreshard::model

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "migration/spec.h"
#include "operator/controllers/audit_observe.h"

// When to look through the shards of a set, what to look at next, and whether a repair may begin.
// Pure.

namespace foreshard::op {

enum class AuditAction { kWait, kBegin, kGoOn, kRepair, kRefuseRepair };

struct AuditDecision {
  AuditAction action = AuditAction::kWait;
  std::string reason;                     // CamelCase
  std::chrono::milliseconds wait_for{0};  // kWait: 0 is until something changes
  std::string problem{};                  // kRefuseRepair: for who asked
};

// A pass never runs while a migration of the set is past Verifying (a cutover wants the machine, a
// clean-up deletes), nor in a set that is paused or not Ready; a repair waits for all of them. The
// daily passes of many sets are spread by their uids.
AuditDecision DecideAudit(const AuditObservation& seen);

// The newest moment at which a set of this uid is due. REQUIRES: interval > 0.
WallTime NewestSlot(const std::string& uid, std::chrono::milliseconds interval, WallTime now);

// What one step of a pass looks at: a sharded table on one shard, or a reference table on all.
struct AuditStep {
  model::ShardId shard;        // "": all
  migration::TableSpec table;  // of a reference table only the name
};
// In the order of shards and tables. REQUIRES: seen.table.
std::vector<AuditStep> StepsOf(const AuditObservation& seen);

// The beginning of a pass that answers what was asked for last. REQUIRES: seen.table.
model::AuditRun NewRun(const AuditObservation& seen);

// What the newest complete pass says. REQUIRES: audit.time is not empty.
model::Condition AuditCondition(const model::ShardSet& set, const model::AuditStatus& audit);

// "<fingerprint>", "<fingerprint> <shard>", or "<fingerprint> -"; what follows only makes it
// another request.
struct RepairRequest {
  std::string fingerprint{};
  std::optional<model::ShardId> right_copy{};
};
RepairRequest ParseRepair(const std::string& text);

}  // namespace foreshard::op

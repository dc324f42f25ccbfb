#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "operator/builders/verification.h"
#include "operator/controllers/backup_decide.h"
#include "operator/controllers/verification_observe.h"

// When the newest backups are restored to prove that they can be, and what is known of it. Pure.
//
// A turn goes over all shards, one Job at a time, beside no base backup: that may remove what is
// being read. A shard that cannot be restored in three attempts is told as broken and the turn goes
// on; the set is verified when a turn finds nothing wrong (docs/adr/0066).

namespace foreshard::op {

inline constexpr int kVerificationAttempts = 3;

struct VerificationDecision {
  // As they should stand in the status. They are told before anything is done.
  std::optional<model::VerificationStatus> status;  // none: it is not wanted
  std::optional<model::Condition> condition;
  BackupAction action = BackupAction::kNone;
  model::ShardId shard;                   // whose Job
  VerificationJob job;                    // kCreateJob
  std::string uid;                        // kDeleteJob
  std::chrono::milliseconds wait_for{0};  // kNone: 0 is until something changes
};

VerificationDecision DecideVerification(const VerificationObservation& seen);

// Since when one should have begun that has not ended well; nothing: none is due.
std::optional<WallTime> VerificationDueSince(const model::ShardSet& set, WallTime now);

}  // namespace foreshard::op

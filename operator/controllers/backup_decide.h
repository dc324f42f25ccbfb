#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "operator/builders/backup.h"
#include "operator/controllers/backup_observe.h"

// When a base backup is due, which shard is next, and what is known of all. Pure.
//
// A turn goes over all shards of the set, one Job at a time. What it has reached stands in the
// status, so that another leader goes on; a Job that failed is counted once, and made again after a
// while (docs/adr/0057).

namespace foreshard::op {

enum class BackupAction { kNone, kCreateJob, kDeleteJob };

struct BackupDecision {
  // As they should stand in the status. They are told before anything is done.
  std::optional<model::BackupStatus> status;  // none: no backup is wanted
  std::optional<model::Condition> condition;
  BackupAction action = BackupAction::kNone;
  model::ShardId shard;                   // whose Job
  BackupJob job;                          // kCreateJob
  std::string uid;                        // kDeleteJob
  std::chrono::milliseconds wait_for{0};  // kNone: 0 is until something changes
};

BackupDecision DecideBackups(const BackupObservation& seen);

// Since when a backup should have begun that has not ended; nothing: none is due.
std::optional<WallTime> BackupDueSince(const BackupObservation& seen);

// How long after so many failures in a row. REQUIRES: failures > 0.
std::chrono::seconds BackupRetryAfter(int failures);

// The first moment of a schedule in (after, until]; `backup` says in which time zone.
std::optional<WallTime> FirstScheduled(const model::BackupSpec& backup, const std::string& schedule,
                                       WallTime after, WallTime until);

// Of a time in RFC 3339: how long until then, at most an hour, since clocks jump; 0: it has passed,
// or is none.
std::chrono::milliseconds UntilTime(WallTime now, const std::string& time);

// Of which turn a Job is, as a label can say it.
std::string RunLabelOf(const std::string& start_time);

}  // namespace foreshard::op

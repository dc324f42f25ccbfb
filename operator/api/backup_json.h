#pragma once

#include "model/shard_set.h"
#include "operator/api/fields.h"
#include "operator/api/value.h"

// `spec.backup` and `status.backup` of a ShardSet: JSON <-> plain structs.

namespace foreshard::op {

inline constexpr const char* kBackupManager = "foreshard-operator-backup";
inline constexpr const char* kPointsManager = "foreshard-operator-points";
inline constexpr const char* kVerificationManager = "foreshard-operator-verification";
// The condition that the backup controller owns: whether all shards have a base backup that is not
// too old.
inline constexpr const char* kBackupCondition = "BackedUp";
// Of those who verify: whether the newest backups of all shards were restored and are good.
inline constexpr const char* kVerifiedCondition = "BackupVerified";
// Of the fleet: whether what `spec.restoreFrom` names is there and serves.
inline constexpr const char* kRestoredCondition = "Restored";

// What is wrong goes to the problems of `fields`.
model::BackupSpec ReadBackupSpec(const Fields& fields);

// `backup` is that of the same set: its repository is the one that is meant where none is given.
model::RestoreSpec ReadRestoreSpec(const Fields& fields,
                                   const std::optional<model::BackupSpec>& backup);
// Two sets must not archive into one place: nobody could tell their WAL apart. Nothing: they do not.
struct SharedPlace {
  std::string path;      // of the field
  std::string accepted;
};
std::optional<SharedPlace> SharesItsPlace(const model::ShardSet& set);

// REQUIRES: an object. What cannot be read is left out.
model::BackupStatus ReadBackup(const Value& backup);
// Without what the maker of points says, and who verifies.
Value BackupJson(const model::BackupStatus& backup);

// "Full", "Incremental".
std::string_view ToText(model::BackupType type);

// Bodies for a server-side apply of the status subresource, under kBackupManager (with the
// condition, if there is one), under kPointsManager, and under kVerificationManager.
Value BackupStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status);
Value PointStatusApply(const model::ShardSet& set, const model::BackupStatus& backup);
Value VerificationJson(const model::VerificationStatus& verification);
Value VerificationStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status);

}  // namespace foreshard::op

#pragma once

// What a person can say to the operator by an annotation (docs/behaviours.md).

namespace foreshard::op {

// On a ShardSet, "true": it is watched and told about, and nothing is changed.
inline constexpr const char* kPauseAnnotation = "foreshard.dev/pause";
// On an object that somebody else made and whose name a set needs: the set that may take it over.
inline constexpr const char* kAdoptAnnotation = "foreshard.dev/adopt";

// On a ShardSet, any text: look now for stray rows and reference tables that differ; `status.audit`
// repeats the text when that is done.
inline constexpr const char* kVerifyAnnotation = "foreshard.dev/verify";
// On a ShardSet, any text: make a base backup of all shards now, a whole one where it begins with
// Full; `status.backup` repeats the text when that is done.
inline constexpr const char* kBackupAnnotation = "foreshard.dev/backup";
// On a ShardSet, any text: restore and check the newest backups now; `status.backup.verification`
// repeats the text when that is done.
inline constexpr const char* kVerifyBackupAnnotation = "foreshard.dev/verify-backup";
// On a ShardSet, the fingerprint of what was found, and where nobody can tell the right copy of a
// reference table the shard that has it: put it aside.
inline constexpr const char* kRepairAnnotation = "foreshard.dev/repair";

// On the Endpoints by which Patroni is asked for a switchover: the uid of the pod that leads, and
// since when it is asked.
inline constexpr const char* kSwitchoverAnnotation = "foreshard.dev/switchover";

// What the operator makes says by whom it is managed.
inline constexpr const char* kManagedByLabel = "app.kubernetes.io/managed-by";
inline constexpr const char* kManagedBy = "foreshard-operator";

}  // namespace foreshard::op

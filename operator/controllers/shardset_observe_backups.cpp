#include <fmt/format.h>

#include "operator/builders/backup.h"
#include "operator/builders/restore.h"
#include "operator/controllers/backup_secrets.h"
#include "operator/controllers/shardset_observe.h"
#include "operator/points/kube_point_book.h"

// What a set needs to archive, and to begin from the backups of another one.

namespace foreshard::op {

// A Secret that is not there yet must not stop the set, and no pod is told to mount it: until then
// it is as if no backup was wanted. What was there once goes on.
Status ShardSetObserver::ReadBackupSecrets(ShardSetObservation& seen, Deadline deadline) {
  if (!seen.set.spec.backup) return Ok();
  auto files = ReadBackupFiles(kube_, seen.set.name_space, *seen.set.spec.backup, deadline);
  if (files) {
    seen.backup_files = *std::move(files);
    return Ok();
  }
  if (files.error().reason != "BackupSecretMissing") return files.error();
  if (FindChild(seen.children, "Secret", BackupSecret(NameOf(seen.set))) == nullptr)
    seen.set.spec.backup.reset();
  return Ok();
}

// A record of an earlier set of this name is none of ours; it goes with its owner.
Status ShardSetObserver::ReadRestore(ShardSetObservation& seen, Deadline deadline) {
  if (!seen.set.spec.restore_from || seen.set.deleting) return Ok();
  const model::RestoreSpec& from = *seen.set.spec.restore_from;
  auto files = ReadBackupFiles(kube_, seen.set.name_space, from.repository, deadline);
  if (files) {
    seen.restore_files = *std::move(files);
  } else if (files.error().reason == "BackupSecretMissing") {
    seen.restore.secret_problem = files.error().message;
  } else {
    return files.error();
  }
  const Child* kept = FindChild(seen.children, "ConfigMap", RestoreName(NameOf(seen.set)));
  if (kept != nullptr && IsOurs(seen, *kept) && !kept->deleting) {
    auto record = ParseRestoreRecord(kept->json);
    if (!record) {
      return Error::GiveUp(fmt::format("ConfigMap {}: {}", RestoreName(NameOf(seen.set)),
                                       record.error().message),
                           "RestoreRecordUnreadable");
    }
    seen.restore.record = *std::move(record);
    return Ok();
  }
  KubePointBook book({.kube = kube_, .set = {seen.set.name_space, from.set}, .oldest = {}});
  auto points = book.ListAll(deadline);
  if (!points && points.error().kind == Error::Kind::kGiveUp) {
    seen.restore.problem = fmt::format("ConfigMap {}: {}", PointBookName(from.set),
                                       points.error().message);
    return Ok();
  }
  if (!points) return points.error();
  seen.restore.book = points->has_value();
  if (*points) seen.restore.points = **std::move(points);
  return Ok();
}

}  // namespace foreshard::op

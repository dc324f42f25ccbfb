#include "operator/backup_meter.h"

#include <algorithm>

#include "operator/controllers/verification_decide.h"

namespace foreshard::op {
namespace {

std::optional<double> Seconds(const std::string& time) {
  const std::optional<WallTime> parsed = ParseRfc3339(time);
  if (!parsed) return std::nullopt;
  return std::chrono::duration<double>(parsed->time_since_epoch()).count();
}

Exporter::BackupNumbers NumbersOf(const std::optional<model::BackupDone>& done) {
  if (!done) return {};
  const std::optional<double> start = Seconds(done->start_time);
  const std::optional<double> end = Seconds(done->time);
  return {.time = end,
          .seconds = start && end ? std::optional(*end - *start) : std::nullopt,
          .size_bytes = static_cast<double>(done->size_bytes)};
}

double SecondsOf(std::optional<WallTime> time) {
  return time ? std::chrono::duration<double>(time->time_since_epoch()).count() : 0.0;
}

Exporter::VerificationState VerificationOf(const BackupObservation& seen,
                                           const model::BackupStatus& status) {
  if (!seen.set.spec.backup->verification_schedule) return {};
  const auto verified = status.verification.value_or(model::VerificationStatus());
  const auto broken = std::ranges::count_if(
      verified.shards, [](const auto& shard) { return !shard.problem.empty(); });
  const std::optional<double> time = Seconds(verified.time);
  return {.due_since = SecondsOf(VerificationDueSince(seen.set, seen.now)),
          .time = time,
          .seconds = time ? std::optional(static_cast<double>(verified.seconds)) : std::nullopt,
          .failures = static_cast<double>(verified.failures),
          .broken_shards = static_cast<double>(broken)};
}

}  // namespace

void BackupMeter::Look(const BackupObservation& seen) {
  const kube::ObjectRef ref{seen.set.name_space, seen.set.name};
  if (!seen.set.spec.backup) {
    Forget(ref);
    return;
  }
  const model::BackupStatus status = seen.set.status.backup.value_or(model::BackupStatus());
  exporter_.SetBackup(ref.name_space, ref.name, "full", NumbersOf(status.last_full));
  exporter_.SetBackup(ref.name_space, ref.name, "incremental", NumbersOf(status.last_incremental));
  const std::optional<WallTime> due = BackupDueSince(seen);
  exporter_.SetBackupState(
      ref.name_space, ref.name,
      {.due_since = SecondsOf(due),
       .failures = static_cast<double>(status.failures),
       .point_time = status.last_point ? Seconds(status.last_point->time) : std::nullopt,
       .point_interval =
           std::chrono::duration<double>(seen.set.spec.backup->point_interval).count()});
  exporter_.SetVerificationState(ref.name_space, ref.name, VerificationOf(seen, status));
}

void BackupMeter::Forget(const kube::ObjectRef& set) {
  exporter_.SetBackup(set.name_space, set.name, "full", {});
  exporter_.SetBackup(set.name_space, set.name, "incremental", {});
  exporter_.SetBackupState(set.name_space, set.name, {});
  exporter_.SetVerificationState(set.name_space, set.name, {});
}

}  // namespace foreshard::op

#include "operator/records/move_record.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "operator/api/conditions.h"
#include "operator/api/enum_names.h"
#include "operator/api/migration_json.h"

namespace foreshard::op {
namespace {

const model::MigrationPhase* Find(const std::vector<model::MigrationPhase>& phases,
                                  std::string_view phase) {
  const auto found = std::find_if(phases.begin(), phases.end(),
                                  [phase](const auto& one) { return one.phase == phase; });
  return found == phases.end() ? nullptr : &*found;
}

std::int64_t CopyRateOf(const MoveRecord& record) {
  const model::MigrationPhase* copying = Find(record.phases, "Copying");
  if (copying == nullptr || copying->millis <= 0) return 0;
  return static_cast<std::int64_t>(static_cast<double>(record.bytes) * 1e3 /
                                   static_cast<double>(copying->millis));
}

// Planned tells how it was in the half hour before.
std::int64_t CopyP99PercentOf(const MoveRecord& record) {
  const model::MigrationPhase* before = Find(record.phases, "Planned");
  const model::MigrationPhase* copying = Find(record.phases, "Copying");
  if (before == nullptr || copying == nullptr || before->p99_micros <= 0 || copying->p99_micros < 0)
    return -1;
  return copying->p99_micros * 100 / before->p99_micros;
}

}  // namespace

MoveRecord RecordOf(const model::ShardMigration& migration) {
  const model::ShardMigrationStatus& status = migration.status;
  CHECK(IsTerminal(status), "a migration that is not over has no record", migration.name);
  MoveRecord record{.migration = migration.name,
                    .uid = migration.uid,
                    .type = std::string(ToText(migration.spec.type)),
                    .source = migration.spec.source.value,
                    .destination = status.destination.value.empty()
                                       ? migration.spec.destination.value
                                       : status.destination.value,
                    .new_shard = migration.spec.destination.value.empty(),
                    .rehearsal = migration.spec.rehearse,
                    .outcome = status.phase,
                    .reason = {},
                    .start_time = status.start_time,
                    .cutover_time = {},
                    .completion_time = status.completion_time,
                    .rows = status.progress.copied_rows,
                    .bytes = status.progress.copied_bytes,
                    .attempts = status.attempt,
                    .phases = status.phases};
  for (const char* type : {"Aborted", "Failed"}) {
    const model::Condition* why = FindCondition(status.conditions, type);
    if (why != nullptr && why->status == "True") record.reason = why->reason;
  }
  const model::Condition* cut = FindCondition(status.conditions, "CutOver");
  if (cut != nullptr && cut->status == "True") record.cutover_time = cut->last_transition_time;
  if (status.estimate) {
    record.predicted_seconds = status.estimate->duration_seconds;
    record.predicted_p80_seconds = status.estimate->p80_duration_seconds;
  }
  if (status.cutover) record.refused = status.cutover->fenced_retries;
  record.copy_bytes_per_second = CopyRateOf(record);
  record.copy_p99_percent = CopyP99PercentOf(record);
  return record;
}

Value MoveRecordJson(const MoveRecord& record) {
  return Value::Object({{"migration", record.migration},
                        {"uid", record.uid},
                        {"type", record.type},
                        {"source", record.source},
                        {"destination", record.destination},
                        {"newShard", record.new_shard},
                        {"rehearsal", record.rehearsal},
                        {"outcome", record.outcome},
                        {"reason", record.reason},
                        {"startTime", record.start_time},
                        {"cutoverTime", record.cutover_time},
                        {"completionTime", record.completion_time},
                        {"rows", record.rows},
                        {"bytes", record.bytes},
                        {"copyBytesPerSecond", record.copy_bytes_per_second},
                        {"predictedSeconds", record.predicted_seconds},
                        {"predictedP80Seconds", record.predicted_p80_seconds},
                        {"attempts", record.attempts},
                        {"refused", record.refused},
                        {"copyP99Percent", record.copy_p99_percent},
                        {"phases", PhasesJson(record.phases)}});
}

Result<MoveRecord> ReadMoveRecord(const Value& json) {
  MoveRecord record{.migration = json["migration"].Text(),
                    .uid = json["uid"].Text(),
                    .type = json["type"].Text(),
                    .source = json["source"].Text(),
                    .destination = json["destination"].Text(),
                    .new_shard = json["newShard"].Bool(),
                    .rehearsal = json["rehearsal"].Bool(),
                    .outcome = json["outcome"].Text(),
                    .reason = json["reason"].Text(),
                    .start_time = json["startTime"].Text(),
                    .cutover_time = json["cutoverTime"].Text(),
                    .completion_time = json["completionTime"].Text(),
                    .rows = json["rows"].Int(),
                    .bytes = json["bytes"].Int(),
                    .copy_bytes_per_second = json["copyBytesPerSecond"].Int(),
                    .predicted_seconds = json["predictedSeconds"].Int(),
                    .predicted_p80_seconds = json["predictedP80Seconds"].Int(),
                    .attempts = json["attempts"].Int(),
                    .refused = json["refused"].Int(),
                    .copy_p99_percent = json["copyP99Percent"].Int(-1),
                    .phases = ReadPhases(json["phases"])};
  if (record.uid.empty()) return Error::GiveUp("a record without a uid");
  return record;
}

}  // namespace foreshard::op

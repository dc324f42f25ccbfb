#include "operator/api/migration_json.h"

#include "operator/api/conditions.h"
#include "operator/api/duration.h"
#include "operator/api/enum_names.h"
#include "operator/api/fields.h"
#include "operator/api/frame.h"

namespace foreshard::op {
namespace {

constexpr std::size_t kKeysMax = 1'000;

void CheckSpec(const model::ShardMigrationSpec& spec, Problems& problems) {
  using Type = model::MigrationType;
  const bool by_range = spec.type == Type::kSplit || spec.type == Type::kMove;
  const bool by_keys = spec.type == Type::kIsolate || spec.type == Type::kMoveKeys;
  if (by_range && !spec.range)
    problems.Add("spec.range", "", "from and to of what leaves the source");
  if (!by_range && spec.range && (!spec.range->from.empty() || !spec.range->to.empty())) {
    problems.Add("spec.range", model::ToString(*spec.range),
                 "no range; only Split and Move take one");
  }
  if (by_keys && (spec.keys.empty() || spec.keys.size() > kKeysMax)) {
    problems.Add("spec.keys", std::to_string(spec.keys.size()), "1 to 1000 keys");
  }
  if (!by_keys && !spec.keys.empty()) {
    problems.Add("spec.keys", spec.keys.front(), "no keys; only Isolate and MoveKeys take them");
  }
  if (spec.type == Type::kMerge && spec.destination.value.empty()) {
    problems.Add("spec.destination", "", "the shard that takes everything");
  }
  if (spec.source == spec.destination) {
    problems.Add("spec.destination", spec.destination.value, "another shard than the source");
  }
  if (spec.dry_run && spec.rehearse)
    problems.Add("spec.rehearse", "true", "only one of dryRun and rehearse");
}

model::ShardMigrationSpec ReadSpec(const Value& object, Problems& problems) {
  const Fields fields(object, "spec", problems);
  model::ShardMigrationSpec spec;
  spec.shard_set_name = fields.RequiredText("shardSetName");
  spec.type = fields.OneOf("type", Names(kMigrationTypeNames), model::MigrationType::kSplit);
  spec.source = {fields.RequiredText("source")};
  spec.destination = {fields.Text("destination")};
  if (fields.Has("range")) {
    const Fields range = fields.Object("range");
    spec.range = model::KeyRange{range.Text("from"), range.Text("to")};
  }
  spec.keys = fields.TextList("keys");
  spec.deadline = fields.Duration("deadline", std::chrono::hours(6));
  spec.soak = fields.Duration("soak", std::chrono::minutes(10));
  spec.dry_run = fields.Bool("dryRun", false);
  spec.rehearse = fields.Bool("rehearse", false);
  spec.approved = fields.Bool("approved", true);
  spec.paused = fields.Bool("paused", false);
  spec.abort = fields.Bool("abort", false);
  spec.rollback = fields.Bool("rollback", false);
  CheckSpec(spec, problems);
  return spec;
}

model::ShardMigrationStatus ReadStatus(const Value& status) {
  model::ShardMigrationStatus read;
  read.observed_generation = status["observedGeneration"].Int();
  read.number = static_cast<std::int32_t>(status["number"].Int());
  read.record = status["record"].Int();
  read.attempt = static_cast<std::int32_t>(status["attempt"].Int());
  read.phase = status["phase"].Text();
  read.phase_start_time = status["phaseStartTime"].Text();
  read.destination = {status["destination"].Text()};
  if (const Value& range = status["range"]; range.is_object()) {
    read.range = model::KeyRange{range["from"].Text(), range["to"].Text()};
  }
  read.conditions = ParseConditions(status["conditions"]);
  const Value& progress = status["progress"];
  read.progress = {.copied_rows = progress["copiedRows"].Int(),
                   .total_rows_estimate = progress["totalRowsEstimate"].Int(),
                   .copied_bytes = progress["copiedBytes"].Int(),
                   .total_bytes_estimate = progress["totalBytesEstimate"].Int(),
                   .copy_percent = static_cast<int>(progress["copyPercent"].Int(-1)),
                   .copy_rows_per_second = progress["copyRowsPerSecond"].Int(),
                   .copy_seconds_left = progress["copySecondsLeft"].Int(-1),
                   .lag_millis = progress["lagMillis"].Int()};
  if (const Value& cutover = status["cutover"]; cutover.is_object()) {
    read.cutover = model::CutoverStatus{
        .hold_millis = cutover["holdMillis"].Int(),
        .fenced_retries = cutover["fencedRetries"].Int(),
        .routers_acknowledged = static_cast<int>(cutover["routersAcknowledged"].Int()),
        .epoch = cutover["epoch"].Int()};
  }
  if (const Value& estimate = status["estimate"]; estimate.is_object()) {
    read.estimate =
        model::MigrationEstimate{.duration_seconds = estimate["durationSeconds"].Int(),
                                 .p80_duration_seconds = estimate["p80DurationSeconds"].Int()};
  }
  read.phases = ReadPhases(status["phases"]);
  read.start_time = status["startTime"].Text();
  read.completion_time = status["completionTime"].Text();
  read.job_name = status["jobName"].Text();
  return read;
}

Value SpecJson(const model::ShardMigrationSpec& spec) {
  Value json = Value::Object({{"shardSetName", spec.shard_set_name},
                              {"type", ToText(spec.type)},
                              {"source", spec.source.value},
                              {"destination", spec.destination.value},
                              {"keys", Value::OfList(spec.keys)},
                              {"deadline", FormatDuration(spec.deadline)},
                              {"soak", FormatDuration(spec.soak)},
                              {"dryRun", spec.dry_run},
                              {"rehearse", spec.rehearse},
                              {"approved", spec.approved},
                              {"paused", spec.paused},
                              {"abort", spec.abort},
                              {"rollback", spec.rollback}});
  if (spec.range) {
    json.Set("range", Value::Object({{"from", spec.range->from}, {"to", spec.range->to}}));
  }
  return json;
}

Value StatusJson(const model::ShardMigrationStatus& status) {
  const model::MigrationProgress& progress = status.progress;
  Value json = Value::Object({{"observedGeneration", status.observed_generation},
                              {"number", status.number},
                              {"record", status.record},
                              {"attempt", status.attempt},
                              {"phase", status.phase},
                              {"phaseStartTime", status.phase_start_time},
                              {"destination", status.destination.value},
                              {"conditions", ConditionsJson(status.conditions)},
                              {"startTime", status.start_time},
                              {"completionTime", status.completion_time},
                              {"jobName", status.job_name}});
  json.Set("progress", Value::Object({{"copiedRows", progress.copied_rows},
                                      {"totalRowsEstimate", progress.total_rows_estimate},
                                      {"copiedBytes", progress.copied_bytes},
                                      {"totalBytesEstimate", progress.total_bytes_estimate},
                                      {"copyPercent", progress.copy_percent},
                                      {"copyRowsPerSecond", progress.copy_rows_per_second},
                                      {"copySecondsLeft", progress.copy_seconds_left},
                                      {"lagMillis", progress.lag_millis}}));
  if (!status.phases.empty()) json.Set("phases", PhasesJson(status.phases));
  if (status.range) {
    json.Set("range", Value::Object({{"from", status.range->from}, {"to", status.range->to}}));
  }
  if (status.cutover) {
    json.Set("cutover",
             Value::Object({{"holdMillis", status.cutover->hold_millis},
                            {"fencedRetries", status.cutover->fenced_retries},
                            {"routersAcknowledged", status.cutover->routers_acknowledged},
                            {"epoch", status.cutover->epoch}}));
  }
  if (status.estimate) {
    json.Set("estimate",
             Value::Object({{"durationSeconds", status.estimate->duration_seconds},
                            {"p80DurationSeconds", status.estimate->p80_duration_seconds}}));
  }
  return json;
}

Result<model::ShardMigration> Parse(std::string_view text, Problems& problems) {
  const Result<Value> object = ParseJson(text);
  if (!object) return object.error();
  model::ShardMigration migration;
  const Frame frame = FrameOf(*object);
  SetFrame(migration, frame);
  migration.creation_timestamp = frame.creation_timestamp;
  migration.spec = ReadSpec((*object)["spec"], problems);
  migration.status = ReadStatus((*object)["status"]);
  return migration;
}

}  // namespace

Value PhasesJson(const std::vector<model::MigrationPhase>& phases) {
  Value list = Value::Array();
  for (const model::MigrationPhase& one : phases) {
    Value json =
        Value::Object({{"phase", one.phase}, {"visits", one.visits}, {"millis", one.millis}});
    const auto known = [&json](std::string_view name, std::int64_t value) {
      if (value >= 0) json.Set(name, value);
    };
    known("holdMillis", one.hold_millis);
    known("statementsPerSecond", one.statements_per_second);
    known("errorsPerMillion", one.errors_per_million);
    known("p99Micros", one.p99_micros);
    list.Add(std::move(json));
  }
  return list;
}

std::vector<model::MigrationPhase> ReadPhases(const Value& list) {
  std::vector<model::MigrationPhase> phases;
  for (const Value& one : list.Items()) {
    phases.push_back({.phase = one["phase"].Text(),
                      .visits = one["visits"].Int(),
                      .millis = one["millis"].Int(),
                      .hold_millis = one["holdMillis"].Int(-1),
                      .statements_per_second = one["statementsPerSecond"].Int(-1),
                      .errors_per_million = one["errorsPerMillion"].Int(-1),
                      .p99_micros = one["p99Micros"].Int(-1)});
  }
  return phases;
}

Result<model::ShardMigration> ParseShardMigration(std::string_view json) {
  Problems problems;
  Result<model::ShardMigration> migration = Parse(json, problems);
  if (migration && !problems.none()) return problems.AsError();
  return migration;
}

Result<model::ShardMigration> ParseShardMigrationFrame(std::string_view json) {
  Problems ignored;
  return Parse(json, ignored);
}

Value MigrationStatusPatch(const model::ShardMigration& migration,
                           const model::ShardMigrationStatus& status) {
  return Value::Object(
      {{"metadata", Value::Object({{"resourceVersion", migration.resource_version}})},
       {"status", StatusJson(status)}});
}

Value NewMigration(const model::ShardMigration& migration) {
  return Value::Object(
      {{"apiVersion", "foreshard.dev/v1alpha1"},
       {"kind", "ShardMigration"},
       {"metadata", Value::Object({{"name", migration.name},
                                   {"namespace", migration.name_space},
                                   {"labels", Value::Object({{"foreshard.dev/shardset",
                                                              migration.spec.shard_set_name}})}})},
       {"spec", SpecJson(migration.spec)}});
}

bool IsTerminal(const model::ShardMigrationStatus& status) {
  return status.phase == "Completed" || status.phase == "RolledBack" || status.phase == "Aborted" ||
         status.phase == "Failed";
}

}  // namespace foreshard::op

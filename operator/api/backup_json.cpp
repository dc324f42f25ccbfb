#include "operator/api/backup_json.h"

#include <algorithm>

#include "operator/api/conditions.h"

namespace foreshard::op {
namespace {

model::ShardBackup ReadShard(const Value& item) {
  return {.id = {item["id"].Text()},
          .type = item["type"].Text(),
          .label = item["label"].Text(),
          .start_time = item["startTime"].Text(),
          .time = item["time"].Text(),
          .size_bytes = item["sizeBytes"].Int(),
          .repository_bytes = item["repositoryBytes"].Int(),
          .oldest_time = item["oldestTime"].Text()};
}

std::vector<model::ShardBackup> ReadShards(const Value& list) {
  std::vector<model::ShardBackup> shards;
  for (const Value& item : list.Items()) shards.push_back(ReadShard(item));
  std::ranges::sort(shards, {}, &model::ShardBackup::id);
  return shards;
}

Value ShardsJson(const std::vector<model::ShardBackup>& shards) {
  Value::List list;
  for (const model::ShardBackup& shard : shards) {
    list.push_back(Value::Object({{"id", shard.id.value},
                                  {"type", shard.type},
                                  {"label", shard.label},
                                  {"startTime", shard.start_time},
                                  {"time", shard.time},
                                  {"sizeBytes", shard.size_bytes},
                                  {"repositoryBytes", shard.repository_bytes},
                                  {"oldestTime", shard.oldest_time}}));
  }
  return Value(std::move(list));
}

std::optional<model::BackupDone> ReadDone(const Value& done) {
  if (!done.is_object()) return std::nullopt;
  return model::BackupDone{.start_time = done["startTime"].Text(),
                           .time = done["time"].Text(),
                           .size_bytes = done["sizeBytes"].Int(),
                           .repository_bytes = done["repositoryBytes"].Int()};
}

Value DoneJson(const model::BackupDone& done) {
  return Value::Object({{"startTime", done.start_time},
                        {"time", done.time},
                        {"sizeBytes", done.size_bytes},
                        {"repositoryBytes", done.repository_bytes}});
}

model::BackupRun ReadRun(const Value& run) {
  return {.request = run["request"].Text(),
          .type = run["type"].Text() == "Incremental" ? model::BackupType::kIncremental
                                                      : model::BackupType::kFull,
          .start_time = run["startTime"].Text(),
          .done = ReadShards(run["done"]),
          .failures = static_cast<int>(run["failures"].Int()),
          .retry_time = run["retryTime"].Text(),
          .problem = run["problem"].Text()};
}

Value RunJson(const model::BackupRun& run) {
  return Value::Object({{"request", run.request},
                        {"type", ToText(run.type)},
                        {"startTime", run.start_time},
                        {"done", ShardsJson(run.done)},
                        {"failures", run.failures},
                        {"retryTime", run.retry_time},
                        {"problem", run.problem}});
}

std::vector<model::ShardVerification> ReadVerified(const Value& list) {
  std::vector<model::ShardVerification> shards;
  for (const Value& item : list.Items()) {
    shards.push_back({.id = {item["id"].Text()},
                      .time = item["time"].Text(),
                      .label = item["label"].Text(),
                      .point = item["point"].Text(),
                      .rows = item["rows"].Int(),
                      .pages = item["pages"].Int(),
                      .seconds = item["seconds"].Int(),
                      .problem = item["problem"].Text()});
  }
  std::ranges::sort(shards, {}, &model::ShardVerification::id);
  return shards;
}

model::VerificationStatus ReadVerification(const Value& json) {
  model::VerificationStatus read{.request = json["request"].Text(),
                                 .start_time = json["startTime"].Text(),
                                 .time = json["time"].Text(),
                                 .seconds = json["seconds"].Int(),
                                 .due_time = json["dueTime"].Text(),
                                 .shards = ReadVerified(json["shards"]),
                                 .failures = json["failures"].Int(),
                                 .running = {}};
  if (const Value& run = json["running"]; run.is_object()) {
    read.running = model::VerificationRun{.request = run["request"].Text(),
                                          .start_time = run["startTime"].Text(),
                                          .done = {},
                                          .failures = static_cast<int>(run["failures"].Int()),
                                          .retry_time = run["retryTime"].Text(),
                                          .problem = run["problem"].Text()};
    for (const Value& id : run["done"].Items()) read.running->done.push_back({id.Text()});
    std::ranges::sort(read.running->done);
  }
  return read;
}

Value Body(const model::ShardSet& set, Value status) {
  return Value::Object(
      {{"apiVersion", "foreshard.dev/v1alpha1"},
       {"kind", "ShardSet"},
       {"metadata", Value::Object({{"name", set.name}, {"namespace", set.name_space}})},
       {"status", std::move(status)}});
}

}  // namespace

std::string_view ToText(model::BackupType type) {
  switch (type) {
    case model::BackupType::kFull:
      return "Full";
    case model::BackupType::kIncremental:
      return "Incremental";
  }
  Unreachable(type);
}

model::BackupStatus ReadBackup(const Value& backup) {
  model::BackupStatus read{.request = backup["request"].Text(),
                           .last_full = ReadDone(backup["lastFull"]),
                           .last_incremental = ReadDone(backup["lastIncremental"]),
                           .shards = ReadShards(backup["shards"]),
                           .oldest_time = backup["oldestTime"].Text(),
                           .failures = backup["failures"].Int(),
                           .running = {},
                           .last_point = {},
                           .point_problem = backup["pointProblem"].Text()};
  if (backup["running"].is_object()) read.running = ReadRun(backup["running"]);
  if (const Value& point = backup["lastPoint"]; point.is_object()) {
    read.last_point = model::BackupPoint{point["number"].Int(), point["time"].Text()};
  }
  if (const Value& verification = backup["verification"]; verification.is_object())
    read.verification = ReadVerification(verification);
  return read;
}

Value BackupJson(const model::BackupStatus& backup) {
  Value json = Value::Object({{"request", backup.request},
                              {"shards", ShardsJson(backup.shards)},
                              {"oldestTime", backup.oldest_time},
                              {"failures", backup.failures}});
  if (backup.last_full) json.Set("lastFull", DoneJson(*backup.last_full));
  if (backup.last_incremental) json.Set("lastIncremental", DoneJson(*backup.last_incremental));
  if (backup.running) json.Set("running", RunJson(*backup.running));
  return json;
}

Value BackupStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status) {
  Value body = Value::Object();
  if (status.backup) body.Set("backup", BackupJson(*status.backup));
  const model::Condition* condition = FindCondition(status.conditions, kBackupCondition);
  if (condition != nullptr) body.Set("conditions", Value::Array({ConditionJson(*condition)}));
  return Body(set, std::move(body));
}

Value VerificationJson(const model::VerificationStatus& verification) {
  Value::List shards;
  for (const model::ShardVerification& shard : verification.shards) {
    shards.push_back(Value::Object({{"id", shard.id.value},
                                    {"time", shard.time},
                                    {"label", shard.label},
                                    {"point", shard.point},
                                    {"rows", shard.rows},
                                    {"pages", shard.pages},
                                    {"seconds", shard.seconds},
                                    {"problem", shard.problem}}));
  }
  Value json = Value::Object({{"request", verification.request},
                              {"startTime", verification.start_time},
                              {"time", verification.time},
                              {"seconds", verification.seconds},
                              {"dueTime", verification.due_time},
                              {"shards", Value(std::move(shards))},
                              {"failures", verification.failures}});
  if (!verification.running) return json;
  const model::VerificationRun& run = *verification.running;
  Value::List done;
  for (const model::ShardId& id : run.done) done.emplace_back(id.value);
  json.Set("running", Value::Object({{"request", run.request},
                                     {"startTime", run.start_time},
                                     {"done", Value(std::move(done))},
                                     {"failures", run.failures},
                                     {"retryTime", run.retry_time},
                                     {"problem", run.problem}}));
  return json;
}

Value VerificationStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status) {
  Value body = Value::Object();
  if (status.backup && status.backup->verification) {
    body.Set("backup", Value::Object(
                           {{"verification", VerificationJson(*status.backup->verification)}}));
  }
  const model::Condition* condition = FindCondition(status.conditions, kVerifiedCondition);
  if (condition != nullptr) body.Set("conditions", Value::Array({ConditionJson(*condition)}));
  return Body(set, std::move(body));
}

Value PointStatusApply(const model::ShardSet& set, const model::BackupStatus& backup) {
  Value json = Value::Object({{"pointProblem", backup.point_problem}});
  if (backup.last_point) {
    json.Set("lastPoint", Value::Object({{"number", backup.last_point->number},
                                         {"time", backup.last_point->time}}));
  }
  return Body(set, Value::Object({{"backup", std::move(json)}}));
}

}  // namespace foreshard::op

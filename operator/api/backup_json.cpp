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

Value PointStatusApply(const model::ShardSet& set, const model::BackupStatus& backup) {
  Value json = Value::Object({{"pointProblem", backup.point_problem}});
  if (backup.last_point) {
    json.Set("lastPoint", Value::Object({{"number", backup.last_point->number},
                                         {"time", backup.last_point->time}}));
  }
  return Body(set, Value::Object({{"backup", std::move(json)}}));
}

}  // namespace foreshard::op

#include "operator/api/shard_set_json.h"

#include <algorithm>
#include <array>

#include "operator/api/audit_json.h"
#include "operator/api/backup_json.h"
#include "operator/api/conditions.h"
#include "operator/api/fields.h"
#include "operator/api/frame.h"
#include "operator/api/shard_set_spec.h"

namespace foreshard::op {
namespace {

constexpr std::array<std::string_view, 3> kScalingConditions = {"ForecastTrusted", "MetricsFresh",
                                                                "PlanBlocked"};

std::optional<int> OptionalInt(const Value& value) {
  if (!value.is_int()) return std::nullopt;
  return static_cast<int>(value.Int());
}

std::vector<std::string> TextsOf(const Value& list) {
  std::vector<std::string> texts;
  for (const Value& item : list.Items()) texts.push_back(item.Text());
  return texts;
}

model::ShardStatus ReadShardStatus(const Value& item) {
  return {.id = {item["id"].Text()},
          .ready = item["ready"].Bool(),
          .primary = item["primary"].Text(),
          .members = static_cast<int>(item["members"].Int()),
          .ranges = TextsOf(item["ranges"]),
          .size_bytes = item["sizeBytes"].Int(),
          .reason = item["reason"].Text(),
          .cpu_percent = OptionalInt(item["cpuPercent"]),
          .load_score_percent = OptionalInt(item["loadScorePercent"]),
          .forecast_peak_percent = OptionalInt(item["forecastPeakPercent"]),
          .forecast_peak_time = item["forecastPeakTime"].Text()};
}

model::PlanStatus ReadPlan(const Value& plan) {
  model::PlanStatus read{.time = plan["time"].Text(),
                         .steps = {},
                         .summary = plan["summary"].Text(),
                         .decision = plan["decision"].Text()};
  for (const Value& step : plan["steps"].Items()) {
    read.steps.push_back({.type = step["type"].Text(),
                          .shard = {step["shard"].Text()},
                          .at = step["at"].Text(),
                          .start_time = step["startTime"].Text(),
                          .reason = step["reason"].Text()});
  }
  return read;
}

model::ShardSetStatus ReadStatus(const Value& status) {
  model::ShardSetStatus read;
  read.observed_generation = status["observedGeneration"].Int();
  read.shards = static_cast<int>(status["shards"].Int());
  read.ready_shards = static_cast<int>(status["readyShards"].Int());
  read.members = static_cast<int>(status["members"].Int());
  read.router_replicas = static_cast<int>(status["routerReplicas"].Int());
  read.router_selector = status["routerSelector"].Text();
  read.epoch = status["epoch"].Int();
  read.endpoint = status["endpoint"].Text();
  read.secret_name = status["secretName"].Text();
  read.conditions = ParseConditions(status["conditions"]);
  for (const Value& item : status["shardStatuses"].Items()) {
    read.shard_statuses.push_back(ReadShardStatus(item));
  }
  for (const Value& item : status["orphanedShards"].Items()) {
    read.orphaned_shards.push_back({{item["id"].Text()}, item["reason"].Text()});
  }
  // Server-side apply keeps the server's order of list maps; ours is by name, so that the same
  // status compares equal.
  std::ranges::sort(read.conditions, {}, &model::Condition::type);
  std::ranges::sort(read.shard_statuses, {}, &model::ShardStatus::id);
  std::ranges::sort(read.orphaned_shards, {}, &model::OrphanedShard::id);
  if (status["plan"].is_object()) read.plan = ReadPlan(status["plan"]);
  if (status["audit"].is_object()) read.audit = ReadAudit(status["audit"]);
  if (status["backup"].is_object()) read.backup = ReadBackup(status["backup"]);
  return read;
}

Value StatusApply(const model::ShardSet& set, Value status) {
  return Value::Object(
      {{"apiVersion", "foreshard.dev/v1alpha1"},
       {"kind", "ShardSet"},
       {"metadata", Value::Object({{"name", set.name}, {"namespace", set.name_space}})},
       {"status", std::move(status)}});
}

Value ConditionsWhere(const std::vector<model::Condition>& conditions, bool scaling) {
  Value::List list;
  for (const model::Condition& condition : conditions) {
    // Of managers of their own.
    if (condition.type == kAuditCondition || condition.type == kBackupCondition ||
        condition.type == kVerifiedCondition)
      continue;
    if (IsScalingCondition(condition.type) == scaling) list.push_back(ConditionJson(condition));
  }
  return Value(std::move(list));
}

Value FleetShardStatus(const model::ShardStatus& shard) {
  return Value::Object({{"id", shard.id.value},
                        {"ready", shard.ready},
                        {"primary", shard.primary},
                        {"members", shard.members},
                        {"ranges", Value::OfList(shard.ranges)},
                        {"sizeBytes", shard.size_bytes},
                        {"reason", shard.reason}});
}

Value ScalingShardStatus(const model::ShardStatus& shard) {
  Value item = Value::Object({{"id", shard.id.value}});
  if (shard.cpu_percent) item.Set("cpuPercent", *shard.cpu_percent);
  if (shard.load_score_percent) item.Set("loadScorePercent", *shard.load_score_percent);
  if (shard.forecast_peak_percent) item.Set("forecastPeakPercent", *shard.forecast_peak_percent);
  if (!shard.forecast_peak_time.empty()) item.Set("forecastPeakTime", shard.forecast_peak_time);
  return item;
}

Value PlanJson(const model::PlanStatus& plan) {
  Value::List steps;
  for (const model::PlanStep& step : plan.steps) {
    steps.push_back(Value::Object({{"type", step.type},
                                   {"shard", step.shard.value},
                                   {"at", step.at},
                                   {"startTime", step.start_time},
                                   {"reason", step.reason}}));
  }
  return Value::Object({{"time", plan.time},
                        {"steps", Value(std::move(steps))},
                        {"summary", plan.summary},
                        {"decision", plan.decision}});
}

}  // namespace

bool IsScalingCondition(std::string_view type) {
  return std::ranges::find(kScalingConditions, type) != kScalingConditions.end();
}

Result<model::ShardSet> ParseShardSetFrame(std::string_view json) {
  const Result<Value> object = ParseJson(json);
  if (!object) return object.error();
  model::ShardSet set;
  SetFrame(set, FrameOf(*object));
  set.status = ReadStatus((*object)["status"]);
  return set;
}

Result<model::ShardSet> ParseShardSet(std::string_view json) {
  const Result<Value> object = ParseJson(json);
  if (!object) return object.error();
  model::ShardSet set;
  SetFrame(set, FrameOf(*object));
  set.status = ReadStatus((*object)["status"]);
  Problems problems;
  set.spec = ReadShardSetSpec((*object)["spec"], problems);
  if (const auto shared = SharesItsPlace(set))
    problems.Add(shared->path, set.spec.backup->s3->path, shared->accepted);
  if (!problems.none()) return problems.AsError();
  return set;
}

Result<model::LoadEvent> ParseLoadEvent(std::string_view json) {
  const Result<Value> object = ParseJson(json);
  if (!object) return object.error();
  Problems problems;
  const Fields spec((*object)["spec"], "spec", problems);
  model::LoadEvent event;
  const Frame frame = FrameOf(*object);
  event.name_space = frame.name_space;
  event.name = frame.name;
  event.generation = frame.generation;
  event.conditions = ParseConditions((*object)["status"]["conditions"]);
  event.shard_set_name = spec.RequiredText("shardSetName");
  event.event_class = spec.RequiredText("class");
  event.start = spec.RequiredText("start");
  event.duration = spec.Duration("duration", std::chrono::milliseconds(0));
  event.recurrence = spec.Text("recurrence");
  event.time_zone = spec.Text("timeZone", "UTC");
  event.before = spec.Duration("before", std::chrono::milliseconds(0));
  event.after = spec.Duration("after", std::chrono::milliseconds(0));
  if (spec.Has("expectedMultiplierPercent")) {
    event.expected_multiplier_percent =
        spec.Small("expectedMultiplierPercent", 100, {.least = 1, .most = 100'000});
  }
  const Fields scope = spec.Object("scope");
  for (const std::string& shard : scope.TextList("shards")) event.shards.push_back({shard});
  event.keys = scope.TextList("keys");
  if (!problems.none()) return problems.AsError();
  return event;
}

Value LoadEventStatusApply(const model::LoadEvent& event, const model::Condition& condition) {
  return Value::Object(
      {{"apiVersion", "foreshard.dev/v1alpha1"},
       {"kind", "LoadEvent"},
       {"metadata", Value::Object({{"name", event.name}, {"namespace", event.name_space}})},
       {"status", Value::Object({{"observedGeneration", event.generation},
                                 {"conditions", ConditionsJson({condition})}})}});
}

Value FleetStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status) {
  Value::List shards;
  for (const model::ShardStatus& shard : status.shard_statuses)
    shards.push_back(FleetShardStatus(shard));
  Value::List orphans;
  for (const model::OrphanedShard& orphan : status.orphaned_shards) {
    orphans.push_back(Value::Object({{"id", orphan.id.value}, {"reason", orphan.reason}}));
  }
  return StatusApply(set, Value::Object({{"observedGeneration", status.observed_generation},
                                         {"shards", status.shards},
                                         {"readyShards", status.ready_shards},
                                         {"members", status.members},
                                         {"routerReplicas", status.router_replicas},
                                         {"routerSelector", status.router_selector},
                                         {"epoch", status.epoch},
                                         {"endpoint", status.endpoint},
                                         {"secretName", status.secret_name},
                                         {"conditions", ConditionsWhere(status.conditions, false)},
                                         {"shardStatuses", Value(std::move(shards))},
                                         {"orphanedShards", Value(std::move(orphans))}}));
}

Value ScalingStatusApply(const model::ShardSet& set, const model::ShardSetStatus& status) {
  Value::List shards;
  std::optional<int> peak;
  for (const model::ShardStatus& shard : status.shard_statuses) {
    shards.push_back(ScalingShardStatus(shard));
    if (shard.forecast_peak_percent)
      peak = std::max(peak.value_or(0), *shard.forecast_peak_percent);
  }
  Value body = Value::Object({{"conditions", ConditionsWhere(status.conditions, true)},
                              {"shardStatuses", Value(std::move(shards))}});
  if (peak) body.Set("forecastPeakPercent", *peak);
  if (status.plan) body.Set("plan", PlanJson(*status.plan));
  return StatusApply(set, std::move(body));
}

}  // namespace foreshard::op

#include "cli/plugin/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/plugin/output.h"
#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"

namespace foreshard::plugin {

namespace {

using Json = nlohmann::ordered_json;

std::string Percent(const std::optional<int>& percent) {
  return percent ? fmt::format("{} %", *percent) : "?";
}

const model::Condition* Find(const model::ShardSet& set, std::string_view type) {
  for (const model::Condition& condition : set.status.conditions) {
    if (condition.type == type) return &condition;
  }
  return nullptr;
}

std::string ModeName(model::ScalingMode mode) {
  switch (mode) {
    case model::ScalingMode::kOff:
      return "Off";
    case model::ScalingMode::kObserve:
      return "Observe";
    case model::ScalingMode::kRecommend:
      return "Recommend";
    case model::ScalingMode::kAuto:
      return "Auto";
  }
  Unreachable(mode);
}

std::string ConditionLines(const model::ShardSet& set) {
  std::string text;
  for (const model::Condition& condition : set.status.conditions) {
    text += fmt::format("  {:<16} {:<8} {}{}\n", condition.type, condition.status, condition.reason,
                        condition.message.empty() ? "" : ": " + condition.message);
  }
  return text;
}

std::string ShardLines(const model::ShardSet& set) {
  std::string text = fmt::format("  {:<12} {:<6} {:>7} {:>6} {:>6} {:>10} {:>21}  {}\n", "shard",
                                 "ready", "members", "cpu", "score", "peak", "at", "ranges");
  for (const model::ShardStatus& shard : set.status.shard_statuses) {
    text += fmt::format("  {:<12} {:<6} {:>7} {:>6} {:>6} {:>10} {:>21}  {}{}\n", shard.id,
                        shard.ready ? "yes" : "no", shard.members, Percent(shard.cpu_percent),
                        Percent(shard.load_score_percent), Percent(shard.forecast_peak_percent),
                        shard.forecast_peak_time.empty() ? "?" : shard.forecast_peak_time,
                        fmt::join(shard.ranges, " "),
                        shard.reason.empty() ? "" : "  (" + shard.reason + ")");
  }
  return text;
}

std::string WideLines(const model::ShardSet& set) {
  constexpr int kWidth = 30;
  std::string text;
  for (const model::ShardStatus& shard : set.status.shard_statuses) {
    text += fmt::format("  {:<12} {} {:>12} bytes  {}\n", shard.id,
                        shard.cpu_percent
                            ? Bar(*shard.cpu_percent, set.spec.scaling.limit_cpu_percent, kWidth)
                            : std::string(kWidth, ' '),
                        shard.size_bytes, shard.primary.empty() ? "no primary" : shard.primary);
  }
  return text;
}

std::string CopyText(const model::MigrationProgress& progress) {
  if (progress.copy_percent < 0) return "";
  std::string text = fmt::format(", {} % copied", progress.copy_percent);
  if (progress.copy_seconds_left > 0)
    text += fmt::format(", about {} s left at {} rows/s", progress.copy_seconds_left,
                        progress.copy_rows_per_second);
  return text;
}

std::string MigrationLines(const SetView& view, bool wide) {
  std::string text;
  for (const model::ShardMigration& migration : view.migrations) {
    if (op::IsTerminal(migration.status) && !wide) continue;
    text += fmt::format("  {}: {}{}{}\n", migration.name,
                        migration.status.phase.empty() ? "not started" : migration.status.phase,
                        CopyText(migration.status.progress),
                        migration.spec.approved ? "" : ", waits for approval");
  }
  return text;
}

Json StepsJson(const model::PlanStatus& plan) {
  Json steps = Json::array();
  for (const model::PlanStep& step : plan.steps) {
    steps.push_back({{"type", step.type},
                     {"shard", step.shard.value},
                     {"at", step.at},
                     {"startTime", step.start_time},
                     {"reason", step.reason}});
  }
  return steps;
}

}  // namespace

Result<SetView> ReadSet(kube::KubeApi& api, const kube::ObjectRef& ref, Deadline deadline) {
  const auto object = api.Get(kube::kShardSets, ref, deadline);
  if (!object) return object.error();
  if (!*object) {
    return Error::GiveUp(
        fmt::format("there is no shardset {} in namespace {}", ref.name, ref.name_space),
        "NotFound");
  }
  SetView view;
  Result<model::ShardSet> set = op::ParseShardSet((*object)->json);
  if (!set) return set.error();
  view.set = *std::move(set);
  const auto table = api.Get(kube::kRoutingTables, ref, deadline);
  if (!table) return table.error();
  if (*table) {
    Result<model::RoutingTable> parsed =
        op::ParseRoutingTable((*table)->json, view.set.spec.sharding.key_space);
    if (!parsed) return parsed.error();
    view.table = *std::move(parsed);
  }
  const auto migrations =
      api.List(kube::kShardMigrations, {.name_space = ref.name_space}, deadline);
  if (!migrations) return migrations.error();
  for (const kube::Object& item : migrations->items) {
    const Result<model::ShardMigration> migration = op::ParseShardMigrationFrame(item.json);
    if (migration && migration->spec.shard_set_name == ref.name)
      view.migrations.push_back(*migration);
  }
  std::stable_sort(view.migrations.begin(), view.migrations.end(),
                   [](const model::ShardMigration& a, const model::ShardMigration& b) {
                     return a.creation_timestamp > b.creation_timestamp;
                   });
  return view;
}

Result<model::KeyRange> RangeAbove(const SetView& view, const model::ShardId& shard,
                                   const std::string& at) {
  if (!view.table)
    return Error::GiveUp("there is no routing table yet: the set is not up", "NotFound");
  const model::KeySpace& space = view.table->key_space;
  const Result<std::string> bound = model::CanonicalBound(space, at);
  if (!bound) return bound.error();
  for (const model::KeyRange& range : model::RangesOf(*view.table, shard)) {
    const bool above = range.from.empty() || model::CompareBounds(space, *bound, range.from) > 0;
    const bool below = range.to.empty() || model::CompareBounds(space, *bound, range.to) < 0;
    if (!bound->empty() && above && below) return model::KeyRange{.from = *bound, .to = range.to};
  }
  return Error::GiveUp(fmt::format("{} lies inside no range of shard {}", at, shard), "NotFound");
}

std::string StatusText(const SetView& view, bool wide) {
  const model::ShardSet& set = view.set;
  std::string text =
      fmt::format("{}/{}: {} of {} shards ready, {} members, epoch {}, mode {}\n", set.name_space,
                  set.name, set.status.ready_shards, set.status.shards, set.status.members,
                  set.status.epoch, ModeName(set.spec.scaling.mode));
  if (!set.status.endpoint.empty()) text += fmt::format("endpoint {}\n", set.status.endpoint);
  text += "\n" + ConditionLines(set) + "\n" + ShardLines(set);
  for (const model::OrphanedShard& orphan : set.status.orphaned_shards)
    text += fmt::format("  {:<12} orphaned: {}\n", orphan.id, orphan.reason);
  if (wide) text += "\n" + WideLines(set);
  const std::string running = MigrationLines(view, wide);
  text += running.empty() ? "\nno migration runs\n" : "\nmigrations\n" + running;
  if (set.status.plan) text += fmt::format("\nplan: {}\n", set.status.plan->summary);
  return text;
}

std::string StatusJson(const SetView& view) {
  const model::ShardSet& set = view.set;
  Json json{{"namespace", set.name_space},
            {"name", set.name},
            {"shards", set.status.shards},
            {"readyShards", set.status.ready_shards},
            {"members", set.status.members},
            {"epoch", set.status.epoch},
            {"mode", ModeName(set.spec.scaling.mode)},
            {"endpoint", set.status.endpoint}};
  json["conditions"] = Json::array();
  for (const model::Condition& condition : set.status.conditions) {
    json["conditions"].push_back({{"type", condition.type},
                                  {"status", condition.status},
                                  {"reason", condition.reason},
                                  {"message", condition.message}});
  }
  json["shardStatuses"] = Json::array();
  for (const model::ShardStatus& shard : set.status.shard_statuses) {
    Json one{{"id", shard.id.value},
             {"ready", shard.ready},
             {"members", shard.members},
             {"ranges", shard.ranges},
             {"sizeBytes", shard.size_bytes}};
    if (shard.cpu_percent) one["cpuPercent"] = *shard.cpu_percent;
    if (shard.load_score_percent) one["loadScorePercent"] = *shard.load_score_percent;
    if (shard.forecast_peak_percent) {
      one["forecastPeakPercent"] = *shard.forecast_peak_percent;
      one["forecastPeakTime"] = shard.forecast_peak_time;
    }
    json["shardStatuses"].push_back(one);
  }
  json["migrations"] = Json::array();
  for (const model::ShardMigration& migration : view.migrations) {
    json["migrations"].push_back({{"name", migration.name},
                                  {"phase", migration.status.phase},
                                  {"approved", migration.spec.approved},
                                  {"copyPercent", migration.status.progress.copy_percent},
                                  {"copyRowsPerSecond",
                                   migration.status.progress.copy_rows_per_second},
                                  {"copySecondsLeft",
                                   migration.status.progress.copy_seconds_left}});
  }
  return json.dump(2);
}

std::vector<std::string> WhatWouldChange(const SetView& view) {
  std::vector<std::string> changes;
  const model::ShardSet& set = view.set;
  if (!set.status.plan) return changes;
  const std::string& decision = set.status.plan->decision;
  const model::ScalingSpec& scaling = set.spec.scaling;
  int highest = -1;
  for (const model::ShardStatus& shard : set.status.shard_statuses)
    highest = std::max(highest, shard.forecast_peak_percent.value_or(-1));
  if (decision == "NoChange" && highest >= 0) {
    changes.push_back(fmt::format(
        "a forecast peak (p{}) above {} % (spec.scaling.limitCpuPercent), or a median above {} % "
        "(targetCpuPercent); the highest peak now is {} %",
        scaling.plan_quantile_percent, scaling.limit_cpu_percent, scaling.target_cpu_percent,
        highest));
    changes.push_back(fmt::format("measured CPU above {} % (spec.scaling.limitCpuPercent)",
                                  scaling.limit_cpu_percent));
  }
  if (decision == "Recommended")
    changes.push_back("approval: kubectl foreshard approve MIGRATION, or spec.scaling.mode: Auto");
  if (decision == "Waiting") changes.push_back("time: it starts by itself, see startTime");
  if (decision == "Blocked") {
    changes.push_back(fmt::format(
        "the end of what blocks it, as the summary says; limits in force: maxShards {}, coolDown "
        "{} s, maxConcurrentMigrations {}, maxMovedBytesPerHour {}",
        scaling.max_shards,
        std::chrono::duration_cast<std::chrono::seconds>(scaling.cool_down).count(),
        scaling.max_concurrent_migrations, scaling.max_moved_bytes_per_hour));
  }
  for (const char* type : {"ForecastTrusted", "MetricsFresh"}) {
    const model::Condition* condition = Find(set, type);
    if (condition != nullptr && condition->status == "False")
      changes.push_back(
          fmt::format("{} becoming True; now: {} {}", type, condition->reason, condition->message));
  }
  return changes;
}

std::string PlanText(const SetView& view) {
  const model::ShardSet& set = view.set;
  if (!set.status.plan) {
    return fmt::format("no plan yet: mode {}, and the operator has not published one\n",
                       ModeName(set.spec.scaling.mode));
  }
  const model::PlanStatus& plan = *set.status.plan;
  std::string text = fmt::format("{} ({}, mode {})\n{}\n", plan.decision, plan.time,
                                 ModeName(set.spec.scaling.mode), plan.summary);
  for (const model::PlanStep& step : plan.steps) {
    text += fmt::format("  {} {}{} at {}: {}\n", step.type, step.shard,
                        step.at.empty() ? "" : " at key position " + step.at, step.start_time,
                        step.reason);
  }
  const std::vector<std::string> changes = WhatWouldChange(view);
  if (!changes.empty()) text += "What would change this:\n";
  for (const std::string& change : changes) text += fmt::format("  - {}\n", change);
  return text;
}

std::string PlanJson(const SetView& view) {
  Json json{{"namespace", view.set.name_space},
            {"name", view.set.name},
            {"mode", ModeName(view.set.spec.scaling.mode)}};
  if (!view.set.status.plan) {
    json["plan"] = nullptr;
    return json.dump(2);
  }
  const model::PlanStatus& plan = *view.set.status.plan;
  json["plan"] = {{"time", plan.time},
                  {"decision", plan.decision},
                  {"summary", plan.summary},
                  {"steps", StepsJson(plan)}};
  json["whatWouldChange"] = WhatWouldChange(view);
  return json.dump(2);
}

}  // namespace foreshard::plugin

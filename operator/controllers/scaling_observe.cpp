#include "operator/controllers/scaling_observe.h"

#include <algorithm>

#include "kube/kinds.h"
#include "operator/api/migration_json.h"
#include "operator/api/routing_table_json.h"
#include "operator/api/shard_set_json.h"
#include "operator/builders/annotations.h"

namespace foreshard::op {

namespace {

using namespace std::chrono_literals;

// A scrape needs a moment to be stored; a bin that ended less than this ago is not yet complete.
constexpr auto kScrapeSettles = 1500ms;
constexpr auto kMetricsTimeLimit = 20s;
constexpr auto kHeatTimeLimit = 3s;

Status ReadMigrations(kube::KubeApi& kube, const kube::ObjectRef& ref, Deadline deadline,
                      ScalingObservation& seen) {
  const Result<kube::ObjectList> list =
      kube.List(kube::kShardMigrations, {.name_space = ref.name_space}, deadline);
  if (!list) return list.error();
  for (const kube::Object& object : list->items) {
    Result<model::ShardMigration> migration = ParseShardMigrationFrame(object.json);
    if (!migration || migration->spec.shard_set_name != ref.name) continue;
    seen.migrations.push_back(*std::move(migration));
  }
  std::stable_sort(seen.migrations.begin(), seen.migrations.end(),
                   [](const model::ShardMigration& a, const model::ShardMigration& b) {
                     return a.creation_timestamp < b.creation_timestamp;
                   });
  return Ok();
}

Status ReadEvents(kube::KubeApi& kube, const kube::ObjectRef& ref, Deadline deadline,
                  ScalingObservation& seen) {
  const Result<kube::ObjectList> list =
      kube.List(kube::kLoadEvents, {.name_space = ref.name_space}, deadline);
  if (!list) return list.error();
  for (const kube::Object& object : list->items) {
    Result<model::LoadEvent> event = ParseLoadEvent(object.json);
    if (event && event->shard_set_name == ref.name) seen.events.push_back(*std::move(event));
  }
  return Ok();
}

Status ReadTable(kube::KubeApi& kube, const kube::ObjectRef& ref, Deadline deadline,
                 ScalingObservation& seen) {
  const auto object = kube.Get(kube::kRoutingTables, ref, deadline);
  if (!object) return object.error();
  if (!*object) return Ok();
  Result<model::RoutingTable> table =
      ParseRoutingTable((*object)->json, seen.set.spec.sharding.key_space);
  if (!table) return table.error();
  const Status valid = model::Validate(*table);
  if (!valid) return valid;
  seen.table = *std::move(table);
  return Ok();
}

void ChooseBins(const Clock& clock, ScalingObservation& seen) {
  seen.wall = clock.Wall();
  seen.bin = BinOf(seen.set);
  seen.now = NewestBin(seen.set, seen.wall);
  const auto bins = seen.set.spec.metrics.history /
                    std::chrono::duration_cast<std::chrono::milliseconds>(seen.bin);
  seen.first = seen.now - std::max<model::BinIndex>(bins, 1) + 1;
}

void ReadMetrics(Metrics& metrics, const Clock& clock, const kube::ObjectRef& ref,
                 Deadline deadline, ScalingObservation& seen) {
  const MetricsTarget target{.name_space = ref.name_space,
                             .shard_set = ref.name,
                             .selector = seen.set.spec.metrics.selector,
                             .bin = seen.bin};
  const Deadline limit = deadline.Within(clock, kMetricsTimeLimit);
  const auto statements = metrics.QueryRange(
      BinsQuery(StatementRateExpression(target), seen.bin, seen.first, seen.now), limit);
  if (!statements) {
    seen.metrics_problem = statements.error().message;
    return;
  }
  const auto measured = metrics.QueryRange(
      BinsQuery(MeasuredRateExpression(target), seen.bin, seen.first, seen.now), limit);
  if (!measured) {
    seen.metrics_problem = measured.error().message;
    return;
  }
  const auto cpu =
      metrics.QueryRange(BinsQuery(CpuExpression(target), seen.bin, seen.first, seen.now), limit);
  if (!cpu) {
    seen.metrics_problem = cpu.error().message;
    return;
  }
  std::map<model::ShardId, std::string> primaries;
  for (const model::ShardStatus& shard : seen.set.status.shard_statuses) {
    if (!shard.primary.empty()) primaries[shard.id] = shard.primary;
  }
  seen.demand = DemandByShard(*statements, seen.bin, seen.first, seen.now);
  seen.measured = DemandByShard(*measured, seen.bin, seen.first, seen.now);
  seen.cores = CoresByShard(*cpu, primaries, seen.bin, seen.first, seen.now);
  seen.metrics_read = true;
}

}  // namespace

Result<std::optional<model::ShardSet>> ReadShardSet(kube::KubeApi& kube, const kube::ObjectRef& ref,
                                                    Deadline deadline) {
  const auto object = kube.Get(kube::kShardSets, ref, deadline);
  if (!object) return object.error();
  if (!*object) return std::optional<model::ShardSet>();
  const auto pause = (*object)->metadata.annotations.find(kPauseAnnotation);
  if (pause != (*object)->metadata.annotations.end() && pause->second == "true")
    return std::optional<model::ShardSet>();
  Result<model::ShardSet> set = ParseShardSet((*object)->json);
  if (!set) return std::optional<model::ShardSet>();
  return std::optional<model::ShardSet>(*std::move(set));
}

std::chrono::seconds BinOf(const model::ShardSet& set) {
  return std::max(std::chrono::duration_cast<std::chrono::seconds>(set.spec.scaling.bin),
                  std::chrono::seconds(1));
}

model::BinIndex NewestBin(const model::ShardSet& set, WallTime now) {
  const auto settled = now.time_since_epoch() - kScrapeSettles;
  return std::chrono::duration_cast<std::chrono::seconds>(settled) / BinOf(set) - 1;
}

Result<ScalingObservation> ObserveScaling(const ScalingSources& sources, model::ShardSet set,
                                          Deadline deadline) {
  ScalingObservation seen;
  seen.set = std::move(set);
  const kube::ObjectRef ref{seen.set.name_space, seen.set.name};
  ChooseBins(sources.clock, seen);
  if (seen.set.deleting || seen.set.spec.scaling.mode == model::ScalingMode::kOff) return seen;
  const Status table = ReadTable(sources.kube, ref, deadline, seen);
  if (!table) return table.error();
  const Status migrations = ReadMigrations(sources.kube, ref, deadline, seen);
  if (!migrations) return migrations.error();
  const Status events = ReadEvents(sources.kube, ref, deadline, seen);
  if (!events) return events.error();
  if (!seen.table) return seen;
  ReadMetrics(sources.metrics, sources.clock, ref, deadline, seen);
  auto heat = sources.heat.ReadHeat(ref.name_space, ref.name, seen.table->key_space,
                                    deadline.Within(sources.clock, kHeatTimeLimit));
  if (heat)
    seen.heat = *std::move(heat);  // without heat there is no split point, and the plan says so
  return seen;
}

}  // namespace foreshard::op

#include "operator/forecasts/lineage.h"

#include <algorithm>
#include <optional>

#include "operator/api/conditions.h"

namespace foreshard::op {

namespace {

constexpr double kUnknownShare = 0.5;
constexpr std::size_t kBinsToMeasure =
    1;  // whole bins after the cutover that a measured share needs

double Sum(const model::DemandPoint& point) {
  return point[model::DemandKind::kReads] + point[model::DemandKind::kWrites];
}

bool HasDemandBefore(const ShardDemand& demand, std::size_t end) {
  for (std::size_t i = 0; i < end; ++i) {
    if (demand.known[i] && Sum(demand.points[i]) > 0) return true;
  }
  return false;
}

// The destination's share of what both did after bin `at`; nothing while there is too little.
std::optional<double> MeasuredShare(const ShardDemand& source, const ShardDemand& destination,
                                    std::size_t at) {
  double left = 0;
  double stayed = 0;
  std::size_t bins = 0;
  for (std::size_t i = at + 1; i < source.points.size(); ++i) {
    if (!source.known[i] || !destination.known[i]) continue;
    left += Sum(destination.points[i]);
    stayed += Sum(source.points[i]);
    ++bins;
  }
  if (bins < kBinsToMeasure || left + stayed <= 0) return std::nullopt;
  return left / (left + stayed);
}

void Carry(ShardDemand& source, ShardDemand& destination, double share, std::size_t end) {
  for (std::size_t i = 0; i < end; ++i) {
    if (!source.known[i]) continue;
    for (std::size_t kind = 0; kind < model::kDemandKinds; ++kind) {
      const double left = source.points[i].rate[kind] * share;
      source.points[i].rate[kind] -= left;
      destination.points[i].rate[kind] += left;
    }
    destination.known[i] = true;
  }
}

model::BinIndex BinOf(WallTime time, std::chrono::seconds bin) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()) / bin;
}

}  // namespace

std::vector<OwnerChange> OwnerChanges(const std::vector<model::ShardMigration>& migrations,
                                      std::chrono::seconds bin) {
  std::vector<OwnerChange> changes;
  for (const model::ShardMigration& migration : migrations) {
    const model::Condition* cut_over = FindCondition(migration.status.conditions, "CutOver");
    if (cut_over == nullptr || cut_over->status != "True" ||
        IsTrue(migration.status.conditions, "RolledBack"))
      continue;
    const std::optional<WallTime> time = ParseRfc3339(cut_over->last_transition_time);
    if (!time) continue;
    changes.push_back({.migration = migration.name,
                       .source = migration.spec.source,
                       .destination = migration.status.destination.value.empty()
                                          ? migration.spec.destination
                                          : migration.status.destination,
                       .at = BinOf(*time, bin)});
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const OwnerChange& a, const OwnerChange& b) { return a.at < b.at; });
  return changes;
}

std::map<model::ShardId, ShardDemand> WithLineage(std::map<model::ShardId, ShardDemand> demand,
                                                  const std::vector<OwnerChange>& changes,
                                                  model::BinIndex first) {
  for (const OwnerChange& change : changes) {
    const auto source = demand.find(change.source);
    if (source == demand.end() || source->second.points.empty()) continue;
    const auto length = static_cast<model::BinIndex>(source->second.points.size());
    if (change.at < first) continue;  // all that is known is already from after it
    const auto at = static_cast<std::size_t>(std::min(change.at - first, length - 1));
    ShardDemand& destination = demand[change.destination];
    destination.points.resize(source->second.points.size());
    destination.known.resize(source->second.points.size());
    double share = kUnknownShare;
    if (!HasDemandBefore(destination, at)) {
      share = MeasuredShare(source->second, destination, at).value_or(kUnknownShare);
    }
    Carry(source->second, destination, share, at + 1);
  }
  return demand;
}

std::map<model::ShardId, ShardDemand> Undisturbed(
    std::map<model::ShardId, ShardDemand> demand,
    const std::vector<model::ShardMigration>& migrations, std::chrono::seconds bin,
    model::BinIndex first) {
  for (const model::ShardMigration& migration : migrations) {
    const std::optional<WallTime> start = ParseRfc3339(migration.status.start_time);
    if (!start) continue;
    const std::optional<WallTime> end = ParseRfc3339(migration.status.completion_time);
    for (const model::ShardId& shard :
         {migration.spec.source, migration.spec.destination, migration.status.destination}) {
      const auto found = demand.find(shard);
      if (found == demand.end()) continue;
      std::vector<bool>& known = found->second.known;
      const auto length = static_cast<model::BinIndex>(known.size());
      const model::BinIndex last =
          end ? std::min(BinOf(*end + CpuWindow(bin), bin), first + length - 1)
              : first + length - 1;
      for (model::BinIndex at = std::max(BinOf(*start, bin), first); at <= last; ++at)
        known[static_cast<std::size_t>(at - first)] = false;
    }
  }
  return demand;
}

}  // namespace foreshard::op

#include "operator/audit_meter.h"

namespace foreshard::op {

void AuditMeter::Look(const AuditObservation& seen) {
  const kube::ObjectRef ref{seen.set.name_space, seen.set.name};
  std::map<model::ShardId, std::int64_t> rows;
  if (seen.table) {
    for (const model::ShardAddress& shard : seen.table->shards) rows[shard.id] = 0;
  }
  for (const model::Stray& stray : seen.audit.found.strays) rows[stray.shard] += stray.rows;
  const std::scoped_lock lock(mutex_);
  std::set<model::ShardId>& shown = shown_[ref];
  for (const model::ShardId& shard : shown) {
    if (!rows.contains(shard))
      exporter_.SetStrayRows({ref.name_space, ref.name, shard.value}, std::nullopt);
  }
  shown.clear();
  for (const auto& [shard, count] : rows) {
    exporter_.SetStrayRows({ref.name_space, ref.name, shard.value}, static_cast<double>(count));
    shown.insert(shard);
  }
  exporter_.SetReferenceTablesDiffer(ref.name_space, ref.name,
                                     static_cast<double>(seen.audit.found.diverged.size()));
  const std::optional<WallTime> passed =
      seen.audit.time.empty() ? seen.created : ParseRfc3339(seen.audit.start_time);
  const auto seconds = [](auto since) { return std::chrono::duration<double>(since).count(); };
  exporter_.SetAuditTimes(
      ref.name_space, ref.name,
      passed ? std::optional(seconds(passed->time_since_epoch())) : std::nullopt,
      seconds(seen.interval));
}

void AuditMeter::Forget(const kube::ObjectRef& set) {
  const std::scoped_lock lock(mutex_);
  const auto shown = shown_.find(set);
  if (shown == shown_.end()) return;
  for (const model::ShardId& shard : shown->second)
    exporter_.SetStrayRows({set.name_space, set.name, shard.value}, std::nullopt);
  exporter_.SetReferenceTablesDiffer(set.name_space, set.name, std::nullopt);
  exporter_.SetAuditTimes(set.name_space, set.name, std::nullopt, std::nullopt);
  shown_.erase(shown);
}

}  // namespace foreshard::op

#include "operator/migration_meter.h"

#include "operator/api/conditions.h"
#include "operator/api/enum_names.h"
#include "operator/api/migration_json.h"

namespace foreshard::op {
namespace {

double Seconds(MonotonicTime from, MonotonicTime to) {
  return std::chrono::duration<double>(to - from).count();
}

// The reason of the condition Failed; "" for one that ended as it should.
std::string FailureOf(const model::ShardMigration& migration) {
  const model::Condition* failed = FindCondition(migration.status.conditions, "Failed");
  return failed != nullptr && failed->status == "True" ? failed->reason : "";
}

}  // namespace

void MigrationMeter::Look(const model::ShardMigration& migration) {
  const std::string& phase = migration.status.phase;
  if (phase.empty()) return;
  const std::string type(ToText(migration.spec.type));
  const Exporter::MigrationKey key{migration.name_space, migration.spec.shard_set_name,
                                   migration.name, type};
  const MonotonicTime now = clock_.Monotonic();
  const std::scoped_lock lock(mutex_);
  const auto [place, fresh] =
      known_.emplace(migration.uid, Known{.key = key, .phase = phase, .since = now, .began = now});
  Known& known = place->second;
  if (fresh && IsTerminal(migration.status)) return;  // over before we looked
  if (!fresh && known.phase == phase) {
    if (!IsTerminal(migration.status)) exporter_.SetMigrationPhase(key, phase);
    return;
  }
  if (!fresh) exporter_.OnMigrationPhaseOver(type, known.phase, Seconds(known.since, now));
  known.phase = phase;
  known.since = now;
  if (!IsTerminal(migration.status)) {
    exporter_.SetMigrationPhase(key, phase);
    return;
  }
  const auto estimate = migration.status.estimate;
  const double ratio =
      estimate && estimate->duration_seconds > 0
          ? Seconds(known.began, now) / static_cast<double>(estimate->duration_seconds)
          : 0;
  exporter_.OnMigrationOver(key, FailureOf(migration), ratio);
}

void MigrationMeter::SetLeftovers(const kube::ObjectRef& migration, std::size_t objects) {
  const std::scoped_lock lock(mutex_);
  leftovers_[migration] = objects;
  if (objects == 0) leftovers_.erase(migration);
  ShowLeftovers();
}

void MigrationMeter::Forget(const kube::ObjectRef& migration) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(known_, [&](const auto& entry) {
    const Exporter::MigrationKey& key = entry.second.key;
    if (key.name_space != migration.name_space || key.name != migration.name) return false;
    exporter_.SetMigrationPhase(key, "");
    return true;
  });
  leftovers_.erase(migration);
  ShowLeftovers();
}

void MigrationMeter::ShowLeftovers() {
  std::size_t sum = 0;
  for (const auto& [migration, objects] : leftovers_) sum += objects;
  exporter_.SetLeftovers(static_cast<double>(sum));
}

}  // namespace foreshard::op

#include "operator/controllers/kube_migration_store.h"
#include "operator/controllers/migration_controller.h"
#include "operator/metrics/prometheus_http.h"
#include "operator/records/move_record_store.h"
#include "operator/routers/kube_router_directory.h"
#include "operator/shards/kube_shard_directory.h"
#include "operator/wiring.h"

// The migration controller meets the rest of the operator here: shards, routers, lease, exporter.

namespace foreshard::op {

namespace {

// Only while a migration cleans up: before that its side objects are what it works with.
std::size_t LeftToRemove(const MigrationObservation& seen) {
  if (seen.phase != migration::Phase::kCleaningUp && seen.phase != migration::Phase::kAborting)
    return 0;
  const std::size_t source = seen.source ? seen.source->leftovers.size() : 0;
  return source + (seen.destination ? seen.destination->leftovers.size() : 0);
}

}  // namespace

void Wiring::AddMigrations() {
  auto store = std::make_shared<KubeMigrationStore>(direct_, options_.images);
  auto shards = std::make_shared<KubeShardDirectory>(direct_, clock_, ca_files_);
  auto routers = std::make_shared<KubeRouterDirectory>(direct_, clock_, ca_files_);
  helpers_.push_back(store);
  helpers_.push_back(shards);
  helpers_.push_back(routers);
  auto health = std::make_shared<MetricsServiceHealth>(
      options_.prometheus_url, [this](const std::string& url) -> Result<std::unique_ptr<Metrics>> {
        Result<std::unique_ptr<PrometheusHttp>> opened = PrometheusHttp::Create(url, clock_);
        if (!opened) return opened.error();
        return std::unique_ptr<Metrics>(*std::move(opened));
      });
  helpers_.push_back(health);
  // One worker: a cutover has this thread for itself, and one cutover at a time is enough.
  migrations_ =
      &Add("migration",
           std::make_unique<MigrationController>(MigrationControllerOptions{
               .store = *store,
               .shards = *shards,
               .routers = *routers,
               .clock = clock_,
               .lease =
                   [this] {
                     return LeaseSeen{.transitions = lease_.transitions(), .left = lease_.Left()};
                   },
               .pause = [this](std::chrono::milliseconds duration) { return Pause(duration); },
               .on_look =
                   [this](const MigrationObservation& seen) {
                     meter_.Look(seen.migration);
                     meter_.SetLeftovers({seen.migration.name_space, seen.migration.name},
                                         LeftToRemove(seen));
                   },
               .health = health.get(),
               .on_attempt =
                   [this](const model::ShardMigration&, const migration::CutoverDecision&,
                          const CutoverReport& report) {
                     exporter_.OnHold(std::chrono::duration<double>(report.hold).count());
                     for (const auto& [step, took] : report.steps)
                       exporter_.OnCutoverStep(step, std::chrono::duration<double>(took).count());
                   },
               .keep_record =
                   [this](const MigrationObservation& seen, Deadline deadline) {
                     return KeepMoveRecord(direct_, NameOf(seen.set->set), RecordOf(seen.migration),
                                           deadline);
                   }}),
           1);
}

}  // namespace foreshard::op

#include "operator/controllers/kube_migration_store.h"
#include "operator/controllers/migration_controller.h"
#include "operator/routers/kube_router_directory.h"
#include "operator/shards/kube_shard_directory.h"
#include "operator/wiring.h"

// The migration controller meets the rest of the operator here: shards, routers, lease, exporter.

namespace foreshard::op {

void Wiring::AddMigrations() {
  auto store = std::make_shared<KubeMigrationStore>(direct_, options_.images);
  auto shards = std::make_shared<KubeShardDirectory>(direct_, clock_, ca_files_);
  auto routers = std::make_shared<KubeRouterDirectory>(direct_, clock_, ca_files_);
  helpers_.push_back(store);
  helpers_.push_back(shards);
  helpers_.push_back(routers);
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
               .on_attempt =
                   [this](const model::ShardMigration&, const migration::CutoverDecision&,
                          const CutoverReport& report) {
                     exporter_.OnHold(std::chrono::duration<double>(report.hold).count());
                   }}),
           1);
}

}  // namespace foreshard::op

#include "operator/backup_meter.h"
#include "operator/controllers/backup_controller.h"
#include "operator/limits.h"
#include "operator/points/point_controller.h"
#include "operator/routers/kube_router_directory.h"
#include "operator/shards/kube_shard_directory.h"
#include "operator/wiring.h"

// Backups and points meet the rest of the operator here: shards, routers, lease, exporter.

namespace foreshard::op {

void Wiring::AddBackups() {
  auto meter = std::make_shared<BackupMeter>(exporter_);
  backups_ = &Add("backup",
                  std::make_unique<BackupController>(BackupControllerOptions{
                      .copies = cached_,
                      .kube = direct_,
                      .clock = clock_,
                      .images = options_.images,
                      .on_look = [meter](const BackupObservation& seen) { meter->Look(seen); },
                      .on_gone = [meter](const kube::ObjectRef& set) { meter->Forget(set); }}),
                  1);
  auto shards = std::make_shared<KubeShardDirectory>(direct_, clock_, ca_files_);
  helpers_.push_back(shards);
  // A worker waits until its point is archived.
  points_ =
      &Add("points",
           std::make_unique<PointController>(PointControllerOptions{
               .copies = cached_,
               .kube = direct_,
               .clock = clock_,
               .conninfo =
                   [shards](const model::ShardSet& set, const model::ShardId& shard,
                            Deadline deadline) { return shards->Conninfo(set, shard, deadline); },
               .routers = [this]() -> std::shared_ptr<RouterDirectory> {
                 return std::make_shared<KubeRouterDirectory>(direct_, clock_, ca_files_);
               },
               .transitions = [this] { return lease_.transitions(); },
               .pause = [this](std::chrono::milliseconds duration) { return Pause(duration); }}),
           kWorkers);
}

}  // namespace foreshard::op

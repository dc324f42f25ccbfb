#include "operator/backup_meter.h"
#include "operator/controllers/backup_controller.h"
#include "operator/wiring.h"

// The backup controller meets the rest of the operator here.

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
}

}  // namespace foreshard::op

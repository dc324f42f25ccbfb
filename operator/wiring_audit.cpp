#include "operator/audit_meter.h"
#include "operator/controllers/audit_controller.h"
#include "operator/shards/kube_shard_directory.h"
#include "operator/shards/pg_shard_auditor.h"
#include "operator/wiring.h"

// The audit controller meets the rest of the operator here: shards, exporter.

namespace foreshard::op {

void Wiring::AddAudits() {
  auto directory = std::make_shared<KubeShardDirectory>(direct_, clock_, ca_files_);
  const auto pause = [this](std::chrono::milliseconds duration) { return Pause(duration); };
  auto shards = std::make_shared<PgShardAuditor>(
      [directory](const model::ShardSet& set, const model::ShardId& shard, Deadline deadline) {
        return directory->Conninfo(set, shard, deadline);
      },
      clock_, migration::AuditPace{.pause = pause});
  auto meter = std::make_shared<AuditMeter>(exporter_);
  helpers_.push_back(shards);
  // One worker: one turn at a time, so that all sets together read at a tenth of one disk's speed.
  audits_ = &Add("audit",
                 std::make_unique<AuditController>(AuditControllerOptions{
                     .copies = cached_,
                     .kube = direct_,
                     .shards = *shards,
                     .clock = clock_,
                     .interval = options_.audit_interval,
                     .pause = pause,
                     .on_look = [meter](const AuditObservation& seen) { meter->Look(seen); },
                     .on_gone = [meter](const kube::ObjectRef& set) { meter->Forget(set); }}),
                 1);
}

}  // namespace foreshard::op

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "backup/barrier_world.h"
#include "kube/kube_api.h"
#include "model/shard_set.h"
#include "operator/reconciler.h"
#include "operator/routers/router_control.h"

namespace foreshard::op {

struct PointControllerOptions {
  kube::KubeApi& copies;  // to see whether a point is due; may be old
  kube::KubeApi& kube;    // the server itself
  const Clock& clock;
  std::function<Result<std::string>(const model::ShardSet&, const model::ShardId&, Deadline)>
      conninfo;
  // The routers of a set; a directory of its own for each, since calls of one go one by one.
  std::function<std::shared_ptr<RouterDirectory>()> routers;
  std::function<std::int64_t()> transitions;  // of the leader's lease
  // Waits; false: the process is to end.
  std::function<bool(std::chrono::milliseconds)> pause;
};

// Makes a point over all shards each `spec.backup.points.interval` (backup/barrier.h), once all
// shards have a base backup, and tells the newest one in `status.backup`.
//
// A pass takes as long as the archiving of the point's WAL, at most some minutes.
//
// Owner: wiring. Threads: one worker for each set at a time.
class PointController final : public Reconciler {
 public:
  explicit PointController(PointControllerOptions options) : options_(std::move(options)) {}

  Result<Outcome> Reconcile(const kube::ObjectRef& ref, Deadline deadline) override;

 private:
  Status MakePoint(const model::ShardSet& set, model::BackupStatus& told, Deadline deadline);
  Status Tell(const model::ShardSet& set, const model::BackupStatus& told, Deadline deadline);
  std::shared_ptr<RouterDirectory> RoutersOf(const kube::ObjectRef& ref);
  void Forget(const kube::ObjectRef& ref);

  PointControllerOptions options_;
  std::mutex mutex_;
  std::map<kube::ObjectRef, std::shared_ptr<RouterDirectory>> routers_;
  std::map<kube::ObjectRef, MonotonicTime> tried_;
};

// How long until the next point of the set; nothing: none is wanted, or nobody could restore it.
// Pure. `shards` are those of its routing table.
std::optional<std::chrono::milliseconds> UntilNextPoint(const model::ShardSet& set,
                                                        const std::set<model::ShardId>& shards,
                                                        WallTime now);

}  // namespace foreshard::op

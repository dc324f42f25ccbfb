#pragma once

#include <functional>

#include "backup/barrier_world.h"
#include "kube/kube_api.h"
#include "model/routing_table.h"
#include "model/shard_set.h"

namespace foreshard::op {

// What the API server says of a set, as a point records it. Threads: any.
class KubeSetSource final : public backup::SetSource {
 public:
  // `transitions` of the leader's lease.
  KubeSetSource(kube::KubeApi& kube, const model::ShardSet& set,
                std::function<std::int64_t()> transitions)
      : kube_(kube), set_(set), transitions_(std::move(transitions)) {}

  // Errors: those of the API; kReobserve where there is no table.
  Result<backup::SetState> Read(Deadline deadline) override;

  Result<model::RoutingTable> ReadTable(Deadline deadline);

 private:
  kube::KubeApi& kube_;
  const model::ShardSet& set_;
  std::function<std::int64_t()> transitions_;
};

}  // namespace foreshard::op

#pragma once

#include "base/clock.h"
#include "kube/kube_api.h"
#include "operator/controllers/shardset_decide.h"
#include "operator/shards/shard_admin.h"

namespace foreshard::op {

struct ShardSetHands {
  kube::KubeApi& kube;
  ShardAdmin& admin;
  const Clock& clock;
};

// At most one effect (and the event that belongs to a status). Its reply is not trusted; the next
// observation looks.
Status ActOnShardSet(const ShardSetHands& hands, const ShardSetObservation& seen,
                     const Effect& effect, Deadline deadline);

}  // namespace foreshard::op

#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "kube/kube_api.h"
#include "model/shard_set.h"
#include "operator/builders/names.h"

namespace foreshard::op {

// The Job of one shard, if there is one.
struct BackupJobSeen {
  bool exists = false;
  bool deleting = false;
  std::string run;  // of which turn it is
  bool succeeded = false;
  bool failed = false;
  std::string message;  // what its container said at the end
  std::string uid;
};

struct BackupShardSeen {
  model::ShardId id;
  std::string primary;    // pod; "": none now
  bool prepared = false;  // that pod has the server of pgBackRest
  BackupJobSeen job;
};

// Everything the decision may look at.
struct BackupObservation {
  WallTime now{};
  model::ShardSet set;
  bool ready = false;
  bool paused = false;
  std::string request;  // the annotation; "": none
  std::string secret_problem;
  std::vector<BackupShardSeen> shards;  // of the routing table, by id; none before there is one
};

// The Job of that name of a shard: of a backup, or of a verification. Errors: those of the API.
Result<BackupJobSeen> ReadBackupJob(kube::KubeApi& kube, const SetName& set,
                                    const model::ShardId& shard, const std::string& name,
                                    Deadline deadline);

// Nothing: the set is gone, is being deleted, or its spec is wrong. Errors: those of the API.
Result<std::optional<BackupObservation>> ObserveBackups(kube::KubeApi& kube, const Clock& clock,
                                                        const kube::ObjectRef& ref,
                                                        Deadline deadline);

}  // namespace foreshard::op

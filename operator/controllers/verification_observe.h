#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backup/point.h"
#include "operator/controllers/backup_observe.h"

namespace foreshard::op {

struct VerificationShardSeen {
  model::ShardId id;
  bool backed_up = false;
  bool prepared = false;  // the files of its Job are there
  BackupJobSeen job;
};

// Everything the decision may look at.
struct VerificationObservation {
  WallTime now{};
  model::ShardSet set;
  bool ready = false;
  bool paused = false;
  std::string request;  // the annotation; "": none
  std::string secret_problem;
  std::vector<VerificationShardSeen> shards;  // of the routing table, by id
  // Only while a Job is to be made: the newest point over all shards, from which a restore would
  // begin. The problem: it stands in the book and nothing could begin from it.
  std::optional<backup::Point> point;
  std::string point_problem;
};

// Nothing: the set is gone, is being deleted, its spec is wrong, or there is nothing to verify and
// nothing left of an earlier wish. Errors: those of the API.
Result<std::optional<VerificationObservation>> ObserveVerification(kube::KubeApi& kube,
                                                                   const Clock& clock,
                                                                   const kube::ObjectRef& ref,
                                                                   Deadline deadline);

}  // namespace foreshard::op

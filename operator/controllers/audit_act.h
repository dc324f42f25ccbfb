#pragma once

#include <functional>

#include "operator/controllers/audit_decide.h"
#include "operator/shards/shard_auditor.h"

namespace foreshard::op {

struct AuditHands {
  kube::KubeApi& kube;
  ShardAuditor& shards;
  const Clock& clock;
  // Waits; false: the process is to end.
  std::function<bool(std::chrono::milliseconds)> pause;
};

inline constexpr std::size_t kStraysKept = 500;  // of a pass; a status has to stay small

// One turn of a pass: reads on from where `run` stands and moves it. Changes nothing else.
Status TakeAuditTurn(const AuditHands& hands, const AuditObservation& seen, model::AuditRun& run,
                     Deadline deadline);

// Puts aside what `seen.audit` shows. Each finding that cannot be repaired for good is named in
// `problem`. Errors: those that a later try may not have.
Result<model::AuditRepair> RepairFindings(const AuditHands& hands, const AuditObservation& seen,
                                          Deadline deadline);

// Writes `audit` and, after the first complete pass, the condition. Errors: those of the API, and
// kGiveUp if its schema does not know the field.
Status TellAudit(kube::KubeApi& kube, const AuditObservation& seen, const model::AuditStatus& audit,
                 Deadline deadline);

}  // namespace foreshard::op

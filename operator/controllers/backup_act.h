#pragma once

#include "operator/builders/images.h"
#include "operator/controllers/backup_decide.h"

namespace foreshard::op {

// Whether the status says already what the decision wants told; the condition's time does not
// count.
bool IsTold(const BackupObservation& seen, const BackupDecision& decision);

// Errors: those of the API, and kGiveUp if its schema does not know the field.
Status TellBackups(kube::KubeApi& kube, const BackupObservation& seen,
                   const BackupDecision& decision, Deadline deadline);

// Makes or removes the Job. REQUIRES: an action.
Status ActOnBackupJob(kube::KubeApi& kube, const BackupObservation& seen,
                      const BackupDecision& decision, const Images& images, Deadline deadline);

}  // namespace foreshard::op

#pragma once

#include "operator/builders/images.h"
#include "operator/controllers/verification_decide.h"

namespace foreshard::op {

// Whether the status says already what the decision wants told; the condition's time does not
// count.
bool IsTold(const VerificationObservation& seen, const VerificationDecision& decision);

// Errors: those of the API.
Status TellVerification(kube::KubeApi& kube, const VerificationObservation& seen,
                        const VerificationDecision& decision, Deadline deadline);

// Makes or removes the Job. REQUIRES: an action.
Status ActOnVerificationJob(kube::KubeApi& kube, const VerificationObservation& seen,
                            const VerificationDecision& decision, const Images& images,
                            Deadline deadline);

}  // namespace foreshard::op

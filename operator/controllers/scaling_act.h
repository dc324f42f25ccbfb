#pragma once

#include "kube/kube_api.h"
#include "operator/controllers/scaling_decide.h"

namespace foreshard::op {

// At most one effect: the migration that the plan wants, else the status if it is news. Its reply
// is not trusted; the next observation looks. Answers whether anything was written.
Result<bool> ActOnScaling(kube::KubeApi& kube, const ScalingObservation& seen,
                          const ScalingDecision& decision, Deadline deadline);

}  // namespace foreshard::op

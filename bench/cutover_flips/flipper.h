#pragma once

#include "bench/cutover_flips/operator_process.h"

// The operator of flips in place: one range goes back and forth, copied once, by the operator's own
// cutover loop and the operator's own decisions in the soak, in a process that may be killed at any
// moment. The mover beside it watches each attempt and compares the rows after it.

namespace foreshard::bench {

// Until it is killed, or something happens that no repetition mends: 3.
int RunFlipperProcess(const OperatorProcessOptions& options);

}  // namespace foreshard::bench

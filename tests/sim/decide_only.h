#pragma once

#include "tests/sim/runner.h"

namespace foreshard::sim {

// Short histories of DecideCutover and DecideWatchdog alone, two deciders with late effects on two
// rows: millions of seeds.
int RunDecideOnly(const RunnerOptions& options);

}  // namespace foreshard::sim

#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/simulate/options.h"
#include "cli/simulate/run.h"

// Pictures of runs: load, capacity and actions over time, one panel a strategy.

namespace foreshard::simulate {

// An SVG of all strategies of one trace and seed.
std::string Plot(const Options& options, const std::vector<const RunResult*>& runs);

// FOLDER/TRACE-SEED.svg for each. Errors: kGiveUp with the path that cannot be written.
Status WritePlots(const std::string& folder, const Options& options,
                  const std::vector<RunResult>& runs);

}  // namespace foreshard::simulate

#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/simulate/run.h"

// Every bin of every run as a line of CSV: what was asked, what was there, what was decided.

namespace foreshard::simulate {

// Columns: trace, seed, strategy, bin (from World::begin), demand_shards (total, in shards at the
// limit), shards, worst and mean utilisation, moves_running, decision.
std::string SlotsToCsv(const std::vector<RunResult>& runs);

// Errors: kGiveUp when the file cannot be written.
Status WriteSlots(const std::string& path, const std::vector<RunResult>& runs);

}  // namespace foreshard::simulate

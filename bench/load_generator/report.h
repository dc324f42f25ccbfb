#pragma once

#include <string>

#include "bench/load_generator/ledger.h"
#include "bench/load_generator/run.h"

namespace foreshard::load {

// One JSON object: counters, percentiles of the whole run and one entry a second.
std::string ToJson(const RunResult& result);
std::string ToJson(const Verdict& verdict);

}  // namespace foreshard::load

#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "forecast/forecaster.h"

// Announced events as a file, for `backtest --events`: a JSON list, one entry a class of events.
//
//   [{"class": "Holiday", "expectedMultiplierPercent": 60,
//     "occurrences": [{"start": "2014-11-27T05:00:00Z", "duration": "24h", "before": "1h", "after":
//     "2h"}]}]
//
// expectedMultiplierPercent, before and after may be left out.

namespace foreshard::cli {

// Errors: kGiveUp naming the entry and what is wrong with it.
Result<std::vector<forecast::Event>> ParseEvents(std::string_view json, std::chrono::seconds bin);

}  // namespace foreshard::cli

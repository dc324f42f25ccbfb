#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/simulate/options.h"
#include "cli/simulate/run.h"

// P-Store's world: one demand, identical servers, no skew. Capacity moves as data moves.
//
// A change from B to A servers takes T(B, A) slots, pays max(B, A) meanwhile and can serve what the
// fullest server allows. A slot is overloaded when demand is above that. Source: Taft et al.,
// P-Store, SIGMOD 2018; design page "planner", section 16.

namespace foreshard::simulate {

std::vector<std::string> AggregateStrategies();

// REQUIRES: options.strategies are of AggregateStrategies().
std::vector<RunResult> RunAggregate(const Trace& trace, const Options& options, const Clock& clock,
                                    const Progress& progress);

}  // namespace foreshard::simulate

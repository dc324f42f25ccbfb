#pragma once

#include "planner/options.h"
#include "planner/problem.h"

// How long a move takes and what it costs while it runs.
//
//   T = new shard + bytes/copy rate + bytes/index rate + catch-up + ready + cutover,
// with two factors learned from finished migrations, one on what every move takes and one on what
// goes by its bytes, and a spread around them: log(actual / predicted) is normal with a conjugate
// posterior (prior weight 5, forgetting 0.97 a migration). Where the bytes of a migration are not
// known it teaches the mean of that posterior, one factor on everything. Source: design page
// "planner", section 5.

namespace foreshard::planner {

struct MoveTime {
  double p50_seconds = 0;
  double p80_seconds = 0;  // plans use this
  double p90_seconds = 0;  // constraints use this
};

MoveTime EstimateMoveTime(const Memory& memory, const MovePriors& priors, double bytes,
                          bool new_shard);

Memory Learn(Memory memory, const FinishedMigration& finished, const MovePriors& priors = {});

}  // namespace foreshard::planner

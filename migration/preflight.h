#pragma once

#include "migration/mover_work.h"

// Preflight (6.1): may this migration begin? Reads only. Every refusal has its own reason and names
// the thing.

namespace foreshard::migration {

struct Estimate {
  std::int64_t rows = 0;
  std::int64_t bytes = 0;  // with indexes and TOAST
};

// False: a dry run of a migration that would make its shard. There is none to look at.
bool HasDestination(const MigrationSpec& spec);

// What part of the table moves, from the catalogue's statistics. Shape: 0 to 1.
double MovingFraction(const MigrationSpec& spec);

// Sum over the group.
Estimate EstimateMove(const MigrationSpec& spec, const std::vector<TableInfo>& tables);

// A dry run makes no shard, so it is asked only whether the source can give: a new destination has
// what the source has, and room as its volume is made.
// Errors: could not look. A refusal is an answer: passed = false with reason and message.
Result<PreflightResult> Preflight(const Work& work);

}  // namespace foreshard::migration

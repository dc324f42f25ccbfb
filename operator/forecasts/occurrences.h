#pragma once

#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/shard_set.h"

// When a LoadEvent happens. Recurrences are counted in the event's time zone: nine in the morning
// stays nine in the morning when the clocks change.
//
// Source: RFC 5545, section 3.3.10, the parts FREQ, INTERVAL, BYDAY, BYMONTHDAY, COUNT and UNTIL;
// expanded by libical, which stays in the source file.

namespace foreshard::op {

// Starts in [from, to), ascending. Errors: kGiveUp naming the field (start, timeZone, recurrence),
// its value and what would be accepted.
Result<std::vector<WallTime>> StartsWithin(const model::LoadEvent& event, WallTime from,
                                           WallTime to);

}  // namespace foreshard::op

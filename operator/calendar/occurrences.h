#pragma once

#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/shard_set.h"

// When a LoadEvent happens and when a freeze window begins. Recurrences are counted in the event's
// own time zone: nine in the morning stays nine in the morning when the clocks change.
//
// Source: RFC 5545, section 3.3.10, the parts FREQ, INTERVAL, BYDAY, BYMONTHDAY, COUNT and UNTIL;
// expanded by libical, which stays in the source file.

namespace foreshard::op {

// Starts in [from, to), ascending. Errors: kGiveUp naming the field (start, timeZone, recurrence),
// its value and what would be accepted.
Result<std::vector<WallTime>> StartsWithin(const model::LoadEvent& event, WallTime from,
                                           WallTime to);

// The same for a freeze window. Errors: kGiveUp naming timeZone or the field of schedule.
Result<std::vector<WallTime>> StartsWithin(const model::FreezeWindow& window, WallTime from,
                                           WallTime to);

// From `since` on, clocks in a zone show UTC + offset; the first one holds before the window too.
struct ZoneOffset {
  WallTime since;
  std::chrono::seconds offset{0};
  bool operator==(const ZoneOffset&) const = default;
};
// Exact to the minute; changes that last less than a day are not seen. Errors: kGiveUp, timeZone.
Result<std::vector<ZoneOffset>> OffsetsWithin(const std::string& time_zone, WallTime from,
                                              WallTime to);

// That the window can be read and happens at all (30 February does not). Errors as above.
Status CheckWindow(const model::FreezeWindow& window);

// The same for an event: it lasts, its time zone and its rule are known, and it happens at all.
Status CheckEvent(const model::LoadEvent& event);

// That `now` lies in one of the windows. One that cannot be read counts: whoever wanted a freeze
// and wrote it wrongly must not be surprised in it.
bool IsFrozen(const std::vector<model::FreezeWindow>& windows, WallTime now);

}  // namespace foreshard::op

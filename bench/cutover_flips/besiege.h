#pragma once

#include "bench/cutover_flips/flags.h"

// The bench with processes that are killed or cut off: runs it, reports, judges. Exit codes: 0, 1 a
// check failed, 2 it could not be run to its end.

namespace foreshard::bench {

// Whole migrations.
int BesiegeMain(Fleet& fleet, const Flags& flags);
// One migration that flips back and forth.
int FlipInPlaceMain(Fleet& fleet, const Flags& flags);

}  // namespace foreshard::bench

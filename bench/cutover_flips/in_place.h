#pragma once

#include "bench/cutover_flips/flip_state.h"
#include "bench/cutover_flips/flips.h"
#include "bench/cutover_flips/siege.h"

// One range flips back and forth, copied once, while processes are killed between and inside the
// flips: a thousand of them in hours, where whole migrations would take days.

namespace foreshard::bench {

struct InPlaceOutcome {
  FlipState state;
  bool digests_equal = false;  // of both shards, at the end
};

class InPlace {
 public:
  InPlace(Fleet& fleet, SiegeOptions options);

  // Copies the range; before the clients start or while they run. Errors: those of Flips.
  Status Prepare();
  // Errors: a flip does not come to an end, or a process cannot be started again.
  Result<InPlaceOutcome> Run();
  const Kills& kills() const { return kills_; }

 private:
  Status OneFlip(FlipState& state);
  Result<bool> Compare(const FlipState& state);

  Fleet& fleet_;
  SiegeOptions options_;
  Records records_;
  Processes processes_;
  Kills kills_;
  Flips flips_;
};

}  // namespace foreshard::bench

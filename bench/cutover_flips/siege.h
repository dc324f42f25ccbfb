#pragma once

#include "bench/cutover_flips/clients.h"
#include "bench/cutover_flips/kills.h"
#include "bench/cutover_flips/registers.h"

// The range goes back and forth by whole migrations (the real controller and mover, processes of
// their own) while processes are killed.

namespace foreshard::bench {

struct SiegeOptions {
  int flips = 10;
  std::uint64_t seed = 1;
  bool talks = false;  // a line a flip
  bool kill = true;
  bool partition = false;
  std::string log_file{};  // empty: none
};

struct SiegeOutcome {
  int flips = 0;
  int aborted = 0;  // migrations that ended where they began; another one followed
  int cutover_attempts = 0;
  std::int64_t hold_millis_max = 0;
  bool first_owns = true;
  std::string leftovers{};      // objects of migrations on the shards, at the end
  std::int64_t stray_rows = 0;  // of the range, on the shard that does not own it
};

class Siege {
 public:
  Siege(Fleet& fleet, SiegeOptions options);

  // Errors: a migration does not come to an end, or a process cannot be started again.
  Result<SiegeOutcome> Run();
  const Kills& kills() const { return kills_; }

 private:
  Status OneMigration();
  Status Finish();
  model::ShardMigration NextMigration();

  Fleet& fleet_;
  SiegeOptions options_;
  Records records_;
  Processes processes_;
  Kills kills_;
  SiegeOutcome outcome_;
  int number_ = 0;
};

}  // namespace foreshard::bench

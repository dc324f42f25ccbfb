#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "bench/cutover_flips/processes.h"

// Which process dies when: drawn from a seed for each migration, so that every phase is hit, the
// short ones too.

namespace foreshard::bench {

// Processes, then cables: the operator's to the router that hears, a deaf router's to the shards.
enum class Victim { kOperator, kMover, kRouter, kSource, kDestination, kControlCable, kShardCable };
inline constexpr int kProcesses = 5;
inline constexpr int kVictims = 7;
const char* ToString(Victim victim);

struct KillsOptions {
  std::uint64_t seed = 1;
  bool kill = true;        // processes
  bool partition = false;  // cables. At least one of them
  bool in_place = false;   // there is no phase but Ready, Cutover and Soaking
};

class Kills {
 public:
  Kills(Fleet& fleet, Processes& processes, KillsOptions options);

  // Draws the blows of the next migration, or of the next flip of one.
  void Plan(bool forward);
  // Strikes what is due in this phase, and brings back what has been dead long enough. Errors: a
  // process cannot be started again.
  Status Tick(const std::string& phase);
  // Brings back all that is dead.
  Status End();

  std::int64_t count(Victim victim) const { return counts_[static_cast<std::size_t>(victim)]; }
  std::int64_t total() const;
  // The blows of this migration, for the reader of a failure.
  std::string Story() const;

 private:
  struct Blow {
    Victim victim;
    std::string phase;
    std::chrono::milliseconds after;  // since the phase was seen
    std::chrono::milliseconds dead;   // until it starts again
    int router = 1;
    bool struck = false;
  };
  struct Dead {
    Victim victim;
    int router;
    bool first;  // of a shard
    MonotonicTime back;
  };

  void Strike(Blow& blow);
  Status Revive(const Dead& dead);
  bool IsDead(const Blow& blow) const;
  bool First(Victim victim) const { return (victim == Victim::kSource) == forward_; }

  Fleet& fleet_;
  Processes& processes_;
  bool in_place_;
  Random random_;
  bool forward_ = true;
  std::vector<Victim> victims_;
  std::vector<Blow> blows_;
  std::vector<Dead> dead_;
  std::string phase_;
  MonotonicTime entered_{};
  std::array<std::int64_t, kVictims> counts_{};
};

}  // namespace foreshard::bench

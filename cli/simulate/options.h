#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

// What a simulation is asked to do: the flags of foreshard-simulate as a value.

namespace foreshard::simulate {

struct Options {
  std::vector<std::string> strategies;
  int seeds = 5;
  std::uint64_t seed = 1;
  int shards = 8;
  int units = 64;
  double zipf = 1.1;
  double phase_hours = 3;
  std::set<std::string> with;  // flash, hotkey, event, readpeak, failures
  double move_minutes = 600;   // to move the whole database with one stream
  std::chrono::seconds bin{300};
  std::chrono::seconds horizon{7200};
  int target_percent = 74;
  int limit_percent = 80;
  int quantile_percent = 75;
  int concurrent_moves = 4;
  int shards_max = 14;
  bool aggregate = false;
  int threads = 1;

  int DayBins() const { return static_cast<int>(std::chrono::hours(24) / bin); }
  int HorizonBins() const { return static_cast<int>(horizon / bin); }
};

// A real series on the grid of the simulation, gaps filled by lines, at most the last 14 days.
struct Trace {
  std::string name;
  std::int64_t first = 0;  // bin since 1970
  std::vector<double> demand;
};

}  // namespace foreshard::simulate

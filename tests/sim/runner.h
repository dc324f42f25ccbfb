#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace foreshard::sim {

struct RunnerOptions {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
  std::string canary;
  bool all_canaries = false;
  std::vector<std::string> expected_canaries;
  bool trace = false;
  int ticks = 0;
  std::vector<std::string> without;
  bool decide_only = false;
  bool late_effects = false;
  int jobs = 1;
  bool print_cover = false;
  std::string seeds_file;  // one seed a line, # for comments
  std::int64_t extra = 0;  // further seeds, derived from `salt`
  std::string salt;
};

// Runs, prints, and answers the exit status.
int RunAll(const RunnerOptions& options);

}  // namespace foreshard::sim

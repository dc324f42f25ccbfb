#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cli/simulate/strategy.h"
#include "cli/simulate/world.h"

// One world, several strategies in lock-step, each with a fleet of its own; and what is measured.

namespace foreshard::simulate {

// What --plot draws and --slots writes: by bin from World::begin.
struct Course {
  std::vector<double> total;          // in shards at the limit
  std::vector<double> worst;          // utilisation of the hottest shard
  std::vector<double> worst_clients;  // without copies
  std::vector<double> shards;
  std::vector<double> mean;      // utilisation, over the shards
  std::vector<int> running;      // moves
  std::vector<std::string> why;  // what the strategy decided, and the reason; may be empty
  std::vector<std::pair<std::size_t, model::ActionType>> actions;
};

struct RunResult {
  std::string trace;
  std::uint64_t seed = 0;
  std::string strategy;
  std::vector<std::pair<std::string, double>> metrics{};  // in the order in which they are shown
  std::map<std::string, int> actions{};
  double plan_millis_p50 = 0;
  double plan_millis_p99 = 0;
  std::vector<double> duration_errors{};
  Course course{};

  double Metric(const std::string& name) const;
};

// Called now and then with the share of the bins that are done.
using Progress = std::function<void(double)>;

std::vector<RunResult> RunWorld(const Trace& trace, const Options& options, std::uint64_t seed,
                                const Clock& clock, const Progress& progress);

// Latency at a utilisation, as the estimator's curve: base + queueing * u / (1 - u).
double LatencySeconds(double utilisation);

}  // namespace foreshard::simulate

#pragma once

#include <string>
#include <vector>

#include "cli/simulate/options.h"
#include "cli/simulate/run.h"

// What foreshard-simulate prints.

namespace foreshard::simulate {

struct Estimate {
  double mean = 0;
  double ci95 = 0;  // half-width of the interval
};
Estimate MeanOf(const std::vector<double>& values);

struct StrategySummary {
  std::string strategy;
  std::vector<std::pair<std::string, Estimate>> metrics;
  Estimate Of(const std::string& name) const;
};
// In the order of options.strategies, over traces and seeds.
std::vector<StrategySummary> Summarise(const std::vector<std::string>& strategies,
                                       const std::vector<RunResult>& runs);

struct Versus {
  std::string strategy;
  double overload = 0;
  double member_hours = 0;
  double moves = 0;
};
// Ratios of means to those of `base`; empty if it did not run.
std::vector<Versus> VersusOf(const std::vector<StrategySummary>& summaries,
                             const std::string& base);

std::string ToJson(const Options& options, const std::vector<std::string>& traces,
                   const std::vector<RunResult>& runs, double seconds);
std::string ToTable(const Options& options, const std::vector<RunResult>& runs, double seconds);

}  // namespace foreshard::simulate

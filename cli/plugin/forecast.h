#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/plugin/view.h"
#include "operator/metrics/metrics.h"

// What is expected of a set. The peaks stand in its status; demand and the fan of quantiles are
// metrics of the operator, asked of Prometheus.

namespace foreshard::plugin {

// One shard: demand so far and what is expected, statements a second.
struct ShardForecast {
  std::vector<op::Sample> demand;  // oldest first
  // At the quarter, the half and the end of the horizon; empty where the operator shows none.
  std::map<double, double> median;  // by part of the horizon
  std::map<double, double> high;    // 95 %
};
using SetForecast = std::map<std::string, ShardForecast>;

struct ForecastQuestion {
  std::chrono::seconds past{6 * 3600};
  WallTime now{};
};

// Errors: those of Prometheus; kGiveUp "NoForecast" when it knows nothing of the set.
Result<SetForecast> ReadForecast(op::Metrics& metrics, const model::ShardSet& set,
                                 const ForecastQuestion& question, Deadline deadline);

// From the status alone where `forecast` is null.
std::string ForecastText(const SetView& view, const SetForecast* forecast);
std::string ForecastJson(const SetView& view, const SetForecast* forecast);

// A picture for each shard: demand, then median and 95 % of what is expected.
std::string ForecastPlot(const SetForecast& forecast, std::chrono::milliseconds horizon,
                         const ForecastQuestion& question, int width);

}  // namespace foreshard::plugin

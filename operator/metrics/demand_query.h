#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/ids.h"
#include "model/load.h"
#include "operator/metrics/metrics.h"

// Which questions are put to Prometheus about one ShardSet, and how the answers become series on
// the grid of bins.

namespace foreshard::op {

struct MetricsTarget {
  std::string name_space;
  std::string shard_set;
  std::string selector;  // extra matchers, `cluster="a"`; "" for none
  std::chrono::seconds bin{300};
};

// Statements a second by shard and kind (read, write).
std::string StatementRateExpression(const MetricsTarget& target);
// The same without imported history (label history="true"): what these shards really did.
std::string MeasuredRateExpression(const MetricsTarget& target);
// CPU seconds a second of the PostgreSQL container, by pod, over CpuWindow: kubelet samples every
// 10 to 15 s.
std::chrono::seconds CpuWindow(std::chrono::seconds bin);
std::string CpuExpression(const MetricsTarget& target);

// Bins [first, last] of a set: bin i covers [i * bin, (i + 1) * bin) and is asked at its end.
RangeQuery BinsQuery(std::string expression, std::chrono::seconds bin, model::BinIndex first,
                     model::BinIndex last);

// Demand of every bin of [first, last]; absent samples are kMissing, never zero.
struct ShardDemand {
  std::vector<model::DemandPoint> points;  // kReads and kWrites are set
  std::vector<bool> known;
};
std::map<model::ShardId, ShardDemand> DemandByShard(
    const std::vector<MetricSeries>& statement_rates, std::chrono::seconds bin,
    model::BinIndex first, model::BinIndex last);

// Cores used by bin, NaN where unknown, of the given pods (shard -> pod of its primary).
std::map<model::ShardId, std::vector<double>> CoresByShard(
    const std::vector<MetricSeries>& cpu, const std::map<model::ShardId, std::string>& primaries,
    std::chrono::seconds bin, model::BinIndex first, model::BinIndex last);

}  // namespace foreshard::op

#include "operator/metrics/demand_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace foreshard::op {

namespace {

std::string Matchers(const MetricsTarget& target) {
  std::string text =
      fmt::format("namespace=\"{}\",shardset=\"{}\"", target.name_space, target.shard_set);
  if (!target.selector.empty()) text += "," + target.selector;
  return text;
}

std::string RateExpression(const MetricsTarget& target, std::string_view more) {
  return fmt::format("sum by (shard, kind) (rate(foreshard_router_statements_total{{{}{}}}[{}s]))",
                     Matchers(target), more, target.bin.count());
}

// The bin that an evaluation at `time` closes; the grid is exact up to rounding of milliseconds.
model::BinIndex BinClosedAt(double time, std::chrono::seconds bin) {
  return static_cast<model::BinIndex>(std::llround(time / static_cast<double>(bin.count()))) - 1;
}

const std::string* Label(const MetricSeries& series, const char* name) {
  const auto at = series.labels.find(name);
  return at == series.labels.end() ? nullptr : &at->second;
}

}  // namespace

std::string StatementRateExpression(const MetricsTarget& target) {
  return RateExpression(target, "");
}

std::string MeasuredRateExpression(const MetricsTarget& target) {
  return RateExpression(target, ",history!=\"true\"");
}

std::chrono::seconds CpuWindow(std::chrono::seconds bin) {
  return std::max(bin, std::chrono::seconds(30));
}

std::string CpuExpression(const MetricsTarget& target) {
  std::string extra = target.selector.empty() ? "" : "," + target.selector;
  return fmt::format(
      "sum by (pod) "
      "(rate(container_cpu_usage_seconds_total{{namespace=\"{}\",pod=~\"{}-s-.*\",container="
      "\"postgres\"{}}}[{}s]))",
      target.name_space, target.shard_set, extra, CpuWindow(target.bin).count());
}

RangeQuery BinsQuery(std::string expression, std::chrono::seconds bin, model::BinIndex first,
                     model::BinIndex last) {
  const auto width = static_cast<double>(bin.count());
  return {.expression = std::move(expression),
          .start_seconds = static_cast<double>(first + 1) * width,
          .end_seconds = static_cast<double>(last + 1) * width,
          .step = bin};
}

std::map<model::ShardId, ShardDemand> DemandByShard(
    const std::vector<MetricSeries>& statement_rates, std::chrono::seconds bin,
    model::BinIndex first, model::BinIndex last) {
  const auto length = static_cast<std::size_t>(last - first + 1);
  std::map<model::ShardId, ShardDemand> all;
  for (const MetricSeries& series : statement_rates) {
    const std::string* shard = Label(series, "shard");
    const std::string* kind = Label(series, "kind");
    if (shard == nullptr || shard->empty() || kind == nullptr)
      continue;  // scatter statements belong to no one shard
    ShardDemand& demand = all[{*shard}];
    demand.points.resize(length);
    demand.known.resize(length);
    const model::DemandKind which =
        *kind == "write" ? model::DemandKind::kWrites : model::DemandKind::kReads;
    for (const Sample& sample : series.samples) {
      const model::BinIndex at = BinClosedAt(sample.time_seconds, bin);
      if (at < first || at > last || sample.value < 0) continue;
      const auto index = static_cast<std::size_t>(at - first);
      demand.points[index][which] += sample.value;
      demand.known[index] = true;
    }
  }
  return all;
}

std::map<model::ShardId, std::vector<double>> CoresByShard(
    const std::vector<MetricSeries>& cpu, const std::map<model::ShardId, std::string>& primaries,
    std::chrono::seconds bin, model::BinIndex first, model::BinIndex last) {
  const auto length = static_cast<std::size_t>(last - first + 1);
  std::map<std::string, const MetricSeries*> by_pod;
  for (const MetricSeries& series : cpu) {
    const std::string* pod = Label(series, "pod");
    if (pod != nullptr) by_pod[*pod] = &series;
  }
  std::map<model::ShardId, std::vector<double>> all;
  for (const auto& [shard, pod] : primaries) {
    std::vector<double>& cores = all[shard];
    cores.assign(length, std::numeric_limits<double>::quiet_NaN());
    const auto found = by_pod.find(pod);
    if (found == by_pod.end()) continue;
    for (const Sample& sample : found->second->samples) {
      const model::BinIndex at = BinClosedAt(sample.time_seconds, bin);
      if (at >= first && at <= last && sample.value >= 0)
        cores[static_cast<std::size_t>(at - first)] = sample.value;
    }
  }
  return all;
}

}  // namespace foreshard::op

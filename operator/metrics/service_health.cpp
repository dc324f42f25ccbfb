#include "operator/metrics/service_health.h"

#include <fmt/format.h>

namespace foreshard::op {
namespace {

std::string Matchers(const MetricsTarget& target, const model::ShardId& shard,
                     std::string_view more) {
  std::string text = fmt::format("namespace=\"{}\",shardset=\"{}\",shard=\"{}\"{}",
                                 target.name_space, target.shard_set, shard, more);
  if (!target.selector.empty()) text += "," + target.selector;
  return text;
}

// Imported history tells of other days.
std::string RateOf(const MetricsTarget& target, const model::ShardId& shard, std::string_view name,
                   std::string_view more) {
  return fmt::format("rate({}{{{},history!=\"true\"}}[{}s])", name, Matchers(target, shard, more),
                     target.bin.count());
}

constexpr std::string_view kStatements = "foreshard_router_statements_total";

// The value at one moment; nothing: there is no sample.
Result<std::optional<double>> ValueAt(Metrics& metrics, std::string expression, WallTime end,
                                      Deadline deadline) {
  const double at = std::chrono::duration<double>(end.time_since_epoch()).count();
  const auto series = metrics.QueryRange({.expression = std::move(expression),
                                          .start_seconds = at,
                                          .end_seconds = at,
                                          .step = std::chrono::seconds(1)},
                                         deadline);
  if (!series) return series.error();
  if (series->empty() || series->front().samples.empty()) return std::optional<double>();
  return std::optional<double>(series->front().samples.back().value);
}

}  // namespace

std::string ServiceRateExpression(const MetricsTarget& target, const model::ShardId& shard) {
  return fmt::format("sum({})", RateOf(target, shard, kStatements, ""));
}

std::string ServiceErrorsExpression(const MetricsTarget& target, const model::ShardId& shard) {
  return fmt::format("sum({})", RateOf(target, shard, kStatements, ",result=\"error\""));
}

std::string ServiceP99Expression(const MetricsTarget& target, const model::ShardId& shard) {
  return fmt::format("histogram_quantile(0.99, sum by (le) ({}))",
                     RateOf(target, shard, "foreshard_router_latency_seconds_bucket", ""));
}

Result<std::optional<migration::ServiceSeen>> MetricsServiceHealth::Read(
    const model::ShardSet& set, const model::ShardId& shard, WallTime end,
    std::chrono::seconds window, Deadline deadline) {
  const std::string& url =
      set.spec.metrics.prometheus_url.empty() ? default_url_ : set.spec.metrics.prometheus_url;
  if (url.empty()) return std::optional<migration::ServiceSeen>();
  std::unique_ptr<Metrics>& metrics = opened_[url];
  if (metrics == nullptr) {
    auto opened = open_(url);
    if (!opened) return opened.error();
    metrics = std::move(*opened);
  }
  const MetricsTarget target{.name_space = set.name_space,
                             .shard_set = set.name,
                             .selector = set.spec.metrics.selector,
                             .bin = window};
  const auto rate = ValueAt(*metrics, ServiceRateExpression(target, shard), end, deadline);
  if (!rate) return rate.error();
  const auto errors = ValueAt(*metrics, ServiceErrorsExpression(target, shard), end, deadline);
  if (!errors) return errors.error();
  const auto p99 = ValueAt(*metrics, ServiceP99Expression(target, shard), end, deadline);
  if (!p99) return p99.error();
  if (!*rate || **rate <= 0 || !*p99) return std::optional<migration::ServiceSeen>();
  return std::optional(migration::ServiceSeen{.statements_per_second = **rate,
                                              .error_ratio = errors->value_or(0) / **rate,
                                              .p99_seconds = **p99});
}

}  // namespace foreshard::op

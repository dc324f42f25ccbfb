#pragma once

#include <memory>
#include <string>

#include "operator/metrics/metrics.h"

namespace foreshard::op {

// Metrics over Prometheus' HTTP API. Threads: any. One attempt a call; the caller's queue backs
// off.
class PrometheusHttp final : public Metrics {
 public:
  // Errors: kGiveUp when `url` is not http:// or https:// with a host.
  static Result<std::unique_ptr<PrometheusHttp>> Create(const std::string& url, const Clock& clock);
  ~PrometheusHttp() override;

  Result<std::vector<MetricSeries>> QueryRange(const RangeQuery& query, Deadline deadline) override;

 private:
  class Impl;
  explicit PrometheusHttp(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace foreshard::op

#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "operator/metrics/metrics.h"

// A Prometheus in memory: each expression that contains a known part answers functions of time.
// Does not imitate: PromQL, staleness, scrape jitter, limits of points.

namespace foreshard::fakes {

class FakeMetrics final : public op::Metrics {
 public:
  struct Curve {
    std::map<std::string, std::string> labels;
    std::function<double(double time_seconds)> value;  // not finite: no sample
  };

  // Expressions that contain `part` answer these curves.
  void Answer(std::string part, std::vector<Curve> curves) {
    curves_[std::move(part)] = std::move(curves);
  }
  void Break(std::string why) { broken_ = std::move(why); }
  void Repair() { broken_.clear(); }
  int queries() const { return queries_; }

  Result<std::vector<op::MetricSeries>> QueryRange(const op::RangeQuery& query,
                                                   Deadline /*deadline*/) override {
    ++queries_;
    if (!broken_.empty()) return Error::Retry(broken_, "MetricsUnreachable");
    std::vector<op::MetricSeries> answer;
    for (const auto& [part, curves] : curves_) {
      if (query.expression.find(part) == std::string::npos) continue;
      for (const Curve& curve : curves) {
        op::MetricSeries series{.labels = curve.labels, .samples = {}};
        const double step = static_cast<double>(query.step.count()) / 1e3;
        for (double time = query.start_seconds; time <= query.end_seconds + 1e-6; time += step) {
          const double value = curve.value(time);
          if (std::isfinite(value))
            series.samples.push_back({.time_seconds = time, .value = value});
        }
        answer.push_back(std::move(series));
      }
    }
    return answer;
  }

 private:
  std::map<std::string, std::vector<Curve>> curves_;
  std::string broken_;
  int queries_ = 0;
};

}  // namespace foreshard::fakes

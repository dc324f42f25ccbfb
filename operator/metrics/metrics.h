#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/deadline.h"
#include "base/result.h"

// Metrics: the one seam between us and a Prometheus.
//
// Bodies:  `PrometheusHttp` (prometheus_http.h) and `FakePrometheus` (tests/fakes). Both pass
// tests/contract/metrics_contract.h. View:    what was scraped; it may be late, have gaps, or lie.
// A sample that is not a finite number is no sample. Errors:  unreachable, slow, 5xx, 429: kRetry.
// 4xx (a query that does not parse): kGiveUp with the server's words.

namespace foreshard::op {

struct Sample {
  double time_seconds = 0;  // Unix time of the evaluation
  double value = 0;         // finite
  bool operator==(const Sample&) const = default;
};

// One series of a matrix answer; samples ascend in time and stand on the grid start + k * step; a
// gap has none.
struct MetricSeries {
  std::map<std::string, std::string> labels;
  std::vector<Sample> samples;
  bool operator==(const MetricSeries&) const = default;
};

struct RangeQuery {
  std::string expression;
  double start_seconds = 0;
  double end_seconds = 0;  // inclusive
  std::chrono::milliseconds step{0};
};

class Metrics {
 public:
  virtual ~Metrics() = default;
  // Long ranges are asked in pieces and joined. Ordered by labels.
  virtual Result<std::vector<MetricSeries>> QueryRange(const RangeQuery& query,
                                                       Deadline deadline) = 0;
};

}  // namespace foreshard::op

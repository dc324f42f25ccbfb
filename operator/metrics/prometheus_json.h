#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "operator/metrics/metrics.h"

namespace foreshard::op {

// The body of /api/v1/query_range, resultType matrix. Source: Prometheus HTTP API documentation,
// "Range queries". Errors: kGiveUp for status "error" (with the server's message) and for bytes
// that are no such answer.
Result<std::vector<MetricSeries>> ParseMatrix(std::string_view body);

// Appends later pieces of the same series to earlier ones. Both ordered by labels; pieces do not
// overlap.
std::vector<MetricSeries> JoinPieces(std::vector<MetricSeries> earlier,
                                     std::vector<MetricSeries> later);

}  // namespace foreshard::op

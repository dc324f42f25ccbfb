#pragma once

#include <string>
#include <vector>

#include "router/worker.h"

// What workers counted, in the text format of Prometheus. prometheus-cpp has its home in
// exporter.cpp.

namespace foreshard::router {

std::string FormatMetrics(const std::vector<WorkerStats>& workers, const RouterState& state);

}  // namespace foreshard::router

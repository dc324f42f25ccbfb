#include "cli/simulate/bound.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace foreshard::simulate {

bool IsBound(std::string_view name) {
  return std::find(std::begin(kBounds), std::end(kBounds), name) != std::end(kBounds);
}

RunResult BoundOf(std::string_view name, const Trace& trace, std::uint64_t seed, const World& world,
                  const Options& options) {
  CHECK(IsBound(name), "no such bound", name);
  const double limit = options.limit_percent / 100.0;
  const double full = name == "bound" ? limit : options.target_percent / 100.0;
  RunResult result{.trace = trace.name, .seed = seed, .strategy = std::string(name)};
  double shards = 0;
  double demand = 0;
  double worst = 0;
  for (std::size_t bin = 0; bin < world.bins; ++bin) {
    const double total = world.Total(bin) / world.capacity;
    const double count = std::max(1.0, std::ceil(total / full - 1e-9));
    if (bin >= world.begin) {
      result.course.total.push_back(total / limit);
      result.course.worst.push_back(total / count);
      result.course.mean.push_back(total / count);
      result.course.running.push_back(0);
      result.course.why.emplace_back();
      result.course.shards.push_back(count);
    }
    if (bin < world.scored) continue;
    shards += count;
    demand += total / limit;
    worst = std::max(worst, total / count);
  }
  const double slots = static_cast<double>(std::max<std::size_t>(1, world.bins - world.scored));
  const double bin_hours = static_cast<double>(options.bin.count()) / 3'600;
  result.metrics = {{"overloadedSlotsPercent", 0},
                    {"overloadIntegral", 0},
                    {"memberHours", shards * bin_hours},
                    {"moves", 0},
                    {"meanShards", shards / slots},
                    {"capacityOverDemand", demand > 0 ? shards / demand : 0},
                    {"latencyViolationSeconds", 0},
                    {"worstUtilisation", worst},
                    {"reliefMinutes", 0},
                    {"movedBytesRatio", 0},
                    {"imbalanceMaxOverMean", 1},
                    {"imbalanceVariation", 0},
                    {"durationErrorPercent", 0},
                    {"p80CoveragePercent", 0},
                    {"planFlips", 0}};
  return result;
}

}  // namespace foreshard::simulate

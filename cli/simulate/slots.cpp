#include "cli/simulate/slots.h"

#include <fmt/format.h>

#include <fstream>

namespace foreshard::simulate {

std::string SlotsToCsv(const std::vector<RunResult>& runs) {
  std::string text =
      "trace,seed,strategy,bin,demand_shards,shards,worst,mean,moves_running,decision\n";
  for (const RunResult& run : runs) {
    const Course& course = run.course;
    for (std::size_t bin = 0; bin < course.total.size(); ++bin) {
      text +=
          fmt::format("{},{},{},{},{:.4f},{:.0f},{:.4f},{:.4f},{},{}\n", run.trace, run.seed,
                      run.strategy, bin, course.total[bin], course.shards[bin], course.worst[bin],
                      course.mean[bin], course.running[bin], course.why[bin]);
    }
  }
  return text;
}

Status WriteSlots(const std::string& path, const std::vector<RunResult>& runs) {
  std::ofstream file(path);
  file << SlotsToCsv(runs);
  file.close();
  if (!file) return Error::GiveUp(fmt::format("{}: cannot be written", path), "BadOutput");
  return Ok();
}

}  // namespace foreshard::simulate

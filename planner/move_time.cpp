#include "planner/move_time.h"

#include <cmath>

namespace foreshard::planner {

namespace {

constexpr double kForgetting = 0.97;
constexpr double kNormal80 = 0.8416;
constexpr double kNormal90 = 1.2816;

}  // namespace

MoveTime EstimateMoveTime(const Memory& memory, const MovePriors& priors, double bytes,
                          bool new_shard) {
  const double base = (new_shard ? priors.new_shard_seconds : 0) +
                      bytes / priors.copy_bytes_per_second + bytes / priors.index_bytes_per_second +
                      priors.catch_up_seconds + priors.ready_seconds + priors.cutover_seconds;
  const DurationPosterior& posterior = memory.duration;
  // Spread of the next observation: that of the observations and that of their mean.
  const double variance = posterior.sum_squares / posterior.weight * (1 + 1 / posterior.weight);
  const double spread = std::sqrt(variance);
  return {.p50_seconds = base * std::exp(posterior.mean),
          .p80_seconds = base * std::exp(posterior.mean + kNormal80 * spread),
          .p90_seconds = base * std::exp(posterior.mean + kNormal90 * spread)};
}

Memory Learn(Memory memory, const FinishedMigration& finished) {
  ++memory.finished;
  if (!finished.succeeded) {
    ++memory.failed;
    return memory;  // a failed move says nothing about how long a good one takes
  }
  CHECK(finished.predicted_p50_seconds > 0 && finished.actual_seconds > 0,
        "durations must be positive", finished.predicted_p50_seconds, finished.actual_seconds);
  DurationPosterior& posterior = memory.duration;
  // The prediction already held the old mean; what is learned is the factor on the bare model.
  const double ratio =
      std::log(finished.actual_seconds / finished.predicted_p50_seconds) + posterior.mean;
  const double weight = posterior.weight * kForgetting;
  const double difference = ratio - posterior.mean;
  posterior.sum_squares =
      posterior.sum_squares * kForgetting + difference * difference * weight / (weight + 1);
  posterior.mean += difference / (weight + 1);
  posterior.weight = weight + 1;
  return memory;
}

}  // namespace foreshard::planner

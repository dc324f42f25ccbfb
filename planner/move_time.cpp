#include "planner/move_time.h"

#include <algorithm>
#include <cmath>

namespace foreshard::planner {

namespace {

constexpr double kForgetting = 0.97;
constexpr double kNormal80 = 0.8416;
constexpr double kNormal90 = 1.2816;

constexpr double kFactorLeast = 0.05;
constexpr double kFactorMost = 50;

// What every move takes, and what goes by its bytes.
struct Parts {
  double setup = 0;
  double copy = 0;
};

Parts PartsOf(const MovePriors& priors, double bytes, bool new_shard) {
  return {.setup = (new_shard ? priors.new_shard_seconds : 0) + priors.catch_up_seconds +
                   priors.ready_seconds + priors.cutover_seconds,
          .copy = bytes / priors.copy_bytes_per_second + bytes / priors.index_bytes_per_second};
}

// Least squares of two unknowns; what was begun with keeps it solvable.
Parts FactorsOf(const DurationFactors& sums) {
  const double determinant = sums.setup_setup * sums.copy_copy - sums.setup_copy * sums.setup_copy;
  if (determinant <= 1e-12) return {.setup = 1, .copy = 1};
  const auto factor = [determinant](double value) {
    return std::clamp(value / determinant, kFactorLeast, kFactorMost);
  };
  return {
      .setup = factor(sums.copy_copy * sums.setup_actual - sums.setup_copy * sums.copy_actual),
      .copy = factor(sums.setup_setup * sums.copy_actual - sums.setup_copy * sums.setup_actual)};
}

void LearnFactors(DurationFactors& sums, const Parts& parts, double predicted, double actual) {
  // By relative error: a long move is no better a witness than a short one.
  const double setup = parts.setup / predicted;
  const double copy = parts.copy / predicted;
  const double ratio = actual / predicted;
  for (double* sum : {&sums.setup_setup, &sums.setup_copy, &sums.copy_copy, &sums.setup_actual,
                      &sums.copy_actual})
    *sum *= kForgetting;
  sums.setup_setup += setup * setup;
  sums.setup_copy += setup * copy;
  sums.copy_copy += copy * copy;
  sums.setup_actual += setup * ratio;
  sums.copy_actual += copy * ratio;
}

}  // namespace

MoveTime EstimateMoveTime(const Memory& memory, const MovePriors& priors, double bytes,
                          bool new_shard) {
  const Parts parts = PartsOf(priors, bytes, new_shard);
  const Parts factors = FactorsOf(memory.factors);
  const double base = factors.setup * parts.setup + factors.copy * parts.copy;
  const DurationPosterior& posterior = memory.duration;
  // Spread of the next observation: that of the observations and that of their mean.
  const double variance = posterior.sum_squares / posterior.weight * (1 + 1 / posterior.weight);
  const double spread = std::sqrt(variance);
  return {.p50_seconds = base * std::exp(posterior.mean),
          .p80_seconds = base * std::exp(posterior.mean + kNormal80 * spread),
          .p90_seconds = base * std::exp(posterior.mean + kNormal90 * spread)};
}

Memory Learn(Memory memory, const FinishedMigration& finished, const MovePriors& priors) {
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
  if (finished.bytes < 0) {
    posterior.mean += difference / (weight + 1);
  } else {
    LearnFactors(memory.factors, PartsOf(priors, finished.bytes, finished.new_shard),
                 finished.predicted_p50_seconds / std::exp(posterior.mean),
                 finished.actual_seconds / std::exp(posterior.mean));
  }
  posterior.weight = weight + 1;
  return memory;
}

}  // namespace foreshard::planner

#include "planner/planner_release.h"

#include <algorithm>
#include <cmath>

#include "planner/load_path.h"

namespace foreshard::planner {

using model::PlanReason;

namespace {

bool Cooling(const Problem& problem, const Shard& shard) {
  const double bins =
      static_cast<double>(problem.policy.cool_down.count()) / 1e3 / problem.bin_seconds;
  return shard.last_action && static_cast<double>(problem.now - *shard.last_action) < bins;
}

// Scale-out needs one cycle, two if the breach is more than half a horizon away.
bool SeenOnce(const Problem& problem, const Trouble& trouble, const Candidate& chosen) {
  const std::size_t horizon = problem.shards[chosen.source].fan.steps.size();
  const bool far = trouble.breach_step > horizon / 2 || trouble.breach_step == 0;
  return !trouble.measured && far && problem.memory.troubled_cycles < 1;
}

// There is no hurry before the latest start.
bool ShouldWait(const Problem& problem, const Options& options, const Trouble& trouble,
                const Candidate& chosen, std::size_t waves) {
  if (trouble.measured) return false;
  const std::size_t horizon = problem.shards[chosen.source].fan.steps.size();
  const double latest = static_cast<double>(trouble.breach_step) -
                        static_cast<double>(waves) * chosen.time.p80_seconds / problem.bin_seconds -
                        options.latest_start_margin_bins;
  // Waiting helps only while the start is more than a cycle away from the end of what can still be
  // seen, and only if the source can then bear the copy as well: what must be done is done while
  // it is quiet.
  if (trouble.breach_step == 0 ||
      latest <= options.wait_beyond_share * static_cast<double>(horizon))
    return false;
  // A freeze window pulls the start before it.
  const auto end = problem.now + static_cast<model::BinIndex>(std::ceil(
                                     latest + chosen.time.p90_seconds / problem.bin_seconds));
  if (std::any_of(problem.frozen.begin(), problem.frozen.end(),
                  [end](const FrozenInterval& frozen) { return frozen.from <= end; }))
    return false;
  const double level =
      std::max(options.copy_quantile, problem.policy.plan_quantile_percent / 100.0);
  const double limit = problem.policy.limit_cpu_percent / 100.0;
  const auto copy =
      static_cast<std::size_t>(std::ceil(chosen.time.p80_seconds / problem.bin_seconds));
  const double then = HighestQuantile(
      OwnPath(problem.shards[chosen.source]), level, 1,
      1 + copy * waves + static_cast<std::size_t>(options.latest_start_margin_bins));
  return then + options.priors.dip <= limit;
}

}  // namespace

PlanReason WhatBlocks(const Problem& problem, const Options& options, const Trouble& trouble,
                      const Candidate& chosen, const Used& used) {
  const Shard& source = problem.shards[chosen.source];
  if (problem.migrations_in_flight + used.moves >= problem.policy.max_concurrent_migrations ||
      source.migrating) {
    return PlanReason::kMigrationInFlight;
  }
  if (!source.ready) return PlanReason::kNotReady;
  const bool urgent =
      trouble.measured || (trouble.predicted && !options.breach_waits_for_cool_down);
  if (!urgent && !trouble.rested && Cooling(problem, source)) return PlanReason::kCoolDown;
  const auto length =
      static_cast<model::BinIndex>(std::ceil(chosen.time.p90_seconds / problem.bin_seconds));
  for (const FrozenInterval& frozen : problem.frozen) {
    if (frozen.from < problem.now + 1 + length && frozen.to > problem.now)
      return PlanReason::kFreezeWindow;
  }
  if (problem.memory.moved_bytes_last_hour + used.bytes + chosen.bytes >
      static_cast<double>(problem.policy.max_moved_bytes_per_hour)) {
    return PlanReason::kBudget;
  }
  const auto horizon = static_cast<model::BinIndex>(source.fan.steps.size());
  if (!trouble.measured && horizon < length) return PlanReason::kHorizonTooShort;
  return PlanReason::kNone;
}

std::vector<Scheduled> Schedule(const Problem& problem, const Options& options,
                                const std::vector<Trouble>& troubles, const Found& found) {
  std::vector<Scheduled> steps;
  Used used;
  // All of them cannot copy at once: what is put off may have to queue.
  const auto at_once =
      static_cast<std::size_t>(std::max(1, problem.policy.max_concurrent_migrations));
  const std::size_t waves = (found.actions.size() + at_once - 1) / at_once;
  for (std::size_t i = 0; i < found.actions.size(); ++i) {
    Scheduled step{.candidate = &found.actions[i], .trouble = &troubles[found.needs[i]]};
    step.blocked = WhatBlocks(problem, options, *step.trouble, *step.candidate, used);
    step.seen_once = SeenOnce(problem, *step.trouble, *step.candidate);
    step.waits =
        step.blocked == PlanReason::kNone &&
        (step.seen_once || ShouldWait(problem, options, *step.trouble, *step.candidate, waves));
    if (step.Rank() == 0) {
      ++used.moves;
      used.bytes += step.candidate->bytes;
    }
    steps.push_back(step);
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Scheduled& a, const Scheduled& b) { return a.Rank() < b.Rank(); });
  return steps;
}

}  // namespace foreshard::planner

#include "planner/planner.h"

#include <algorithm>
#include <cmath>

#include "planner/candidate.h"
#include "planner/explain.h"
#include "planner/load_path.h"
#include "planner/shard_count.h"

namespace foreshard::planner {

namespace {

using model::Plan;
using model::PlanDecision;
using model::PlanReason;

double Level(const Problem& problem) { return problem.policy.plan_quantile_percent / 100.0; }
double Target(const Problem& problem) { return problem.policy.target_cpu_percent / 100.0; }
double Limit(const Problem& problem) { return problem.policy.limit_cpu_percent / 100.0; }

// The shard that needs help most, and why.
struct Trouble {
  int shard = -1;
  bool measured = false;
  bool predicted = false;       // planned quantile above the limit
  std::size_t breach_step = 0;  // first such step; 0: none
  double peak = 0;              // planned quantile, or the measured value
};

// Over the limit in the newest bins, or close below it and rising. Missing data never causes an
// action.
bool GuardAsks(const Problem& problem, const Options& options, const Shard& shard) {
  const auto bins = static_cast<std::size_t>(options.guard_bins);
  if (!problem.metrics_fresh || shard.measured.size() < bins) return false;
  const auto newest = shard.measured.end() - static_cast<std::ptrdiff_t>(bins);
  const double lowest = *std::min_element(newest, shard.measured.end());
  const bool rising = shard.measured.back() > *newest;
  return lowest > Limit(problem) ||
         (rising && lowest > options.guard_rising_share * Limit(problem));
}

bool MayForecast(const Shard& shard) {
  return !shard.fan.steps.empty() && shard.trust.Value() >= model::kTrustToAddCapacity &&
         shard.estimator_usable;
}

Trouble FindTrouble(const Problem& problem, const Options& options) {
  Trouble worst;
  const auto consider = [&worst](const Trouble& trouble) {
    const bool urgent =
        trouble.measured != worst.measured ? trouble.measured : trouble.peak > worst.peak;
    if (worst.shard < 0 || urgent) worst = trouble;
  };
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    const Shard& shard = problem.shards[i];
    const int index = static_cast<int>(i);
    if (GuardAsks(problem, options, shard)) {
      consider({.shard = index,
                .measured = true,
                .predicted = false,
                .breach_step = 1,
                .peak = shard.measured.back()});
    }
    if (!problem.metrics_fresh || !MayForecast(shard)) continue;
    const LoadPath path = OwnPath(shard);
    const double peak = HighestQuantile(path, Level(problem), 1, path.steps.size());
    if (peak <= Target(problem)) continue;
    const std::size_t breach =
        FirstAbove(path, Level(problem), Limit(problem), 1, path.steps.size());
    consider({.shard = index,
              .measured = false,
              .predicted = breach > 0,
              .breach_step = breach,
              .peak = peak});
  }
  return worst;
}

// Planned quantile of the whole set's load, in shards at their target, for each bin ahead.
std::vector<double> TotalInShards(const Problem& problem) {
  std::size_t length = 0;
  std::size_t scenarios = SIZE_MAX;
  for (const Shard& shard : problem.shards) {
    length = std::max(length, shard.fan.steps.size());
    scenarios = std::min(scenarios, shard.scenarios.paths.size());
  }
  std::vector<double> total;
  for (std::size_t h = 0; h < length; ++h) {
    if (scenarios == 0) {
      double sum = 0;
      for (const Shard& shard : problem.shards) {
        if (h < shard.fan.steps.size()) sum += model::Quantile(shard.fan.steps[h], Level(problem));
      }
      total.push_back(sum / Target(problem));
      continue;
    }
    std::vector<double> sums(scenarios);
    for (std::size_t r = 0; r < scenarios; ++r) {
      for (const Shard& shard : problem.shards) {
        if (h < shard.scenarios.paths[r].size()) sums[r] += shard.scenarios.paths[r][h];
      }
    }
    total.push_back(model::Quantile(model::QuantilesOf(sums), Level(problem)) / Target(problem));
  }
  return total;
}

CountPlan ProposeCount(const Problem& problem, const Options& options) {
  const int shards = static_cast<int>(problem.shards.size());
  const std::vector<double> total = TotalInShards(problem);
  if (total.empty())
    return {.feasible = true, .shards = shards, .first_slot = -1, .first_count = shards, .cost = 0};
  double bytes = 0;
  for (const Shard& shard : problem.shards) {
    for (const Unit& unit : shard.units) bytes += unit.bytes;
  }
  const MoveTime whole = EstimateMoveTime(problem.memory, options.priors, bytes, true);
  return PlanShardCount(total,
                        {.shards = shards,
                         .min_shards = std::min(problem.policy.min_shards, shards),
                         .max_shards = std::max(problem.policy.max_shards, shards),
                         .full_move_slots = whole.p80_seconds / problem.bin_seconds,
                         .concurrent_streams_max = 6 * problem.policy.max_concurrent_migrations,
                         .price_per_change = options.weights.change * 3'600 / problem.bin_seconds});
}

bool PaysOff(const Problem& problem, const Options& options, const Candidate& candidate,
             double breach_probability) {
  const double ratio = problem.policy.benefit_ratio_percent / 100.0;
  return candidate.benefit >= ratio * candidate.action_cost &&
         (candidate.scenarios_better >= options.scenario_majority ||
          breach_probability >= options.breach_probability_to_act);
}

// Feasible ones first; among them the least J, among equals the order of generation.
bool Better(const Candidate& a, const Candidate& b) {
  if (a.keeps_target != b.keeps_target) return a.keeps_target;
  return a.benefit - a.action_cost > b.benefit - b.action_cost + 1e-12;
}

model::PlannedStep ToStep(const Problem& problem, const Candidate& candidate, PlanReason reason) {
  model::PlannedStep step;
  step.type = candidate.type;
  step.shard = problem.shards[candidate.source].id;
  if (candidate.destination >= 0)
    step.destination = problem.shards[static_cast<std::size_t>(candidate.destination)].id;
  step.range = candidate.range;
  step.at = candidate.at;
  step.start = problem.now + 1;
  step.bytes = candidate.bytes;
  step.p50_seconds = candidate.time.p50_seconds;
  step.p80_seconds = candidate.time.p80_seconds;
  step.reason = reason;
  return step;
}

// What forbids to start now; kNone if nothing does.
PlanReason WhatBlocks(const Problem& problem, const Trouble& trouble, const Candidate& chosen) {
  const Shard& source = problem.shards[chosen.source];
  if (problem.migrations_in_flight >= problem.policy.max_concurrent_migrations ||
      source.migrating) {
    return PlanReason::kMigrationInFlight;
  }
  if (!source.ready) return PlanReason::kNotReady;
  const double cool_down_bins =
      static_cast<double>(problem.policy.cool_down.count()) / 1e3 / problem.bin_seconds;
  if (!trouble.measured && source.last_action &&
      static_cast<double>(problem.now - *source.last_action) < cool_down_bins) {
    return PlanReason::kCoolDown;
  }
  const auto length =
      static_cast<model::BinIndex>(std::ceil(chosen.time.p90_seconds / problem.bin_seconds));
  for (const FrozenInterval& frozen : problem.frozen) {
    if (frozen.from < problem.now + 1 + length && frozen.to > problem.now)
      return PlanReason::kFreezeWindow;
  }
  if (problem.memory.moved_bytes_last_hour + chosen.bytes >
      static_cast<double>(problem.policy.max_moved_bytes_per_hour)) {
    return PlanReason::kBudget;
  }
  const auto horizon = static_cast<model::BinIndex>(source.fan.steps.size());
  if (!trouble.measured && horizon < length) return PlanReason::kHorizonTooShort;
  return PlanReason::kNone;
}

// Scale-out needs one cycle, two if the breach is more than half a horizon away; and there is no
// hurry before the latest start.
bool ShouldWait(const Problem& problem, const Options& options, const Trouble& trouble,
                const Candidate& chosen) {
  if (trouble.measured) return false;
  const std::size_t horizon = problem.shards[chosen.source].fan.steps.size();
  const bool far = trouble.breach_step > horizon / 2 || trouble.breach_step == 0;
  if (far && problem.memory.troubled_cycles < 1) return true;
  const double latest = static_cast<double>(trouble.breach_step) -
                        chosen.time.p80_seconds / problem.bin_seconds -
                        options.latest_start_margin_bins;
  // Waiting helps only while the start is more than a cycle away from the end of what can still be
  // seen.
  return trouble.breach_step > 0 && latest > static_cast<double>(horizon) / 2;
}

void Decide(const Problem& problem, const Options& options, const Trouble& trouble,
            const Candidate& chosen, Plan& plan) {
  const PlanReason blocked = WhatBlocks(problem, trouble, chosen);
  if (blocked != PlanReason::kNone) {
    plan.decision = PlanDecision::kBlocked;
    plan.reason = blocked;
    return;
  }
  if (ShouldWait(problem, options, trouble, chosen)) {
    plan.decision = PlanDecision::kWaiting;
    return;
  }
  switch (problem.policy.mode) {
    case model::ScalingMode::kOff:
    case model::ScalingMode::kObserve:
      plan.decision = PlanDecision::kBlocked;
      plan.reason = PlanReason::kMode;
      return;
    case model::ScalingMode::kRecommend:
      plan.decision = PlanDecision::kRecommended;
      return;
    case model::ScalingMode::kAuto:
      plan.decision = PlanDecision::kExecuting;
      return;
  }
  Unreachable(problem.policy.mode);
}

Plan NoTrouble(const Problem& problem) {
  Plan plan;
  plan.made_at = problem.now;
  const auto distrusted = std::find_if(problem.shards.begin(), problem.shards.end(),
                                       [](const Shard& shard) { return !MayForecast(shard); });
  if (!problem.metrics_fresh) plan.reason = PlanReason::kStaleMetrics;
  if (plan.reason == PlanReason::kNone && distrusted != problem.shards.end()) {
    plan.reason =
        distrusted->trust.history <= 0 ? PlanReason::kShortHistory : PlanReason::kLowTrust;
  }
  return plan;
}

void Fill(const Problem& problem, const Trouble& trouble, const Candidate& chosen, Plan& plan) {
  const Shard& shard = problem.shards[chosen.source];
  plan.guard = trouble.measured;
  plan.breach_at =
      trouble.breach_step > 0 ? problem.now + static_cast<model::BinIndex>(trouble.breach_step) : 0;
  plan.overload_minutes_avoided = chosen.overload_minutes_avoided;
  plan.cost_member_hours = chosen.action_cost;
  plan.benefit_member_hours = chosen.benefit;
  if (!shard.fan.steps.empty()) {
    plan.breach_probability =
        model::ExceedanceInWindow(shard.fan, shard.fan.steps.size(), Limit(problem));
  }
  const PlanReason reason = trouble.measured    ? PlanReason::kMeasuredBreach
                            : trouble.predicted ? PlanReason::kPredictedBreach
                                                : PlanReason::kImbalance;
  plan.reason = reason;
  plan.steps.push_back(ToStep(problem, chosen, reason));
}

}  // namespace

Plan MakePlan(const Problem& problem, const Options& options,
              Random& /*random: the search will draw from it*/) {
  const Trouble trouble = FindTrouble(problem, options);
  if (trouble.shard < 0) {
    Plan plan = NoTrouble(problem);
    plan.summary = Explain(problem, plan);
    return plan;
  }
  Plan plan;
  plan.made_at = problem.now;
  const CountPlan count = ProposeCount(problem, options);
  const int shards = static_cast<int>(problem.shards.size());
  const bool mandatory = trouble.measured || trouble.predicted;
  const bool new_shard_allowed =
      shards < problem.policy.max_shards && (mandatory || count.shards > shards);
  std::string why_no_split;
  std::vector<Candidate> candidates = CandidatesFor(
      problem, static_cast<std::size_t>(trouble.shard), new_shard_allowed, options, why_no_split);
  std::stable_sort(candidates.begin(), candidates.end(), Better);
  if (candidates.empty()) {
    plan.decision = PlanDecision::kBlocked;
    plan.reason = !why_no_split.empty()                 ? PlanReason::kNoSplitPoint
                  : shards >= problem.policy.max_shards ? PlanReason::kMaxShards
                                                        : PlanReason::kNoDestination;
    plan.breach_at = trouble.breach_step > 0
                         ? problem.now + static_cast<model::BinIndex>(trouble.breach_step)
                         : 0;
    plan.summary = ExplainTrouble(problem, plan, static_cast<std::size_t>(trouble.shard),
                                  trouble.peak, why_no_split);
    return plan;
  }
  const Candidate& chosen = candidates.front();
  Fill(problem, trouble, chosen, plan);
  for (std::size_t i = 1; i < candidates.size() && i <= 3; ++i) {
    plan.alternatives.push_back(
        {.text = Describe(problem, candidates[i]),
         .cost_member_hours = candidates[i].action_cost - candidates[i].benefit});
  }
  if (!mandatory && !PaysOff(problem, options, chosen, plan.breach_probability)) {
    plan.steps.clear();
    plan.decision = PlanDecision::kNoChange;
    plan.reason = PlanReason::kNotWorthIt;
  } else {
    Decide(problem, options, trouble, chosen, plan);
    plan.steps.front().text = Describe(problem, chosen);
  }
  plan.summary = ExplainAction(problem, plan, chosen, trouble.peak,
                               candidates.size() > 1 ? &candidates[1] : nullptr);
  return plan;
}

Memory Remember(const Problem& problem, const Plan& plan) {
  Memory memory = problem.memory;
  memory.troubled_cycles = plan.steps.empty() ? 0 : memory.troubled_cycles + 1;
  return memory;
}

}  // namespace foreshard::planner

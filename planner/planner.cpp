#include "planner/planner.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "planner/candidate.h"
#include "planner/explain.h"
#include "planner/planner_count.h"
#include "planner/planner_release.h"
#include "planner/planner_trouble.h"
#include "planner/search.h"
#include "planner/shrink.h"

namespace foreshard::planner {

namespace {

using model::Plan;
using model::PlanDecision;
using model::PlanReason;

double Limit(const Problem& problem) { return problem.policy.limit_cpu_percent / 100.0; }

model::PlannedStep ToStep(const Problem& problem, const Candidate& candidate, PlanReason reason) {
  model::PlannedStep step;
  step.type = candidate.type;
  step.shard = problem.shards[candidate.source].id;
  if (candidate.destination >= 0)
    step.destination = problem.shards[static_cast<std::size_t>(candidate.destination)].id;
  step.range = candidate.range;
  step.at = candidate.at;
  step.keys = candidate.keys;
  step.start = problem.now + 1;
  step.bytes = candidate.bytes;
  step.p50_seconds = candidate.time.p50_seconds;
  step.p80_seconds = candidate.time.p80_seconds;
  step.reason = reason;
  return step;
}

// What the mode makes of a step that may start.
void Release(const Problem& problem, Plan& plan) {
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

PlanReason WhyOf(const Trouble& trouble) {
  if (trouble.measured) return PlanReason::kMeasuredBreach;
  return trouble.predicted ? PlanReason::kPredictedBreach : PlanReason::kImbalance;
}

double BreachProbability(const Problem& problem, const Shard& shard) {
  if (shard.fan.steps.empty()) return 0;
  return model::ExceedanceInWindow(shard.fan, shard.fan.steps.size(), Limit(problem));
}

// The numbers of the plan's headline: those of its first step, costs and gains of all.
void Fill(const Problem& problem, const Trouble& trouble, const Candidate& first, Plan& plan) {
  const Shard& shard = problem.shards[first.source];
  plan.guard = trouble.measured;
  plan.reason = WhyOf(trouble);
  plan.breach_at =
      trouble.breach_step > 0 ? problem.now + static_cast<model::BinIndex>(trouble.breach_step) : 0;
  plan.breach_probability = BreachProbability(problem, shard);
}

void AddGain(const Candidate& candidate, Plan& plan) {
  plan.overload_minutes_avoided += candidate.overload_minutes_avoided;
  plan.cost_member_hours += candidate.action_cost;
  plan.benefit_member_hours += candidate.benefit;
}

void AddAlternatives(const Problem& problem, const CandidateSearch& seen, const Candidate& chosen,
                     Plan& plan) {
  for (const Candidate& candidate : seen.candidates) {
    if (plan.alternatives.size() >= 3) break;
    if (Describe(problem, candidate) == Describe(problem, chosen)) continue;
    plan.alternatives.push_back({.text = Describe(problem, candidate),
                                 .cost_member_hours = candidate.action_cost - candidate.benefit});
  }
}

const Candidate* NextBest(const Problem& problem, const CandidateSearch& seen,
                          const Candidate& chosen) {
  for (const Candidate& candidate : seen.candidates) {
    if (Describe(problem, candidate) != Describe(problem, chosen)) return &candidate;
  }
  return nullptr;
}

// Nothing can be done, or nothing is worth it, for the most urgent shard that was looked at.
void ExplainNothing(const Problem& problem, const std::vector<Trouble>& troubles,
                    const Found& found, Plan& plan) {
  const Trouble& trouble = troubles.front();
  const CandidateSearch& seen = found.seen.at(0);
  plan.breach_at =
      trouble.breach_step > 0 ? problem.now + static_cast<model::BinIndex>(trouble.breach_step) : 0;
  if (seen.candidates.empty()) {
    const bool full = static_cast<int>(problem.shards.size()) >= problem.policy.max_shards;
    plan.decision = PlanDecision::kBlocked;
    plan.reason = !seen.why_no_split.empty() ? PlanReason::kNoSplitPoint
                  : full                     ? PlanReason::kMaxShards
                                             : PlanReason::kNoDestination;
    plan.summary = ExplainTrouble(problem, plan, static_cast<std::size_t>(trouble.shard),
                                  trouble.peak, seen.why_no_split);
    return;
  }
  const Candidate& best = seen.candidates.front();
  Fill(problem, trouble, best, plan);
  AddGain(best, plan);
  AddAlternatives(problem, seen, best, plan);
  const bool mandatory = trouble.measured || trouble.predicted;
  const bool no_room = mandatory && (trouble.measured || !best.keeps_target);
  plan.decision = mandatory ? PlanDecision::kBlocked : PlanDecision::kNoChange;
  plan.reason = no_room ? PlanReason::kNoDestination : PlanReason::kNotWorthIt;
  plan.summary = no_room ? ExplainTrouble(problem, plan, static_cast<std::size_t>(trouble.shard),
                                          trouble.peak, "every change would make it worse")
                         : ExplainNotWorthIt(problem, plan, best, trouble);
}

std::vector<Need> NeedsOf(const Problem& problem, const Options& options,
                          const std::vector<Trouble>& troubles) {
  const CountPlan count = ProposeCount(problem, options);
  const int shards = static_cast<int>(problem.shards.size());
  std::vector<Need> needs;
  for (const Trouble& trouble : troubles) {
    const auto shard = static_cast<std::size_t>(trouble.shard);
    const bool mandatory = trouble.measured || trouble.predicted;
    needs.push_back({.shard = shard,
                     .mandatory = mandatory,
                     .new_shard_allowed =
                         shards < problem.policy.max_shards && (mandatory || count.shards > shards),
                     .measured = trouble.measured,
                     .breach_probability = BreachProbability(problem, problem.shards[shard])});
  }
  return needs;
}

// Puts together the steps of shards that go, what may start now first.
class ShrinkSteps {
 public:
  ShrinkSteps(const Problem& problem, const Options& options)
      : problem_(problem), options_(options) {}

  // One move of it starts now if nothing is in its way. The rest comes later.
  void Add(const Shrink& shrink, bool confirmed) {
    const Trouble quiet{.shard = static_cast<int>(shrink.moves.front().source), .rested = true};
    bool started = !confirmed;
    for (const Candidate& move : shrink.moves) {
      model::PlannedStep step = ToStep(problem_, move, PlanReason::kScaleIn);
      step.text = Describe(problem_, move);
      const bool taken = problem_.shards[static_cast<std::size_t>(move.destination)].migrating ||
                         std::find(busy_.begin(), busy_.end(), move.destination) != busy_.end();
      const PlanReason why = taken ? PlanReason::kMigrationInFlight
                                   : WhatBlocks(problem_, options_, quiet, move, used_);
      if (!started && why == PlanReason::kNone) {
        started = true;
        busy_.push_back(move.destination);
        ++used_.moves;
        used_.bytes += move.bytes;
        now_.push_back(std::move(step));
        continue;
      }
      if (!started && blocked_ == PlanReason::kNone) blocked_ = why;
      step.start = problem_.now + 2;
      later_.push_back(std::move(step));
    }
    cost_ += shrink.cost;
    benefit_ += shrink.benefit;
  }

  // The decision is kExecuting's place if anything starts, else kBlocked or kWaiting.
  void Into(Plan& plan) {
    plan.made_at = problem_.now;
    plan.reason = PlanReason::kScaleIn;
    plan.cost_member_hours = cost_;
    plan.benefit_member_hours = benefit_;
    plan.steps = now_;
    plan.steps.insert(plan.steps.end(), later_.begin(), later_.end());
    if (!now_.empty()) {
      Release(problem_, plan);
    } else if (blocked_ != PlanReason::kNone) {
      plan.decision = PlanDecision::kBlocked;
      plan.reason = blocked_;
    } else {
      plan.decision = PlanDecision::kWaiting;
    }
  }

 private:
  const Problem& problem_;
  const Options& options_;
  Used used_;
  std::vector<int> busy_;  // destinations
  std::vector<model::PlannedStep> now_;
  std::vector<model::PlannedStep> later_;
  PlanReason blocked_ = PlanReason::kNone;
  double cost_ = 0;
  double benefit_ = 0;
};

// Fewer shards, if that pays; none where it does not.
std::optional<Plan> ShrinkPlan(const Problem& problem, const Options& options) {
  if (!options.merge_shards || !problem.metrics_fresh) return std::nullopt;
  Options fans_only = options;  // what is joined now may be parted again in time
  fans_only.ahead_day_share = 0;
  const Outlook outlook(problem, fans_only);
  const Shrinks shrinks = ShrinksFor(outlook);
  const double ratio = problem.policy.benefit_ratio_percent / 100.0;
  const bool pays =
      !shrinks.ways.empty() && shrinks.ways.front().benefit >= ratio * shrinks.ways.front().cost;
  if (!pays && shrinks.begun.empty()) return std::nullopt;
  ShrinkSteps steps(problem, options);
  for (const Shrink& begun : shrinks.begun) steps.Add(begun, true);
  if (pays) {
    steps.Add(shrinks.ways.front(),
              problem.memory.quiet_cycles + 1 >= problem.policy.scale_in_confirmations);
  }
  Plan plan;
  steps.Into(plan);
  const std::size_t ways = pays ? shrinks.ways.size() : 0;
  for (std::size_t i = 1; i < std::min<std::size_t>(4, ways); ++i) {
    plan.alternatives.push_back(
        {.text = DescribeShrink(problem, shrinks.ways[i]),
         .cost_member_hours = shrinks.ways[i].cost - shrinks.ways[i].benefit});
  }
  plan.summary = ExplainShrink(problem, plan, pays ? shrinks.ways.front() : shrinks.begun.front());
  return plan;
}

// An answer for the shards that need help.
Plan TroublePlan(const Problem& problem, const Options& options,
                 const std::vector<Trouble>& troubles, Random& random) {
  Plan plan;
  plan.made_at = problem.now;
  const Outlook outlook(problem, options);
  const Found found = Search(outlook, NeedsOf(problem, options, troubles), random);
  if (found.actions.empty()) {
    ExplainNothing(problem, troubles, found, plan);
    return plan;
  }
  const std::vector<Scheduled> steps = Schedule(problem, options, troubles, found);
  const Scheduled& first = steps.front();
  Fill(problem, *first.trouble, *first.candidate, plan);
  for (const Scheduled& step : steps) {
    AddGain(*step.candidate, plan);
    plan.steps.push_back(ToStep(problem, *step.candidate, WhyOf(*step.trouble)));
    plan.steps.back().text = Describe(problem, *step.candidate);
    if (step.Rank() > 0) plan.steps.back().start = problem.now + 2;  // not now
  }
  if (first.blocked != PlanReason::kNone) {
    plan.decision = PlanDecision::kBlocked;
    plan.reason = first.blocked;
  } else if (first.waits) {
    plan.decision = PlanDecision::kWaiting;
  } else {
    Release(problem, plan);
  }
  const CandidateSearch& seen =
      found.seen.at(static_cast<std::size_t>(first.trouble - troubles.data()));
  AddAlternatives(problem, seen, *first.candidate, plan);
  plan.summary = ExplainAction(problem, plan,
                               {.chosen = *first.candidate,
                                .trouble = *first.trouble,
                                .next_best = NextBest(problem, seen, *first.candidate),
                                .seen_once = first.waits && first.seen_once});
  return plan;
}

}  // namespace

Plan MakePlan(const Problem& problem, const Options& options, Random& random) {
  const std::vector<Trouble> troubles = FindTroubles(problem, options);
  Plan plan;
  if (troubles.empty()) {
    plan = NoTrouble(problem);
    plan.summary = Explain(problem, plan);
  } else {
    plan = TroublePlan(problem, options, troubles, random);
  }
  // Nobody takes capacity away while a shard is measured over the limit, or while something else
  // is about to start.
  const bool measured = std::any_of(troubles.begin(), troubles.end(),
                                    [](const Trouble& trouble) { return trouble.measured; });
  const bool idle =
      plan.decision == PlanDecision::kNoChange || plan.decision == PlanDecision::kWaiting;
  if (!measured && idle) {
    if (std::optional<Plan> shrink = ShrinkPlan(problem, options)) return *std::move(shrink);
  }
  return plan;
}

Memory Remember(const Problem& problem, const Plan& plan) {
  Memory memory = problem.memory;
  const bool shrinks = !plan.steps.empty() && plan.steps.front().reason == PlanReason::kScaleIn;
  if (!shrinks) memory.troubled_cycles = plan.steps.empty() ? 0 : memory.troubled_cycles + 1;
  // One more shard could go; to continue what was begun is no new look.
  const bool one_more = std::any_of(plan.steps.begin(), plan.steps.end(), [&](const auto& step) {
    return step.reason == PlanReason::kScaleIn && !Drains(problem.memory, step.shard);
  });
  memory.quiet_cycles = one_more ? memory.quiet_cycles + 1 : 0;
  // What was begun is finished: the source of a spread need not rest between its moves. It is
  // forgotten when it is gone, or when nothing came of it for a cool-down.
  const double rest =
      static_cast<double>(problem.policy.cool_down.count()) / 1e3 / problem.bin_seconds;
  std::erase_if(memory.draining, [&](const model::ShardId& id) {
    return std::none_of(problem.shards.begin(), problem.shards.end(), [&](const Shard& shard) {
      if (!(shard.id == id)) return false;
      return shard.migrating ||
             (shard.last_action && static_cast<double>(problem.now - *shard.last_action) < rest);
    });
  });
  for (const model::PlannedStep& step : plan.steps) {
    // Who takes something in again is kept.
    if (step.reason != PlanReason::kScaleIn && step.start <= problem.now + 1 &&
        plan.decision == PlanDecision::kExecuting)
      std::erase(memory.draining, step.destination);
    const bool begins = plan.decision == PlanDecision::kExecuting &&
                        step.reason == PlanReason::kScaleIn && step.start <= problem.now + 1;
    if (begins && !Drains(memory, step.shard)) memory.draining.push_back(step.shard);
  }
  return memory;
}

}  // namespace foreshard::planner

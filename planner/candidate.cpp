#include "planner/candidate.h"

#include <algorithm>
#include <cmath>

#include "planner/load_path.h"
#include "planner/split_point.h"

namespace foreshard::planner {

namespace {

double Level(const Problem& problem) { return problem.policy.plan_quantile_percent / 100.0; }
double Target(const Problem& problem) { return problem.policy.target_cpu_percent / 100.0; }
double Limit(const Problem& problem) { return problem.policy.limit_cpu_percent / 100.0; }

bool MayReceive(const Problem& problem, std::size_t index, std::size_t source) {
  const Shard& shard = problem.shards[index];
  if (index == source || !shard.ready || shard.migrating || shard.fan.steps.empty()) return false;
  const LoadPath path = OwnPath(shard);
  return HighestQuantile(path, Level(problem), 1, path.steps.size()) <= Target(problem);
}

// Penalty of one shard over steps [from, to], in member-hours, and its minutes over the limit.
struct Penalty {
  double cost = 0;
  double overload_minutes = 0;
};

Penalty PenaltyOf(const Problem& problem, const Weights& weights, const LoadPath& path,
                  std::size_t from, std::size_t to, double extra) {
  const double hours = problem.bin_seconds / 3'600;
  Penalty penalty;
  for (std::size_t step = from; step <= std::min(to, path.steps.size()); ++step) {
    const model::Quantiles& distribution = path.steps[step - 1];
    const double breach = model::ExpectedExcess(distribution, Limit(problem) - extra);
    const double headroom = model::ExpectedExcess(distribution, Target(problem) - extra);
    penalty.cost += hours * (weights.breach * breach + weights.headroom * headroom);
    penalty.overload_minutes +=
        hours * 60 * model::Exceedance(distribution, Limit(problem) - extra);
  }
  return penalty;
}

void Add(Penalty& sum, const Penalty& part) {
  sum.cost += part.cost;
  sum.overload_minutes += part.overload_minutes;
}

// Share of the joint scenarios in which the excess over the limit that the action removes outweighs
// its price.
double ScenariosBetter(const Problem& problem, const Weights& weights, const Candidate& candidate,
                       std::size_t cutover) {
  const Shard& source = problem.shards[candidate.source];
  if (source.scenarios.paths.empty()) return candidate.benefit > candidate.action_cost ? 1 : 0;
  const double hours = problem.bin_seconds / 3'600;
  int better = 0;
  for (const std::vector<double>& path : source.scenarios.paths) {
    double saved = 0;
    for (std::size_t h = cutover; h < path.size(); ++h) {
      const double before = path[h];
      const double after =
          source.background + std::max(0.0, before - source.background) * (1 - candidate.share);
      saved += hours * weights.breach *
               (std::max(0.0, before - Limit(problem)) - std::max(0.0, after - Limit(problem)));
      saved += hours * weights.headroom *
               (std::max(0.0, before - Target(problem)) - std::max(0.0, after - Target(problem)));
    }
    if (saved > candidate.action_cost) ++better;
  }
  return static_cast<double>(better) / static_cast<double>(source.scenarios.paths.size());
}

void AddDestinations(const Problem& problem, Candidate candidate, bool new_shard_allowed,
                     const Options& options, std::vector<Candidate>& candidates) {
  const auto add = [&](int destination) {
    candidate.destination = destination;
    candidate.time =
        EstimateMoveTime(problem.memory, options.priors, candidate.bytes, destination < 0);
    Evaluate(problem, options, candidate);
    candidates.push_back(candidate);
  };
  if (new_shard_allowed) add(-1);
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    if (MayReceive(problem, i, candidate.source)) add(static_cast<int>(i));
  }
}

}  // namespace

std::vector<Candidate> CandidatesFor(const Problem& problem, std::size_t source,
                                     bool new_shard_allowed, const Options& options,
                                     std::string& why_no_split) {
  const Shard& shard = problem.shards[source];
  std::vector<Candidate> candidates;
  for (std::size_t unit_index = 0; unit_index < shard.units.size(); ++unit_index) {
    const Unit& unit = shard.units[unit_index];
    const SplitSearch search = FindSplitPoint(problem.key_space, unit);
    if (search.point) {
      Candidate split{.type = model::ActionType::kSplit, .source = source, .unit = unit_index};
      split.at = search.point->at;
      split.range = {.from = search.point->at, .to = unit.range.to};
      split.share = unit.share * search.point->right_share;
      split.bytes = unit.bytes * search.point->right_share;
      AddDestinations(problem, split, new_shard_allowed, options, candidates);
    } else if (why_no_split.empty()) {
      why_no_split = search.why_not;
    }
    if (shard.units.size() > 1) {
      Candidate move{.type = model::ActionType::kMove, .source = source, .unit = unit_index};
      move.range = unit.range;
      move.share = unit.share;
      move.bytes = unit.bytes;
      AddDestinations(problem, move, new_shard_allowed, options, candidates);
    }
  }
  return candidates;
}

void Evaluate(const Problem& problem, const Options& options, Candidate& candidate) {
  const Shard& source = problem.shards[candidate.source];
  const LoadPath now = OwnPath(source);
  const std::size_t horizon = now.steps.size();
  const auto bins =
      static_cast<std::size_t>(std::ceil(candidate.time.p80_seconds / problem.bin_seconds));
  const std::size_t cutover = std::min(bins, horizon);  // steps 1..cutover still carry everything
  const LoadPath relieved = WithoutShare(source, candidate.share);
  const Weights& weights = options.weights;

  Penalty before = PenaltyOf(problem, weights, now, 1, horizon, 0);
  Penalty after = PenaltyOf(problem, weights, now, 1, cutover, options.priors.dip);
  Add(after, PenaltyOf(problem, weights, relieved, cutover + 1, horizon, 0));
  double destination_peak = 0;
  double members = 0;
  if (candidate.destination < 0) {
    const LoadPath fresh = OnlyShare(source, candidate.share, source.background);
    Add(after, PenaltyOf(problem, weights, fresh, cutover + 1, horizon, 0));
    destination_peak = HighestQuantile(fresh, Level(problem), cutover + 1, horizon);
    members = weights.member * problem.members_per_shard * static_cast<double>(horizon) *
              problem.bin_seconds / 3'600;
  } else {
    const Shard& other = problem.shards[static_cast<std::size_t>(candidate.destination)];
    const LoadPath alone = OwnPath(other);
    const LoadPath loaded = WithShareOf(other, source, candidate.share);
    Add(before, PenaltyOf(problem, weights, alone, 1, horizon, 0));
    Add(after, PenaltyOf(problem, weights, alone, 1, cutover, options.priors.destination_dip));
    Add(after, PenaltyOf(problem, weights, loaded, cutover + 1, horizon, 0));
    destination_peak = HighestQuantile(loaded, Level(problem), cutover + 1, horizon);
  }
  const double failure = static_cast<double>(1 + problem.memory.failed) /
                         static_cast<double>(20 + problem.memory.failed + problem.memory.finished);
  candidate.action_cost = members + weights.change + weights.per_gigabyte * candidate.bytes / 1e9 +
                          weights.dip * options.priors.dip * candidate.time.p80_seconds / 3'600 +
                          weights.failure * failure;
  candidate.benefit = before.cost - after.cost;
  candidate.overload_minutes_avoided = before.overload_minutes - after.overload_minutes;
  candidate.source_peak = HighestQuantile(relieved, Level(problem), cutover + 1, horizon);
  candidate.destination_peak = destination_peak;
  candidate.keeps_target = std::max(candidate.source_peak, destination_peak) <= Target(problem);
  const std::size_t breach = FirstAbove(now, Level(problem), Limit(problem), 1, horizon);
  candidate.in_time = breach == 0 || cutover < breach;
  candidate.scenarios_better = ScenariosBetter(problem, weights, candidate, cutover);
}

}  // namespace foreshard::planner

#include "bench/planner_targets/exact.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "bench/planner_targets/cbc.h"
#include "planner/planner.h"
#include "planner/planner_trouble.h"
#include "planner/search.h"
#include "planner/step_effect.h"
#include "tests/support/needs.h"

namespace foreshard::bench {

namespace {

using namespace planner;

constexpr std::size_t kSteps = 24;
constexpr double kBackground = 0.02;
constexpr double kAnswer = 1e6;  // of a breach: more than any cost

// A load of one number: a fan without width, one path.
void SetConstant(Shard& shard, double load) {
  model::Quantiles step{};
  step.fill(load);
  shard.fan.steps.assign(kSteps, step);
  shard.scenarios.drawn_from = {1};
  shard.scenarios.paths = {std::vector<double>(kSteps, load)};
  shard.measured.clear();
}

// What each range carries; shares follow from it.
using Loads = std::map<std::string, double>;  // by the lower bound of the range

void Settle(Problem& problem, const Loads& loads) {
  for (Shard& shard : problem.shards) {
    double total = 0;
    for (const Unit& unit : shard.units) total += loads.at(unit.range.from);
    for (Unit& unit : shard.units) unit.share = total > 0 ? loads.at(unit.range.from) / total : 1;
    shard.background = kBackground;
    SetConstant(shard, kBackground + total);
  }
}

// Ranges of unequal load, dealt out at random: some shards are over the limit, others have room.
Problem Fleet(std::uint64_t seed, Loads& loads) {
  Random random(seed);
  Problem problem;
  problem.now = 1'000;
  problem.policy.mode = model::ScalingMode::kAuto;
  problem.policy.max_concurrent_migrations = 8;
  problem.memory.troubled_cycles = 1;
  const std::size_t shards = 4 + random.Below(5);
  const std::size_t units = std::min<std::size_t>(40, 3 * shards + random.Below(2 * shards + 1));
  problem.policy.max_shards = static_cast<int>(shards) + 1;
  problem.policy.min_shards = static_cast<int>(shards);
  for (std::size_t i = 0; i < shards; ++i) {
    Shard shard;
    shard.id = {fmt::format("s-{:02}", i)};
    shard.ready = true;
    shard.trust.history = shard.trust.data = shard.trust.skill = 1;
    shard.trust.coverage = shard.trust.freshness = 1;
    problem.shards.push_back(std::move(shard));
  }
  const double mean = (0.5 + 0.12 * random.Unit()) * static_cast<double>(shards);
  std::vector<double> weights;
  double total = 0;
  for (std::size_t i = 0; i < units; ++i) {
    weights.push_back(std::exp(0.6 * random.Normal()));
    total += weights.back();
  }
  for (std::size_t i = 0; i < units; ++i) {
    const auto bound = [units](std::size_t at) {
      if (at == 0 || at == units) return std::string();
      return model::FormatPosition(static_cast<model::Position>(
          static_cast<double>(at) / static_cast<double>(units) * 0x1p64));
    };
    Unit unit;
    unit.range = {.from = bound(i), .to = bound(i + 1)};
    unit.bytes = 1e9 * (0.2 + random.Unit());
    loads[unit.range.from] = weights[i] / total * mean;
    const std::size_t owner = i < shards ? i : random.Below(shards);
    problem.shards[owner].units.push_back(std::move(unit));
  }
  Settle(problem, loads);
  return problem;
}

void Summarise(std::vector<double> gaps, ExactResult& result) {
  result.fleets = static_cast<int>(gaps.size());
  if (gaps.empty()) return;
  std::sort(gaps.begin(), gaps.end());
  result.median = gaps[gaps.size() / 2];
  result.worst = gaps.back();
}

std::vector<Need> NeedsOf(const Problem& problem, const Options& options) {
  std::vector<Need> needs;
  for (const Trouble& trouble : FindTroubles(problem, options)) {
    needs.push_back({.shard = static_cast<std::size_t>(trouble.shard),
                     .mandatory = trouble.predicted,
                     .new_shard_allowed = true,
                     .breach_probability = trouble.predicted ? 1.0 : 0.0});
  }
  return needs;
}

// What each candidate would be worth beside nothing, hard rules first: an answer to a breach is
// worth more than any cost, and so is a shard that stays below its target.
double WorthOf(const Need& need, const Candidate& candidate) {
  return candidate.action_cost - candidate.benefit + (candidate.keeps_target ? 0 : 1e3) -
         (need.mandatory ? kAnswer : 0);
}

// The best plan of one cycle: every need at most one action, every shard in at most one.
Result<double> BestPlan(const Outlook& outlook, const std::vector<Need>& needs) {
  const Problem& problem = outlook.problem();
  Program program;
  std::map<std::size_t, std::vector<Program::Term>> by_shard;
  std::vector<Program::Term> creates;
  const Draft draft(outlook);
  for (const Need& need : needs) {
    for (std::size_t unit = 0; unit < problem.shards[need.shard].units.size(); ++unit) {
      for (int to = -1; to < static_cast<int>(problem.shards.size()); ++to) {
        const bool troubled = std::any_of(needs.begin(), needs.end(), [to](const Need& other) {
          return static_cast<int>(other.shard) == to;
        });
        if (troubled || problem.shards[need.shard].units.size() < 2) continue;
        const Unit& moved = problem.shards[need.shard].units[unit];
        Candidate move{.type = model::ActionType::kMove, .source = need.shard, .unit = unit};
        move.destination = to;
        move.range = moved.range;
        move.share = moved.share;
        move.bytes = moved.bytes;
        move.time = EstimateMoveTime(problem.memory, outlook.options().priors, moved.bytes, to < 0);
        Evaluate(draft, move);
        if (!Worthwhile(problem, outlook.options(), need, move)) continue;
        const std::size_t taken = program.Variable(WorthOf(need, move), true);
        by_shard[need.shard].push_back({.factor = 1, .variable = taken});
        if (to >= 0) by_shard[static_cast<std::size_t>(to)].push_back({1, taken});
        if (to < 0) creates.push_back({.factor = 1, .variable = taken});
      }
    }
  }
  for (const auto& [shard, terms] : by_shard) program.AtMost(terms, 1);
  program.AtMost(creates, problem.policy.max_shards - static_cast<int>(problem.shards.size()));
  if (by_shard.empty()) return 0.0;
  return program.Solve();
}

}  // namespace

bool HasCbc() { return !support::FindProgram("cbc").empty(); }

ExactResult RunExactPlans(int seeds) {
  ExactResult result;
  std::vector<double> gaps;
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(seeds); ++seed) {
    Loads loads;
    const Problem problem = Fleet(seed, loads);
    Options options;
    options.weights.piece = 0;  // a range a move, as the optimum; no runs of neighbours
    const Outlook outlook(problem, options);
    const std::vector<Need> needs = NeedsOf(problem, options);
    if (needs.empty()) continue;
    Random random(seed);
    const Found found = Search(outlook, needs, random);
    double ours = 0;
    for (std::size_t i = 0; i < found.actions.size(); ++i)
      ours += WorthOf(needs[found.needs[i]], found.actions[i]);
    const auto best = BestPlan(outlook, needs);
    if (!best) result.problem = best.error().message;
    if (best && ours < *best - 1e-3 * std::abs(*best) - 1e-6)
      result.problem = fmt::format("seed {}: not the optimum", seed);
    // Answers to breaches are counted, not averaged.
    const double answered = best ? std::round(*best / kAnswer) : 0;
    if (best && answered != std::round(ours / kAnswer))
      result.problem = fmt::format("seed {}: a breach could be answered and is not", seed);
    if (!result.problem.empty()) return result;
    const double rest = std::abs(*best - kAnswer * answered);
    gaps.push_back(rest > 1e-6 ? (ours - *best) / rest : 0);
    result.optimal += ours - *best < 1e-3 ? 1 : 0;
  }
  Summarise(gaps, result);
  return result;
}

namespace {

// Member-hours of a fleet over the horizon.
double CostOf(const Problem& problem, const Options& options) {
  const Outlook outlook(problem, options);
  const double hours = kSteps * problem.bin_seconds / 3'600;
  double cost = 0;
  for (std::size_t i = 0; i < problem.shards.size(); ++i)
    cost += options.weights.member * hours + outlook.Read(outlook.Of(i), {}).cost;
  return cost;
}

double PriceOf(const Problem& problem, const Options& options, double bytes) {
  const MoveTime time = EstimateMoveTime(problem.memory, options.priors, bytes, false);
  return options.weights.change + options.weights.per_gigabyte * bytes / 1e9 +
         options.weights.dip * options.priors.dip * time.p80_seconds / 3'600 +
         options.weights.failure / 20;
}

// The best fleet that any set of moves could make, moves paid for.
Result<double> BestFleet(const Problem& problem, const Options& options, const Loads& loads) {
  const double hours = kSteps * problem.bin_seconds / 3'600;
  const double limit = problem.policy.limit_cpu_percent / 100.0;
  const double target = problem.policy.target_cpu_percent / 100.0;
  const auto shards = static_cast<std::size_t>(problem.policy.max_shards);
  Program program;
  std::vector<std::vector<Program::Term>> load(shards);
  std::vector<std::size_t> open;
  for (std::size_t s = 0; s < shards; ++s) {
    const bool there = s < problem.shards.size();
    open.push_back(program.Variable(hours * options.weights.member, true));
    if (there) program.Equal({{1, open[s]}}, 1);
  }
  for (std::size_t home = 0; home < problem.shards.size(); ++home) {
    for (const Unit& unit : problem.shards[home].units) {
      std::vector<Program::Term> one;
      for (std::size_t s = 0; s < shards; ++s) {
        const double price = s == home ? 0 : PriceOf(problem, options, unit.bytes);
        const std::size_t here = program.Variable(price, true);
        one.push_back({1, here});
        load[s].push_back({loads.at(unit.range.from), here});
        program.AtMost({{1, here}, {-1, open[s]}}, 0);
      }
      program.Equal(one, 1);
    }
  }
  const Weights& weights = options.weights;
  for (std::size_t s = 0; s < shards; ++s) {
    const std::size_t breach = program.Variable(hours * weights.breach, false);
    const std::size_t headroom = program.Variable(hours * weights.headroom, false);
    const std::size_t over = program.Variable(hours * weights.overload, true);
    const auto above = [&](std::size_t variable, double factor, double threshold) {
      std::vector<Program::Term> terms = load[s];
      terms.push_back({-factor, variable});
      program.AtMost(terms, threshold - kBackground);
    };
    above(breach, 1, limit);
    above(headroom, 1, target);
    above(over, 10, limit);
  }
  return program.Solve();
}

// Plans of cycle after cycle, each carried out, until nothing more is wanted.
double Converged(Problem problem, const Options& options, const Loads& loads) {
  double paid = 0;
  for (int cycle = 0; cycle < 12; ++cycle) {
    Random random(static_cast<std::uint64_t>(cycle));
    problem.now += 100;
    const model::Plan plan = MakePlan(problem, options, random);
    if (plan.decision != model::PlanDecision::kExecuting) break;
    std::vector<model::PlannedStep> now = plan.steps;
    std::erase_if(now,
                  [&](const model::PlannedStep& step) { return step.start != problem.now + 1; });
    for (const model::PlannedStep& step : now) {
      const auto effect = EffectOf(problem, step);
      CHECK(effect.ok(), "a plan that cannot be carried out", step.text);
      paid += PriceOf(problem, options, step.bytes);
      Unit moved = effect->parts.at(0).moved;
      std::vector<Unit>& units = problem.shards[effect->source].units;
      units.erase(units.begin() + static_cast<std::ptrdiff_t>(effect->parts[0].unit));
      if (effect->destination >= 0) {
        problem.shards[static_cast<std::size_t>(effect->destination)].units.push_back(moved);
      } else {
        Shard created = problem.shards[effect->source];
        created.id = {fmt::format("s-{:02}", problem.shards.size())};
        created.units = {moved};
        problem.shards.push_back(std::move(created));
      }
    }
    Settle(problem, loads);
  }
  return paid + CostOf(problem, options);
}

}  // namespace

ExactResult RunExactFleets(int seeds) {
  ExactResult result;
  std::vector<double> gaps;
  std::vector<double> idle;
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(seeds); ++seed) {
    Loads loads;
    const Problem problem = Fleet(seed, loads);
    Options options;
    options.new_shard_horizons = 1;  // both pay a new shard for the one period
    const auto best = BestFleet(problem, options, loads);
    const double ours = Converged(problem, options, loads);
    if (!best) result.problem = best.error().message;
    if (best && ours < *best * (1 - 2e-3))
      result.problem = fmt::format("seed {}: not the optimum", seed);
    if (!result.problem.empty()) return result;
    gaps.push_back(ours / *best - 1);
    idle.push_back(CostOf(problem, options) / *best - 1);
    result.optimal += gaps.back() < 1e-3 ? 1 : 0;
  }
  Summarise(gaps, result);
  std::sort(idle.begin(), idle.end());
  if (!idle.empty()) result.idle = idle[idle.size() / 2];
  return result;
}

}  // namespace foreshard::bench

#include "planner/search.h"

#include <gtest/gtest.h>

#include "planner/planner.h"
#include "tests/unit/planner/problems.h"

namespace foreshard::planner {
namespace {

// A random fleet: some shards will pass the limit, some have room.
Problem Fleet(std::uint64_t seed) {
  Random random(seed);
  Problem problem = TwoShards();
  problem.shards.clear();
  problem.policy.max_concurrent_migrations = 3;
  problem.policy.max_shards = 12;
  problem.memory.troubled_cycles = 1;
  const int shards = 4 + static_cast<int>(random.Below(5));
  for (int i = 0; i < shards; ++i) {
    Shard shard;
    shard.id = {"s-" + RandomId(random, 4)};
    shard.ready = !random.Chance(0.05);
    shard.migrating = random.Chance(0.1);
    shard.trust = FullTrust();
    const double base = 0.15 + 0.6 * random.Unit();
    shard.measured = {base, base};
    SetLoad(shard, {.from = base, .to = base + (random.Chance(0.4) ? 0.4 : 0.0)});
    const std::size_t first = 32 * static_cast<std::size_t>(i) / 10 * 8;
    for (std::size_t u = 0; u < 4; ++u) {
      const auto bound = [&](std::size_t n) {
        return model::FormatPosition(static_cast<model::Position>(n) << 55);
      };
      shard.units.push_back(EvenUnit(bound(first + 2 * u + 1), bound(first + 2 * u + 3), 0.25));
    }
    problem.shards.push_back(shard);
  }
  return problem;
}

model::Plan PlanOf(const Problem& problem, Optimiser optimiser) {
  Options options;
  options.optimiser = optimiser;
  options.merge_shards = true;
  Random random(7);
  return MakePlan(problem, options, random);
}

class EveryOptimiser : public testing::TestWithParam<Optimiser> {};

// behaviour-20
TEST_P(EveryOptimiser, KeepsEveryHardConstraintAndGivesTheSamePlanAgain) {
  int acted = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Problem problem = Fleet(seed);
    const model::Plan plan = PlanOf(problem, GetParam());
    EXPECT_EQ(plan, PlanOf(problem, GetParam())) << "seed " << seed;
    const auto find = [&problem](const model::ShardId& id) -> const Shard* {
      for (const Shard& shard : problem.shards) {
        if (shard.id == id) return &shard;
      }
      return nullptr;
    };
    std::map<std::string, int> sends;
    std::map<std::string, int> receives;
    int starting = 0;
    std::size_t made = 0;
    for (const model::PlannedStep& step : plan.steps) {
      const Shard* source = find(step.shard);
      ASSERT_NE(source, nullptr);
      const bool again = ++sends[step.shard.value] > 1;
      EXPECT_TRUE(!again || step.reason == model::PlanReason::kScaleIn)
          << "one outgoing transfer a shard, seed " << seed;
      if (const Shard* destination = find(step.destination); destination != nullptr) {
        EXPECT_TRUE(destination->ready && !destination->migrating) << "seed " << seed;
        if (step.reason != model::PlanReason::kScaleIn) {
          EXPECT_EQ(++receives[step.destination.value], 1) << "seed " << seed;
        }
      } else {
        ++made;
      }
      if (step.start != problem.now + 1 || plan.decision != model::PlanDecision::kExecuting)
        continue;
      ++starting;
      EXPECT_TRUE(source->ready && !source->migrating) << "seed " << seed;
    }
    EXPECT_LE(starting, problem.policy.max_concurrent_migrations) << "seed " << seed;
    EXPECT_LE(problem.shards.size() + made, 12u) << "seed " << seed;
    acted += starting > 0 ? 1 : 0;
  }
  EXPECT_GT(acted, 20) << "a test of plans that plan nothing proves nothing";
}

INSTANTIATE_TEST_SUITE_P(Search, EveryOptimiser,
                         testing::Values(Optimiser::kGreedy, Optimiser::kNeighbourhood,
                                         Optimiser::kGenetic));

std::vector<Need> NeedsOf(const Problem& problem) {
  std::vector<Need> needs;
  for (std::size_t i = 0; i < problem.shards.size(); ++i) {
    const Shard& shard = problem.shards[i];
    if (shard.ready && !shard.migrating && model::Quantile(shard.fan.steps.back(), 0.95) > 0.8)
      needs.push_back({.shard = i, .mandatory = true, .new_shard_allowed = true});
  }
  return needs;
}

TEST(Search, TheSearchIsNeverWorseThanItsSeed) {
  int better = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const Problem problem = Fleet(seed);
    const std::vector<Need> needs = NeedsOf(problem);
    if (needs.empty()) continue;
    double objective[3];
    for (const Optimiser optimiser :
         {Optimiser::kGreedy, Optimiser::kNeighbourhood, Optimiser::kGenetic}) {
      Options options;
      options.optimiser = optimiser;
      const Outlook outlook(problem, options);
      Random random(5);
      const Found found = Search(outlook, needs, random);
      double broken = 0;
      for (const Candidate& action : found.actions) broken += action.keeps_target ? 0 : 1e3;
      objective[static_cast<int>(optimiser)] =
          found.objective + broken + 1e6 * static_cast<double>(needs.size() - found.actions.size());
    }
    EXPECT_LE(objective[1], objective[0] + 1e-6) << "seed " << seed;
    EXPECT_LE(objective[2], objective[0] + 1e-6) << "seed " << seed;
    better += objective[1] < objective[0] - 1e-6 ? 1 : 0;
  }
  RecordProperty("better", better);
}

TEST(Search, AHigherPriceOfChangeNeverTurnsNoChangeIntoAPlan) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Problem problem = Fleet(seed);
    Options cheap;
    Options dear;
    dear.weights.change = 10 * cheap.weights.change;
    Random a(1);
    Random b(1);
    const model::Plan before = MakePlan(problem, cheap, a);
    const model::Plan after = MakePlan(problem, dear, b);
    EXPECT_LE(after.steps.size(), before.steps.size()) << "seed " << seed;
  }
}

TEST(Search, MoreHeadroomNeverMeansMoreActions) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Problem problem = Fleet(seed);
    const std::size_t before = PlanOf(problem, Optimiser::kNeighbourhood).steps.size();
    for (Shard& shard : problem.shards) {
      for (model::Quantiles& step : shard.fan.steps)
        for (double& value : step) value *= 0.5;
      for (std::vector<double>& path : shard.scenarios.paths)
        for (double& value : path) value *= 0.5;
      for (double& value : shard.measured) value *= 0.5;
    }
    Options options;
    Random random(7);
    EXPECT_LE(MakePlan(problem, options, random).steps.size(), before) << "seed " << seed;
  }
}

TEST(Search, ACopyThatOverloadsMoreThanItAvoidsIsNotMadeOnAForecast) {
  const Problem problem = TwoShards();
  Candidate harm{.benefit = -0.1, .keeps_target = true};
  const auto worthwhile = [&](const Need& need) {
    return Worthwhile(problem, Options{}, need, harm);
  };
  EXPECT_FALSE(worthwhile({.mandatory = true}));
  EXPECT_TRUE(worthwhile({.mandatory = true, .measured = true})) << "the guard has no choice";
  harm.benefit = 0.1;
  EXPECT_TRUE(worthwhile({.mandatory = true})) << "whatever it costs otherwise";
}

TEST(Search, AHotKeyThatNoSplitCanHelpIsTakenOut) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.6, .to = 1.0});
  problem.shards[0].units[0].hot_keys.push_back({.key = "42", .share = 0.6});
  problem.memory.troubled_cycles = 1;
  Options options;
  options.isolate_keys = true;
  Random random(1);
  const model::Plan plan = MakePlan(problem, options, random);
  ASSERT_EQ(plan.steps.size(), 1u) << plan.summary;
  EXPECT_TRUE(plan.steps[0].type == model::ActionType::kIsolate ||
              plan.steps[0].type == model::ActionType::kMoveKeys);
  EXPECT_EQ(plan.steps[0].keys, std::vector<std::string>{"42"});
}

TEST(Search, AUnitRestsAfterItMoved) {
  Problem problem = TwoShards();
  SetLoad(problem.shards[0], {.from = 0.5, .to = 0.9});
  problem.memory.troubled_cycles = 1;
  problem.shards[0].units[0].last_move = problem.now - 2;
  Random random(1);
  EXPECT_TRUE(MakePlan(problem, Options{}, random).steps.empty());
  problem.shards[0].measured = {0.85, 0.9};
  EXPECT_FALSE(MakePlan(problem, Options{}, random).steps.empty()) << "the guard does not wait";
}

}  // namespace
}  // namespace foreshard::planner

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "planner/planner.h"
#include "tests/support/golden.h"
#include "tests/unit/planner/problems.h"

// Situations with the plan and the sentence that a person reads. Reviewed by eye: a change of the
// golden file is a change of what people are told at night.

namespace foreshard::planner {
namespace {

Options Everything() {
  Options options;
  options.merge_shards = true;
  options.isolate_keys = true;
  return options;
}

std::string Told(const std::string& title, const Problem& problem) {
  Random random(1);
  const model::Plan plan = MakePlan(problem, Everything(), random);
  std::string text = fmt::format(
      "## {}\n{}{}\n{}\n", title, ToString(plan.decision),
      plan.reason == model::PlanReason::kNone ? "" : fmt::format(" ({})", ToString(plan.reason)),
      plan.summary);
  for (const model::PlannedStep& step : plan.steps) {
    text += fmt::format("- {} {}: {}\n", step.start <= problem.now + 1 ? "now" : "later",
                        ToString(step.reason), step.text);
  }
  for (const model::PlanAlternative& other : plan.alternatives)
    text += fmt::format("  or {} ({:+.2f} member-hours)\n", other.text, other.cost_member_hours);
  return text + "\n";
}

// Bins of five minutes; the first shard will pass the limit within two hours.
Problem Breach() {
  Problem problem = TwoShards();
  problem.bin_seconds = 300;
  problem.now = 5'911'110;
  problem.policy.cool_down = std::chrono::hours(1);
  SetLoad(problem.shards[0], {.from = 0.4, .to = 1.1});
  SetLoad(problem.shards[1], {.from = 0.3, .to = 0.6});
  for (Shard& shard : problem.shards) shard.units[0].bytes = 8e9;
  problem.memory.troubled_cycles = 1;
  return problem;
}

Problem With(const std::function<void(Problem&)>& change) {
  Problem problem = Breach();
  change(problem);
  return problem;
}

std::string Breaches() {
  std::string text;
  text += Told("A breach is predicted", Breach());
  text += Told("A breach is predicted and a shard has room",
               With([](Problem& p) { SetLoad(p.shards[1], {.from = 0.05, .to = 0.05}); }));
  text += Told("The breach is far away and was seen once", With([](Problem& p) {
                 p.memory.troubled_cycles = 0;
                 SetLoad(p.shards[0], {.from = 0.3, .to = 0.85});
               }));
  text += Told("A breach after the fan, and soon no copy can be borne", With([](Problem& p) {
                 SetLoad(p.shards[0], {.from = 0.64, .to = 0.69});
                 p.shards[0].later.assign(48, 0.6);
                 p.shards[0].later[10] = 0.95;
                 p.shards[1].later.assign(48, 0.3);
               }));
  text += Told("The same, seen for the first time", With([](Problem& p) {
                 p.memory.troubled_cycles = 0;
                 SetLoad(p.shards[0], {.from = 0.64, .to = 0.69});
                 p.shards[0].later.assign(48, 0.6);
                 p.shards[0].later[10] = p.shards[0].later[11] = 0.95;
                 p.shards[1].later.assign(48, 0.3);
               }));
  text += Told("A breach that is smaller than the copy that would avoid it", With([](Problem& p) {
                 SetLoad(p.shards[0], {.from = 0.77, .to = 0.77});
                 p.shards[0].units[0].bytes = 60e9;
               }));
  text += Told("Two shards will pass the limit", With([](Problem& p) {
                 p.policy.max_concurrent_migrations = 2;
                 SetLoad(p.shards[1], {.from = 0.5, .to = 0.95});
               }));
  text += Told("A breach is measured and there is no forecast", With([](Problem& p) {
                 p.shards[0].fan.steps.clear();
                 p.shards[0].scenarios = {};
                 p.shards[0].trust = {};
                 p.shards[0].measured = {0.5, 0.85, 0.9};
               }));
  text +=
      Told("The forecast is not trusted", With([](Problem& p) { p.shards[0].trust.skill = 0.1; }));
  text +=
      Told("There is too little history", With([](Problem& p) { p.shards[0].trust.history = 0; }));
  text += Told("Metrics are stale", With([](Problem& p) { p.metrics_fresh = false; }));
  return text;
}

std::string Obstacles() {
  std::string text;
  text += Told("A freeze window begins too soon", With([](Problem& p) {
                 p.frozen.push_back({.name = "payroll", .from = p.now + 1, .to = p.now + 50});
               }));
  text += Told("There is time before the freeze window", With([](Problem& p) {
                 p.frozen.push_back({.name = "payroll", .from = p.now + 3, .to = p.now + 50});
               }));
  text += Told("Another migration runs", With([](Problem& p) { p.migrations_in_flight = 1; }));
  text += Told("It moved a moment ago", With([](Problem& p) { p.shards[0].last_action = p.now; }));
  text += Told("The hour's bytes are spent",
               With([](Problem& p) { p.policy.max_moved_bytes_per_hour = 1'000'000; }));
  text += Told("The horizon is too short", With([](Problem& p) { p.memory.duration.mean = 3.5; }));
  text += Told("There may be no more shards and nobody has room", With([](Problem& p) {
                 p.policy.max_shards = 2;
                 SetLoad(p.shards[1], {.from = 0.75, .to = 0.75});
               }));
  text += Told("The source is not ready", With([](Problem& p) { p.shards[0].ready = false; }));
  text += Told("A person has to approve",
               With([](Problem& p) { p.policy.mode = model::ScalingMode::kRecommend; }));
  text += Told("It only observes",
               With([](Problem& p) { p.policy.mode = model::ScalingMode::kObserve; }));
  return text;
}

std::string Keys() {
  std::string text;
  text += Told("One key is most of the load", With([](Problem& p) {
                 p.shards[0].units[0].hot_keys.push_back({.key = "4711", .share = 0.6});
               }));
  text += Told("Too few samples to cut",
               With([](Problem& p) { p.shards[0].units[0].reservoir.resize(20); }));
  text += Told("All load lies at one end", With([](Problem& p) {
                 for (HeatSample& sample : p.shards[0].units[0].reservoir) sample.bound = "7f";
               }));
  text += Told("Several ranges: one is enough", With([](Problem& p) {
                 p.shards[0].units = {EvenUnit("", "20", 0.2), EvenUnit("20", "80", 0.8)};
                 SetLoad(p.shards[0], {.from = 0.5, .to = 0.78});
                 SetLoad(p.shards[1], {.from = 0.2, .to = 0.2});
               }));
  return text;
}

std::string Quiet() {
  std::string text;
  text += Told("Nothing is the matter", TwoShards());
  text += Told("Over the target, never near the limit", With([](Problem& p) {
                 SetLoad(p.shards[0], {.from = 0.68, .to = 0.72, .spread = 0.02});
                 SetLoad(p.shards[1], {.from = 0.5, .to = 0.5});
               }));
  const auto idle = [](Problem& p) {
    p.policy.min_shards = 1;
    for (Shard& shard : p.shards) {
      SetLoad(shard, {.from = 0.2, .to = 0.2});
      shard.measured = {0.2, 0.2, 0.2};
      shard.later.assign(48, 0.22);
    }
  };
  text += Told("One shard could go: first look", With(idle));
  text += Told("One shard could go: third look", With([&idle](Problem& p) {
                 idle(p);
                 p.memory.quiet_cycles = 2;
               }));
  text += Told("One shard could go for two hours", With([&idle](Problem& p) {
                 idle(p);
                 for (Shard& shard : p.shards) shard.later.assign(48, 0.6);
               }));
  text += Told("One shard could go, but there must be two", With([&idle](Problem& p) {
                 idle(p);
                 p.policy.min_shards = 2;
               }));
  return text;
}

TEST(Plans, ReadAsTheyWereReviewed) {
  EXPECT_TRUE(support::IsGolden("planner/breaches.txt", Breaches()));
  EXPECT_TRUE(support::IsGolden("planner/obstacles.txt", Obstacles()));
  EXPECT_TRUE(support::IsGolden("planner/keys.txt", Keys()));
  EXPECT_TRUE(support::IsGolden("planner/quiet.txt", Quiet()));
}

}  // namespace
}  // namespace foreshard::planner

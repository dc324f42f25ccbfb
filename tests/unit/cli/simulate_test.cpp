#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/simulate/aggregate.h"
#include "cli/simulate/baselines.h"
#include "cli/simulate/bound.h"
#include "cli/simulate/hours.h"
#include "cli/simulate/plot.h"
#include "cli/simulate/report.h"
#include "cli/simulate/run.h"
#include "cli/simulate/slots.h"
#include "cli/simulate/tuning.h"

namespace foreshard::simulate {
namespace {

Options Small() {
  Options options;
  options.strategies = {"static-peak", "reactive"};
  options.units = 16;
  options.shards = 4;
  options.move_minutes = 60;
  options.bin = std::chrono::minutes(15);
  options.horizon = std::chrono::hours(2);
  return options;
}

// Ten days of 15-minute bins.
Trace SmallTrace() { return SyntheticTrace(Small(), 1); }

TEST(SimulatedWorld, PeaksAtNineAndAHalfShardsAtTheLimit) {
  const Options options = Small();
  const World world = MakeWorld(SmallTrace(), options, 1);
  double peak = 0;
  for (std::size_t bin = world.scored; bin < world.bins; ++bin)
    peak = std::max(peak, world.Total(bin));
  EXPECT_NEAR(peak / world.capacity / 0.8, 9.5, 1e-9);
  EXPECT_EQ(world.scored, 6u * 96u);
}

TEST(SimulatedWorld, SharesOfAUnitAddUpWithAndWithoutAHotKey) {
  Options options = Small();
  options.with = {"hotkey"};
  const World world = MakeWorld(SmallTrace(), options, 3);
  ASSERT_FALSE(world.hot.empty());
  const HotSpell& spell = world.hot.front();
  const model::Position from = world.StartOf(spell.unit);
  const model::Position to = world.StartOf(spell.unit + 1);
  const model::Position middle = from + (to - from - 1) / 2;
  EXPECT_NEAR(world.ShareOf(spell.unit, from, middle, spell.from) +
                  world.ShareOf(spell.unit, middle, to, spell.from),
              1, 1e-9);
  EXPECT_GE(world.ShareOf(spell.unit, spell.at, spell.at + 1, spell.from), 0.1);
}

TEST(SimulatedWorld, FlashCrowdsComeOnTopOfTheSameWorld) {
  Options options = Small();
  const World calm = MakeWorld(SmallTrace(), options, 5);
  options.with = {"flash"};
  const World busy = MakeWorld(SmallTrace(), options, 5);
  EXPECT_EQ(calm.capacity, busy.capacity);
  for (const Crowd& crowd : busy.crowds) {
    const std::size_t bin = crowd.start + static_cast<std::size_t>(crowd.before);
    if (bin >= busy.bins) continue;
    EXPECT_GT(busy.demand[crowd.unit][bin], 2 * calm.demand[crowd.unit][bin]);
    EXPECT_FALSE(crowd.announced) << "nobody could know";
  }
}

TEST(SimulatedFleet, LoadMovesAtTheCutoverAndNothingIsLost) {
  const Options options = Small();
  const World world = MakeWorld(SmallTrace(), options, 1);
  Fleet fleet(world, options, 4, 1);
  fleet.Enter(world.begin);
  const Piece piece = fleet.pieces().front();
  const double load = Past(world, world.begin).Load(piece);
  const double before = fleet.load()[piece.shard];
  ASSERT_TRUE(fleet.Start({.type = model::ActionType::kMove,
                           .source = piece.shard,
                           .destination = 3,
                           .from = piece.from,
                           .to = piece.to}));
  EXPECT_FALSE(fleet.Start({.type = model::ActionType::kMove,
                            .source = piece.shard,
                            .destination = 2,
                            .from = fleet.pieces()[1].from,
                            .to = fleet.pieces()[1].to}))
      << "one outgoing transfer a shard";
  const std::size_t ends = fleet.transfers().front().ends;
  EXPECT_NEAR(before, load, before) << "it is part of the shard";
  for (std::size_t bin = world.begin + 1; bin < ends; ++bin) {
    fleet.Enter(bin);
    EXPECT_EQ(fleet.pieces().front().shard, piece.shard) << bin;
    EXPECT_NEAR(fleet.load()[piece.shard] - fleet.clients()[piece.shard], 0.10, 1e-9);
    EXPECT_NEAR(fleet.load()[3] - fleet.clients()[3], 0.05, 1e-9);
  }
  fleet.Enter(ends);
  EXPECT_EQ(fleet.pieces().front().shard, 3u);
  double sum = 0;
  for (const double one : fleet.load()) sum += one;
  EXPECT_NEAR(sum, world.Total(ends) / world.capacity, 1e-9);
}

TEST(SimulatedFleet, AnEmptyShardIsRemovedAndASplitPartIsJoinedAgain) {
  Options options = Small();
  const World world = MakeWorld(SmallTrace(), options, 1);
  Fleet fleet(world, options, 2, 1);
  fleet.Enter(world.begin);
  const std::size_t pieces = fleet.pieces().size();
  const Piece piece = fleet.pieces().front();
  const model::Position middle = piece.from + (piece.to - piece.from - 1) / 2;
  const auto finish = [&] {
    for (std::size_t bin = fleet.now() + 1; !fleet.transfers().empty(); ++bin) fleet.Enter(bin);
  };
  ASSERT_TRUE(fleet.Start(
      {.type = model::ActionType::kSplit, .source = piece.shard, .from = middle, .to = piece.to}));
  EXPECT_EQ(fleet.alive(), 3u) << "a new shard counts from its creation";
  finish();
  EXPECT_EQ(fleet.pieces().size(), pieces + 1);
  ASSERT_TRUE(
      fleet.Start({.type = model::ActionType::kMerge, .source = 2, .destination = piece.shard}));
  finish();
  EXPECT_EQ(fleet.alive(), 2u);
  EXPECT_EQ(fleet.pieces().size(), pieces);
}

TEST(SimulatedPast, RefusesTheFuture) {
  const World world = MakeWorld(SmallTrace(), Small(), 1);
  const Past past(world, 100);
  EXPECT_GT(past.Demand(0, 100), 0);
  EXPECT_DEATH(past.Demand(0, 101), "future");
}

TEST(SimulatedRun, IsAFunctionOfItsSeed) {
  Options options = Small();
  options.strategies = {"reactive", "oracle"};
  const SystemClock clock;
  const auto once = RunWorld(SmallTrace(), options, 2, clock, {});
  const auto again = RunWorld(SmallTrace(), options, 2, clock, {});
  const auto other = RunWorld(SmallTrace(), options, 3, clock, {});
  ASSERT_EQ(once.size(), 2u);
  for (std::size_t i = 0; i < once.size(); ++i) {
    EXPECT_EQ(once[i].metrics, again[i].metrics);
    EXPECT_EQ(once[i].actions, again[i].actions);
  }
  EXPECT_NE(once[0].metrics, other[0].metrics);
}

TEST(SimulatedReport, HasTheAgreedKeysAndFiniteNumbers) {
  const Options options = Small();
  const SystemClock clock;
  const auto runs = RunWorld(SmallTrace(), options, 1, clock, {});
  const auto json = nlohmann::json::parse(ToJson(options, {"synthetic"}, runs, 1.5));
  for (const char* key : {"config", "runs", "summary", "versusReactive", "seconds"})
    EXPECT_TRUE(json.contains(key)) << key;
  for (const char* key :
       {"traces", "seeds", "shards", "units", "zipf", "with", "moveMinutes", "aggregate"})
    EXPECT_TRUE(json["config"].contains(key)) << key;
  const auto& run = json["runs"][0];
  for (const char* key : {"trace", "seed", "strategy", "overloadedSlotsPercent", "overloadIntegral",
                          "memberHours", "actions", "moves", "planMillis"})
    EXPECT_TRUE(run.contains(key)) << key;
  EXPECT_EQ(run["actions"].size(), 7u);
  EXPECT_DOUBLE_EQ(json["versusReactive"][1]["memberHoursRatio"], 1);
  EXPECT_EQ(ToJson(options, {}, runs, 0).find("null"), std::string::npos)
      << "a number was not finite";
}

TEST(SimulatedReport, IntervalsAreThoseOfAMean) {
  const Estimate estimate = MeanOf({1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(estimate.mean, 2.5);
  EXPECT_NEAR(estimate.ci95, 1.96 * std::sqrt(5.0 / 3 / 4), 1e-12);
  EXPECT_DOUBLE_EQ(MeanOf({7}).ci95, 0);
}

TEST(SimulatedPlot, DrawsEveryStrategy) {
  const Options options = Small();
  const SystemClock clock;
  const auto runs = RunWorld(SmallTrace(), options, 1, clock, {});
  const std::string svg = Plot(options, {runs.data(), runs.data() + 1});
  EXPECT_NE(svg.find("static-peak"), std::string::npos);
  EXPECT_NE(svg.find("reactive"), std::string::npos);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
}

TEST(AggregateWorld, PerfectForesightBeatsReactingAndStaticPeakIsNeverOverloaded) {
  Options options = Small();
  options.aggregate = true;
  options.move_minutes = 77;
  options.bin = std::chrono::minutes(5);
  options.strategies = {"static-peak", "reactive", "oracle"};
  const SystemClock clock;
  const auto runs = RunAggregate(SyntheticTrace(options, 1), options, clock, {});
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].Metric("overloadedSlotsPercent"), 0);
  EXPECT_DOUBLE_EQ(runs[0].Metric("meanShards"), 10);
  EXPECT_LE(runs[2].Metric("overloadedSlotsPercent"), runs[1].Metric("overloadedSlotsPercent"));
  EXPECT_LT(runs[2].Metric("memberHours"), runs[0].Metric("memberHours"));
}

TEST(SimulatedTuning, SettingsAreReadAndWrongOnesAreNamed) {
  model::ScalingSpec policy;
  planner::Options prices;
  ASSERT_TRUE(Tune("ours@quantile=80;target=77;change=0.5", policy, prices));
  EXPECT_EQ(policy.plan_quantile_percent, 80);
  EXPECT_EQ(policy.target_cpu_percent, 77);
  EXPECT_DOUBLE_EQ(prices.weights.change, 0.5);
  EXPECT_TRUE(Tune("ours", policy, prices));
  EXPECT_EQ(BaseName("ours@quantile=80"), "ours");
  for (const char* wrong : {"ours@colour=3", "ours@quantile", "ours@quantile=many"})
    EXPECT_FALSE(Tune(wrong, policy, prices)) << wrong;
}

TEST(SimulatedStrategies, EveryOneOfThemServesASmallWorld) {
  Options options = Small();
  options.strategies.assign(std::begin(kStrategies), std::end(kStrategies));
  options.with = {"flash", "hotkey", "event", "failures"};
  const SystemClock clock;
  const auto runs = RunWorld(SmallTrace(), options, 4, clock, {});
  ASSERT_EQ(runs.size(), std::size(kStrategies));
  for (const RunResult& run : runs) {
    EXPECT_GT(run.Metric("memberHours"), 0) << run.strategy;
    EXPECT_LE(run.Metric("overloadedSlotsPercent"), 100) << run.strategy;
    const bool fixed = run.strategy.starts_with("static") || IsBound(run.strategy);
    EXPECT_EQ(run.Metric("moves") > 0, !fixed) << run.strategy;
  }
}

TEST(SimulatedBound, NobodyIsBelowItWithoutOverload) {
  Options options = Small();
  options.strategies = {"bound", "bound-target", "static-peak", "oracle"};
  const SystemClock clock;
  const auto runs = RunWorld(SmallTrace(), options, 2, clock, {});
  ASSERT_EQ(runs.size(), 4u);
  const World world = MakeWorld(SmallTrace(), options, 2);
  double hours = 0;
  for (std::size_t bin = world.scored; bin < world.bins; ++bin) {
    const double at_limit = world.capacity * options.limit_percent / 100.0;
    hours += std::ceil(world.Total(bin) / at_limit - 1e-9) *
             static_cast<double>(options.bin.count()) / 3'600;
  }
  EXPECT_NEAR(runs[0].Metric("memberHours"), hours, 1e-6);
  EXPECT_LE(runs[0].Metric("worstUtilisation"), options.limit_percent / 100.0 + 1e-9);
  EXPECT_LE(runs[1].Metric("worstUtilisation"), options.target_percent / 100.0 + 1e-9);
  EXPECT_GE(runs[1].Metric("memberHours"), hours);
  EXPECT_GE(runs[3].Metric("memberHours"), hours) << "not even who knows the future";
}

TEST(SimulatedHours, PartsAddUpAndSayWhatTheyAre) {
  Options options = Small();
  options.target_percent = 70;
  Course course;
  const auto day = static_cast<std::size_t>(options.DayBins());
  course.total.assign(2 * day, 3.6);  // 4 shards at the limit, 5 at the target
  course.worst.assign(2 * day, 0.64);
  course.worst_clients.assign(2 * day, 0.64);
  course.mean.assign(2 * day, 0.48);
  course.shards.assign(2 * day, 8);
  course.running.assign(2 * day, 0);
  course.total[day + 48] = 4.5;  // an hour before and after it is dearer: 6 at the target
  course.worst[day + 48] = 0.9;
  course.running[day + 48] = 1;
  const Hours hours = HoursOf(course, options);
  EXPECT_NEAR(hours.shards, 24 * 8, 1e-9) << "the first day is not scored";
  EXPECT_NEAR(hours.load, 24 * 4 + 0.25, 1e-9);
  EXPECT_NEAR(hours.target, 24, 1e-9);
  EXPECT_NEAR(hours.ahead, 1, 1e-9);
  EXPECT_NEAR(hours.behind, 1, 1e-9);
  EXPECT_NEAR(hours.uneven, 24 * 2, 1.2) << "the fullest shard is a third above the mean";
  EXPECT_NEAR(hours.load + hours.target + hours.ahead + hours.behind + hours.uneven + hours.idle,
              hours.shards, 1e-9);
  EXPECT_EQ(hours.over, 1);
  EXPECT_EQ(hours.over_moving, 1);
  EXPECT_EQ(hours.over_copies, 1) << "clients alone would not have been too many";
  RunResult run{.trace = "t", .seed = 1, .strategy = "reactive", .course = course};
  EXPECT_NE(HoursToTable(options, {run}).find("192.0"), std::string::npos);
}

TEST(SimulatedSlots, HasALineForEveryBin) {
  Options options = Small();
  options.strategies = {"reactive", "oracle"};
  const SystemClock clock;
  const auto runs = RunWorld(SmallTrace(), options, 2, clock, {});
  const std::string csv = SlotsToCsv(runs);
  const World world = MakeWorld(SmallTrace(), options, 2);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'),
            static_cast<std::ptrdiff_t>(1 + 2 * (world.bins - world.begin)));
  EXPECT_NE(csv.find(",oracle,0,"), std::string::npos);
  EXPECT_NE(csv.find("NoChange"), std::string::npos) << "the planner says what it decided";
  EXPECT_FALSE(WriteSlots("/nowhere/at/all.csv", runs));
}

TEST(SimulatedTrace, FillsCoarseSamplesByLinesAndKeepsTwoWeeks) {
  std::string text = "timestamp,value\n";
  for (int hour = 0; hour < 24 * 20; ++hour)
    text += std::to_string(hour * 3600) + "," + std::to_string(hour % 24) + "\n";
  const auto trace = MakeTrace("made", text, Options{});
  ASSERT_TRUE(trace) << trace.error().message;
  EXPECT_EQ(trace->demand.size(), 14u * 288u);
  EXPECT_FALSE(MakeTrace("short", "timestamp,value\n0,1\n300,2\n", Options{}));
}

}  // namespace
}  // namespace foreshard::simulate

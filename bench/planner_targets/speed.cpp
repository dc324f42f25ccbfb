#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cmath>

#include "bench/planner_targets/parts.h"
#include "planner/planner.h"

namespace foreshard::bench {

namespace {

constexpr std::size_t kUnitsPerShard = 10;
constexpr std::size_t kSteps = 24;
constexpr std::size_t kPaths = 64;
constexpr int kRounds = 7;

// Of this process, so that a busy machine changes little.
double CpuMillis() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

double MemoryMb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

planner::Unit UnitAt(std::size_t index, std::size_t of, Random& random) {
  const auto bound = [of](std::size_t i) {
    if (i >= of) return std::string();
    return model::FormatPosition(
        static_cast<model::Position>(static_cast<double>(i) / static_cast<double>(of) * 0x1p64));
  };
  planner::Unit unit;
  unit.range = {.from = bound(index), .to = bound(index + 1)};
  unit.share = 1.0 / kUnitsPerShard;
  unit.bytes = 1e9 * (0.5 + random.Unit());
  return unit;
}

void AddHeat(planner::Unit& unit) {
  const double from = static_cast<double>(*model::ParsePosition(unit.range.from));
  const double to =
      unit.range.to.empty() ? 0x1p64 : static_cast<double>(*model::ParsePosition(unit.range.to));
  for (int i = 0; i < 128; ++i) {
    const double at = from + (to - from) * (i + 0.5) / 128;
    unit.reservoir.push_back(
        {.bound = model::FormatPosition(static_cast<model::Position>(at)), .weight = 1});
  }
}

planner::Shard ShardAt(std::size_t index, std::size_t of, bool troubled, Random& random) {
  planner::Shard shard;
  shard.id = {"s-" + RandomId(random, 6)};
  shard.ready = true;
  shard.trust.history = shard.trust.data = shard.trust.skill = 1;
  shard.trust.coverage = shard.trust.freshness = 1;
  const double base = troubled ? 0.6 + 0.1 * random.Unit() : 0.25 + 0.3 * random.Unit();
  const double rise = troubled ? 0.3 : 0.05;
  shard.measured = {base, base};
  shard.scenarios.paths.assign(kPaths, std::vector<double>(kSteps));
  for (std::size_t r = 0; r < kPaths; ++r) {
    shard.scenarios.drawn_from.push_back(static_cast<std::int64_t>(r));
    for (std::size_t h = 0; h < kSteps; ++h) {
      shard.scenarios.paths[r][h] =
          (base + rise * static_cast<double>(h) / kSteps) * std::exp(0.05 * random.Normal());
    }
  }
  for (std::size_t h = 0; h < kSteps; ++h) {
    std::vector<double> sample;
    for (std::size_t r = 0; r < kPaths; ++r) sample.push_back(shard.scenarios.paths[r][h]);
    shard.fan.steps.push_back(model::QuantilesOf(sample));
  }
  for (std::size_t i = 0; i < kUnitsPerShard; ++i) {
    shard.units.push_back(UnitAt(index * kUnitsPerShard + i, of * kUnitsPerShard, random));
    if (troubled) AddHeat(shard.units.back());
  }
  return shard;
}

double MedianMillis(const planner::Problem& problem, const planner::Options& options,
                    std::size_t& steps) {
  std::vector<double> millis;
  for (int round = 0; round < kRounds; ++round) {
    Random random(7);
    const double start = CpuMillis();
    const model::Plan plan = planner::MakePlan(problem, options, random);
    millis.push_back(CpuMillis() - start);
    steps = plan.steps.size();
  }
  std::sort(millis.begin(), millis.end());
  return millis[millis.size() / 2];
}

}  // namespace

SpeedRow RunSpeed(std::size_t shards) {
  Random random(shards);
  SpeedRow row{.shards = shards, .units = shards * kUnitsPerShard};
  row.troubled = std::min(shards / 2, std::max<std::size_t>(20, shards / 50));
  planner::Problem problem;
  problem.now = 100'000;
  problem.policy.mode = model::ScalingMode::kAuto;
  problem.policy.max_shards = static_cast<int>(shards) + 100;
  problem.policy.min_shards = static_cast<int>(shards);
  problem.policy.max_concurrent_migrations = 8;
  for (std::size_t i = 0; i < shards; ++i)
    problem.shards.push_back(ShardAt(i, shards, i < row.troubled, random));
  planner::Options options;
  options.actions_max = 64;
  row.plan_millis = MedianMillis(problem, options, row.steps);
  options.optimiser = planner::Optimiser::kGreedy;
  std::size_t ignored = 0;
  row.greedy_millis = MedianMillis(problem, options, ignored);
  row.memory_mb = MemoryMb();
  return row;
}

}  // namespace foreshard::bench

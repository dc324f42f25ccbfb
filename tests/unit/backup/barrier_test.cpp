#include "backup/barrier.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>

#include "base/log.h"
#include "tests/unit/backup/point_world.h"

namespace foreshard::backup {
namespace {

struct History {
  std::string problem;  // "": none
  Loss loss = Loss::kNone;
  bool kept = false;
  bool died = false;
};

// Some barriers, one after the other, in one world. The process may die in each.
History Live(const WorldOptions& options) {
  log::SetLevel(log::Level::kError);  // Lost points are many here.
  PointWorld world(options);
  Random random(options.seed * 7 + 1);
  for (int i = 0; i < 60; ++i) world.Tick();
  History history;
  const int deadly = options.faults && random.Chance(0.3) ? static_cast<int>(random.Below(12)) : -1;
  {
    world.BarrierBegins();
    Barrier barrier({.before = world.Set(),
                     .shards = world.Shards(),
                     .routers = world.routers(),
                     .set = world.set(),
                     .book = world.book(),
                     .calls_at_once = 1},
                    world.barrier_clock());
    for (int step = 0;; ++step) {
      if (step == deadly) {
        world.ProcessDies();
        history.died = true;
        break;
      }
      const Barrier::Turn turn = barrier.Step();
      if (turn == Barrier::Turn::kDone) break;
      if (turn == Barrier::Turn::kPause) world.Tick();
      if (step > 100'000) {
        history.problem = "it never ends";
        return history;
      }
    }
    history.loss = barrier.report().loss;
    history.kept = barrier.report().point.has_value();
    if (history.kept == (history.loss != Loss::kNone) && !history.died) {
      history.problem = "kept and lost do not agree";
    }
  }
  if (history.problem.empty()) history.problem = world.CheckService();
  for (const Point& point : world.kept()) {
    if (history.problem.empty()) history.problem = world.CheckPoint(point);
  }
  return history;
}

// The first seed whose history goes wrong.
std::optional<std::uint64_t> FirstWrong(Canary canary, std::uint64_t seeds) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    if (!Live({.seed = seed, .canary = canary}).problem.empty()) return seed;
  }
  return std::nullopt;
}

constexpr std::uint64_t kSeeds = 20'000;

TEST(Barrier, KeepsOnlyPointsThatAreWholeAndKeepsNobodyWaiting) {
  std::map<Loss, int> losses;
  int kept = 0;
  int died = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const History history = Live({.seed = seed});
    ASSERT_EQ(history.problem, "") << "seed " << seed;
    ++losses[history.loss];
    kept += history.kept ? 1 : 0;
    died += history.died ? 1 : 0;
  }
  // It has been everywhere.
  for (const Loss loss :
       {Loss::kCutover, Loss::kNoIntent, Loss::kRouters, Loss::kNotDrained, Loss::kHoldRanOut,
        Loss::kLock, Loss::kPoint, Loss::kSetChanged, Loss::kState, Loss::kFailedOver}) {
    EXPECT_GT(losses[loss], 0) << ToString(loss);
    fmt::print("{}: {}\n", ToString(loss), losses[loss]);
  }
  fmt::print("kept {}, died {} of {}\n", kept, died, kSeeds);
  EXPECT_GT(kept, static_cast<int>(kSeeds / 4));
  EXPECT_GT(died, static_cast<int>(kSeeds / 10));
}

TEST(Barrier, WithoutFaultsKeepsMostPoints) {
  int kept = 0;
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    const History history = Live({.seed = seed, .faults = false});
    ASSERT_EQ(history.problem, "") << "seed " << seed;
    EXPECT_TRUE(history.kept || history.loss == Loss::kNotDrained || history.loss == Loss::kLock ||
                history.loss == Loss::kHoldRanOut)
        << "seed " << seed << ": " << ToString(history.loss);
    kept += history.kept ? 1 : 0;
  }
  EXPECT_GT(kept, 700);
}

TEST(Barrier, IsDeterministic) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const History once = Live({.seed = seed});
    const History again = Live({.seed = seed});
    EXPECT_EQ(once.loss, again.loss);
    EXPECT_EQ(once.kept, again.kept);
  }
}

// Planted bugs: each must be found, or the world is blind.
class PlantedBug : public testing::TestWithParam<std::pair<Canary, std::uint64_t>> {};

TEST_P(PlantedBug, IsFound) {
  const auto [canary, seeds] = GetParam();
  const std::optional<std::uint64_t> found = FirstWrong(canary, seeds);
  EXPECT_TRUE(found.has_value()) << "not in " << seeds << " seeds";
  if (found) fmt::print("found by seed {}\n", *found);
}

INSTANTIATE_TEST_SUITE_P(Barrier, PlantedBug,
                         testing::Values(std::pair{Canary::kNoLock, std::uint64_t{500}},
                                         std::pair{Canary::kNoHold, std::uint64_t{5'000}},
                                         std::pair{Canary::kStandingClock, std::uint64_t{5'000}},
                                         std::pair{Canary::kLostLockIgnored, kSeeds}));

}  // namespace
}  // namespace foreshard::backup

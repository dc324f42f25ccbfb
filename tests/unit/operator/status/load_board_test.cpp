#include "operator/status/load_board.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/operator/scaling_world.h"

namespace foreshard::op {
namespace {

class LoadBoardTest : public testing::Test {
 protected:
  LoadBoardTest() {
    seen_.set.name_space = "shop";
    seen_.set.name = "orders";
    seen_.bin = std::chrono::seconds(5);
    seen_.first = 100;
    seen_.now = 139;
    decision_.has_plan = true;
    memory_.loads.emplace(
        LoadBookOptions{.bin = std::chrono::seconds(5), .seasons = {}, .capacity_cores = 2.0});
  }
  void Pass() {
    ShardDemand demand;
    for (model::BinIndex bin = seen_.first; bin <= seen_.now; ++bin) {
      model::DemandPoint point;
      point[model::DemandKind::kReads] = 100;
      demand.points.push_back(point);
      demand.known.push_back(true);
    }
    ASSERT_TRUE(memory_.loads->Advance({{{"s-a"}, demand}}, {}, {}, seen_.first, seen_.now).ok());
    board_.Look({.seen = &seen_, .decision = &decision_, .memory = &memory_, .plan_seconds = 0});
  }

  LoadBoard board_;
  ScalingObservation seen_;
  ScalingDecision decision_;
  ScalingMemory memory_;
};

TEST_F(LoadBoardTest, ThePastIsInPercentOfTheCapacityAndEndsWithTheNewestBin) {
  std::vector<double> cores(40, 0.5);
  cores.back() = 1.5;
  cores[38] = std::nan("");
  seen_.cores = {{{"s-a"}, cores}};
  Pass();
  const ShardPicture picture = board_.Of({"shop", "orders"}).at({"s-a"});
  EXPECT_EQ(picture.now, 139);
  EXPECT_EQ(picture.bin.count(), 5);
  ASSERT_EQ(picture.measured.size(), 24U);
  EXPECT_DOUBLE_EQ(picture.measured.back(), 75);
  EXPECT_TRUE(std::isnan(picture.measured[22]));
  EXPECT_DOUBLE_EQ(picture.measured.front(), 25);
}

TEST_F(LoadBoardTest, AYoungShardHasOnlyThePastItHas) {
  seen_.first = 135;
  seen_.cores = {{{"s-a"}, std::vector<double>(5, 0.5)}};
  Pass();
  EXPECT_EQ(board_.Of({"shop", "orders"}).at({"s-a"}).measured.size(), 5U);
}

TEST_F(LoadBoardTest, ASetThatIsGoneOrHasNoPlanHasNoPictures) {
  Pass();
  EXPECT_FALSE(board_.Of({"shop", "orders"}).empty());
  board_.Forget({"shop", "orders"});
  EXPECT_TRUE(board_.Of({"shop", "orders"}).empty());
  Pass();
  decision_.has_plan = false;
  Pass();
  EXPECT_TRUE(board_.Of({"shop", "orders"}).empty());
}

}  // namespace
}  // namespace foreshard::op

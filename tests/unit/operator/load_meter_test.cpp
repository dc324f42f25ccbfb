#include "operator/load_meter.h"

#include <gtest/gtest.h>

namespace foreshard::op {
namespace {

ShardDemand Demand(double statements) {
  ShardDemand demand;
  model::DemandPoint point;
  point[model::DemandKind::kReads] = statements;
  demand.points = {point};
  demand.known = {true};
  return demand;
}

class LoadMeterTest : public testing::Test {
 protected:
  LoadMeterTest() {
    seen_.set.name_space = "shop";
    seen_.set.name = "orders";
    decision_.has_plan = true;
    memory_.loads.emplace(LoadBookOptions{.bin = std::chrono::seconds(5), .seasons = {}});
  }
  void Pass(const std::map<model::ShardId, ShardDemand>& demand) {
    ASSERT_TRUE(memory_.loads->Advance(demand, {}, {}, 100, 100).ok());
    meter_.Look({.seen = &seen_, .decision = &decision_, .memory = &memory_, .plan_seconds = 0});
  }
  bool Shows(const std::string& text) { return exporter_.Text().find(text) != std::string::npos; }

  Exporter exporter_;
  LoadMeter meter_{exporter_};
  ScalingObservation seen_;
  ScalingDecision decision_;
  ScalingMemory memory_;
};

TEST_F(LoadMeterTest, ShowsTheDemandOfEachShard) {
  Pass({{{"s-a"}, Demand(40)}, {{"s-b"}, Demand(7)}});
  EXPECT_TRUE(Shows("shard=\"s-a\",shardset=\"orders\"} 40"));
  EXPECT_TRUE(Shows("shard=\"s-b\",shardset=\"orders\"} 7"));
}

TEST_F(LoadMeterTest, AShardThatLeftTheSetLeavesNoSeries) {
  Pass({{{"s-a"}, Demand(40)}, {{"s-b"}, Demand(7)}});
  Pass({{{"s-a"}, Demand(41)}});
  EXPECT_TRUE(Shows("s-a"));
  EXPECT_FALSE(Shows("s-b"));
}

TEST_F(LoadMeterTest, ASetThatIsGoneLeavesNoSeries) {
  Pass({{{"s-a"}, Demand(40)}});
  meter_.Forget({"shop", "others"});
  EXPECT_TRUE(Shows("shardset=\"orders\""));
  meter_.Forget({"shop", "orders"});
  EXPECT_FALSE(Shows("shardset=\"orders\""));
}

TEST_F(LoadMeterTest, ASetThatIsSwitchedOffLeavesNoSeries) {
  Pass({{{"s-a"}, Demand(40)}});
  decision_.has_plan = false;
  Pass({{{"s-a"}, Demand(40)}});
  EXPECT_FALSE(Shows("shardset=\"orders\""));
}

}  // namespace
}  // namespace foreshard::op

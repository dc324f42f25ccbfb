#include "operator/load_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/operator/scaling_world.h"

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

using testing::HasSubstr;
using testing::Not;

constexpr const char* kHot = R"({namespace="demo",shard="s-hot",shardset="demo"})";

struct Metered {
  Exporter exporter;
  LoadMeter meter{exporter};
  ScalingMemory memory;

  void Look(const ScalingObservation& seen) {
    const ScalingDecision decision = DecideScaling(seen, memory);
    meter.Look({.seen = &seen, .decision = &decision, .memory = &memory, .plan_seconds = 0.1});
  }
};

TEST(LoadMeter, ShowsWhatIsKnownOfEachShard) {
  Metered world;
  world.Look(SeenAt(100 * kDayBins));
  const std::string text = world.exporter.Text();
  EXPECT_THAT(text, HasSubstr(std::string("foreshard_shard_cpu_percent") + kHot));
  EXPECT_THAT(text, HasSubstr(std::string("foreshard_shard_headroom_percent") + kHot));
  EXPECT_THAT(text, HasSubstr(R"(foreshard_metrics_fresh{namespace="demo",shardset="demo"} 1)"));
  EXPECT_THAT(text,
              HasSubstr(R"(foreshard_limit_cpu_percent{namespace="demo",shardset="demo"} 80)"));
}

TEST(LoadMeter, ShowsHowGoodEachShardsForecastsWereByHowFarAhead) {
  Metered world;
  world.Look(SeenAt(100 * kDayBins));
  const std::string text = world.exporter.Text();
  const auto shown = [&text](const std::string& name, const std::string& ahead) {
    const std::string series =
        name + "{ahead=\"" + ahead + "\",namespace=\"demo\",shard=\"s-hot\",shardset=\"demo\"} ";
    const std::size_t at = text.find(series);
    EXPECT_NE(at, std::string::npos) << series;
    return at == std::string::npos ? NAN : std::stod(text.substr(at + series.size()));
  };
  const std::map<int, std::string> leads = {{6, "0.25"}, {12, "0.5"}, {24, "1"}};
  std::size_t compared = 0;
  for (const forecast::StepReport& report : world.memory.loads->Report({"s-hot"})) {
    const auto lead = leads.find(report.step);
    if (lead == leads.end()) continue;
    ++compared;
    const double ratio = report.ensemble_error / report.best_naive_error;
    EXPECT_NEAR(shown("foreshard_shard_forecast_error", lead->second), ratio, 1e-3 * ratio);
    EXPECT_NEAR(shown("foreshard_shard_forecast_coverage", lead->second), report.coverage90, 1e-3);
  }
  EXPECT_EQ(compared, leads.size());
}

TEST(LoadMeter, CountsWhatWasLearnedSinceItLooksOn) {
  Metered world;
  world.Look(SeenAt(100 * kDayBins));
  EXPECT_THAT(world.exporter.Text(),
              HasSubstr("foreshard_forecast_refits_total{result=\"accepted\"} 0"))
      << "what an earlier process learned is not news";
  for (model::BinIndex now = 100 * kDayBins + 1; now <= 101 * kDayBins; ++now)
    world.Look(SeenAt(now));
  EXPECT_THAT(world.exporter.Text(),
              HasSubstr("foreshard_forecast_refits_total{result=\"accepted\"} 2"))
      << "two shards, a day";
  EXPECT_THAT(world.exporter.Text(),
              HasSubstr("foreshard_forecast_refits_total{result=\"refused\"} 0"));
}

TEST(LoadMeter, AShardHasOnePrimaryAtATime) {
  Metered world;
  world.Look(SeenAt(100 * kDayBins));
  EXPECT_THAT(world.exporter.Text(),
              HasSubstr("foreshard_shard_primary{namespace=\"demo\",pod=\"demo-s-hot-0\""));
  ScalingObservation seen = SeenAt(100 * kDayBins + 1);
  for (model::ShardStatus& shard : seen.set.status.shard_statuses) shard.primary.clear();
  world.Look(seen);
  EXPECT_THAT(world.exporter.Text(), HasSubstr("pod=\"demo-s-hot-0\"")) << "while nobody leads";
  seen = SeenAt(100 * kDayBins + 2);
  seen.set.status.shard_statuses.back().primary = "demo-s-hot-1";
  world.Look(seen);
  EXPECT_THAT(world.exporter.Text(), HasSubstr("pod=\"demo-s-hot-1\""));
  EXPECT_THAT(world.exporter.Text(), Not(HasSubstr("pod=\"demo-s-hot-0\"")));
}

TEST(LoadMeter, StaleMetricsAreSaid) {
  Metered world;
  world.Look(SeenAt(100 * kDayBins));
  ScalingObservation seen = SeenAt(100 * kDayBins + 40);
  for (auto& [shard, demand] : seen.demand) {
    for (std::size_t i = demand.known.size() - 10; i < demand.known.size(); ++i)
      demand.known[i] = false;
  }
  world.Look(seen);
  EXPECT_THAT(world.exporter.Text(),
              HasSubstr(R"(foreshard_metrics_fresh{namespace="demo",shardset="demo"} 0)"));
}

}  // namespace
}  // namespace foreshard::op

#include "operator/controllers/scaling_observe.h"

#include "tests/fakes/fake_heat_source.h"
#include "tests/fakes/fake_metrics.h"
#include "tests/unit/operator/controllers/scaling_objects.h"

namespace foreshard::op {
namespace {

using namespace std::chrono_literals;
using support::Good;

class NoHeat final : public HeatSource {
 public:
  Result<std::vector<RangeHeat>> ReadHeat(const std::string&, const std::string&,
                                          const model::KeySpace&, Deadline) override {
    return Error::Retry("the set has no router");
  }
};

class ScalingObserveTest : public testing::Test {
 protected:
  void SetUp() override {
    objects_.Create(kube::kShardSets, ScalingObjects::kSet);
    objects_.Create(kube::kRoutingTables, ScalingObjects::kTable);
    const auto shard = [](const char* kind, double rate) {
      return fakes::FakeMetrics::Curve{{{"kind", kind}, {"shard", "s-a"}},
                                       [rate](double) { return rate; }};
    };
    metrics_.Answer("foreshard_router_statements_total", {shard("read", 30), shard("write", 10)});
    metrics_.Answer("container_cpu_usage_seconds_total",
                    {{{{"pod", "orders-s-a-0"}}, [](double) { return 0.25; }},
                     {{{"pod", "orders-s-a-1"}}, [](double) { return 0.75; }}});
  }

  Result<ScalingObservation> Observe(model::ShardSet set) {
    return ObserveScaling(
        {.kube = objects_.kube, .metrics = metrics_, .heat = *heat_, .clock = objects_.clock},
        std::move(set), objects_.Soon());
  }
  ScalingObservation Seen() {
    model::ShardSet set = objects_.Set();
    model::ShardStatus shard;
    shard.id = {"s-a"};
    shard.primary = "orders-s-a-1";
    set.status.shard_statuses = {shard};
    const auto seen = Observe(std::move(set));
    EXPECT_TRUE(Good(seen));
    return seen ? *seen : ScalingObservation{};
  }

  ScalingObjects objects_;
  fakes::FakeMetrics metrics_;
  fakes::FakeHeatSource some_heat_;
  HeatSource* heat_ = &some_heat_;
};

TEST_F(ScalingObserveTest, TheHistoryEndsWithTheNewestCompleteBin) {
  const ScalingObservation seen = Seen();
  EXPECT_EQ(seen.bin, 300s);
  EXPECT_EQ(seen.now, NewestBin(seen.set, seen.wall));
  EXPECT_EQ(seen.now - seen.first + 1, 24) << "two hours of five minutes";
  ASSERT_EQ(seen.demand.at({"s-a"}).points.size(), 24U);
  EXPECT_DOUBLE_EQ(seen.demand.at({"s-a"}).points.back()[model::DemandKind::kReads], 30);
  EXPECT_DOUBLE_EQ(seen.demand.at({"s-a"}).points.back()[model::DemandKind::kWrites], 10);
  EXPECT_TRUE(seen.metrics_read);
}

TEST_F(ScalingObserveTest, ABinCountsOnceItsLastScrapeIsStored) {
  const model::ShardSet set = objects_.Set();
  const WallTime end_of_bin_9(std::chrono::seconds(10 * 300));
  EXPECT_EQ(NewestBin(set, end_of_bin_9 + 1499ms), 8);
  EXPECT_EQ(NewestBin(set, end_of_bin_9 + 1500ms), 9);
  model::ShardSet fast = set;
  fast.spec.scaling.bin = 10ms;
  EXPECT_EQ(BinOf(fast), 1s) << "never zero, which would divide";
}

TEST_F(ScalingObserveTest, CpuIsThatOfThePrimary) {
  EXPECT_DOUBLE_EQ(Seen().cores.at({"s-a"}).back(), 0.75);
}

TEST_F(ScalingObserveTest, APrometheusThatCannotBeReadIsAnObservation) {
  metrics_.Break("Prometheus at p cannot be read: refused");
  const ScalingObservation seen = Seen();
  EXPECT_FALSE(seen.metrics_read);
  EXPECT_EQ(seen.metrics_problem, "Prometheus at p cannot be read: refused");
  EXPECT_TRUE(seen.demand.empty());
  EXPECT_TRUE(seen.table) << "the rest is there";
}

TEST_F(ScalingObserveTest, WithoutHeatTheRestIsThere) {
  some_heat_.Set(
      {{.range = {"", ""}, .shard = {"s-a"}, .backend_seconds = 1, .samples = {}, .hot_keys = {}}});
  EXPECT_EQ(Seen().heat.size(), 1U);
  NoHeat none;
  heat_ = &none;
  const ScalingObservation seen = Seen();
  EXPECT_TRUE(seen.heat.empty());
  EXPECT_TRUE(seen.metrics_read);
}

TEST_F(ScalingObserveTest, WhoIsOffOrGoingOrHasNoTableAsksPrometheusNothing) {
  model::ShardSet set = objects_.Set();
  set.spec.scaling.mode = model::ScalingMode::kOff;
  ASSERT_TRUE(Good(Observe(set)));
  set = objects_.Set();
  set.deleting = true;
  ASSERT_TRUE(Good(Observe(set)));
  ASSERT_TRUE(Good(objects_.kube.Delete(kube::kRoutingTables, objects_.ref, {}, objects_.Soon())));
  const auto seen = Observe(objects_.Set());
  ASSERT_TRUE(Good(seen));
  EXPECT_FALSE(seen->table);
  EXPECT_EQ(metrics_.queries(), 0);
}

TEST_F(ScalingObserveTest, MigrationsAreThoseOfTheSetInTheOrderTheyWereMade) {
  objects_.CreateMigration("zebra", "orders");
  objects_.clock.Advance(2s);
  objects_.CreateMigration("other", "users");
  objects_.CreateMigration("ant", "orders");
  const ScalingObservation seen = Seen();
  ASSERT_EQ(seen.migrations.size(), 2U);
  EXPECT_EQ(seen.migrations[0].name, "zebra");
  EXPECT_EQ(seen.migrations[1].name, "ant");
}

TEST_F(ScalingObserveTest, ATableWithAHoleIsNotPlannedOn) {
  const auto patched = objects_.kube.Patch(
      kube::kRoutingTables, objects_.ref,
      R"({"spec":{"ranges":[{"from":"","to":"40","shard":"s-a"}]}})", {}, objects_.Soon());
  ASSERT_TRUE(Good(patched));
  EXPECT_FALSE(Observe(objects_.Set()));
  EXPECT_EQ(metrics_.queries(), 0);
}

TEST_F(ScalingObserveTest, ASetThatIsGoneOrBrokenIsLeftToTheFleetController) {
  const auto there = ReadShardSet(objects_.kube, objects_.ref, objects_.Soon());
  ASSERT_TRUE(Good(there));
  EXPECT_TRUE(*there);
  for (const char* pause : {"\"true\"", "null"}) {
    ASSERT_TRUE(Good(objects_.kube.Patch(
        kube::kShardSets, objects_.ref,
        std::string(R"({"metadata":{"annotations":{"foreshard.dev/pause":)") + pause + "}}}", {},
        objects_.Soon())));
    const auto paused = ReadShardSet(objects_.kube, objects_.ref, objects_.Soon());
    ASSERT_TRUE(Good(paused));
    EXPECT_EQ(paused->has_value(), pause == std::string("null"));
  }
  const auto gone = ReadShardSet(objects_.kube, {"shop", "nobody"}, objects_.Soon());
  ASSERT_TRUE(Good(gone));
  EXPECT_FALSE(*gone);
  ASSERT_TRUE(
      Good(objects_.kube.Patch(kube::kShardSets, objects_.ref,
                               R"({"spec":{"scaling":{"minShards":99}}})", {}, objects_.Soon())));
  const auto broken = ReadShardSet(objects_.kube, objects_.ref, objects_.Soon());
  ASSERT_TRUE(Good(broken));
  EXPECT_FALSE(*broken);
}

}  // namespace
}  // namespace foreshard::op

#include "operator/metrics/demand_query.h"

#include <gtest/gtest.h>

#include <cmath>

namespace foreshard::op {
namespace {

using std::chrono::seconds;

TEST(DemandQuery, AsksEachBinAtItsEnd) {
  const RangeQuery query = BinsQuery("x", seconds(5), 10, 12);
  EXPECT_EQ(query.start_seconds, 55);
  EXPECT_EQ(query.end_seconds, 65);
  EXPECT_EQ(query.step, seconds(5));
}

TEST(DemandQuery, NamesTheSetAndTheExtraSelector) {
  const MetricsTarget target{
      .name_space = "shop", .shard_set = "orders", .selector = "cluster=\"a\"", .bin = seconds(5)};
  EXPECT_EQ(StatementRateExpression(target),
            "sum by (shard, kind) "
            "(rate(foreshard_router_statements_total{namespace=\"shop\",shardset=\"orders\","
            "cluster=\"a\"}[5s]))");
  EXPECT_NE(CpuExpression(target).find("pod=~\"orders-s-.*\""), std::string::npos);
  EXPECT_NE(CpuExpression(target).find("[30s]"), std::string::npos)
      << "kubelet samples every 10 to 15 s";
}

TEST(DemandQuery, AGapIsNotZero) {
  const std::vector<MetricSeries> rates = {
      {{{"shard", "s-a"}, {"kind", "read"}}, {{55, 100}, {65, 0}}},
      {{{"shard", "s-a"}, {"kind", "write"}}, {{55, 20}}},
      {{{"shard", ""}, {"kind", "read"}}, {{55, 7}}},
  };
  const auto all = DemandByShard(rates, seconds(5), 10, 12);
  ASSERT_EQ(all.size(), 1u) << "scatter statements belong to no one shard";
  const ShardDemand& demand = all.at({"s-a"});
  EXPECT_EQ(demand.known, (std::vector<bool>{true, false, true}));
  EXPECT_EQ(demand.points[0][model::DemandKind::kReads], 100);
  EXPECT_EQ(demand.points[0][model::DemandKind::kWrites], 20);
  EXPECT_EQ(demand.points[2][model::DemandKind::kReads], 0);
}

TEST(DemandQuery, CoresComeFromThePrimarysPod) {
  const std::vector<MetricSeries> cpu = {{{{"pod", "orders-s-a-0"}}, {{55, 0.2}}},
                                         {{{"pod", "orders-s-a-1"}}, {{55, 0.9}}}};
  const auto all =
      CoresByShard(cpu, {{{"s-a"}, "orders-s-a-0"}, {{"s-b"}, "orders-s-b-0"}}, seconds(5), 10, 11);
  EXPECT_EQ(all.at({"s-a"})[0], 0.2);
  EXPECT_TRUE(std::isnan(all.at({"s-a"})[1]));
  EXPECT_TRUE(std::isnan(all.at({"s-b"})[0])) << "unknown, never zero";
}

}  // namespace
}  // namespace foreshard::op

#include "cli/plugin/history.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "operator/metrics/demand_query.h"
#include "operator/metrics/prometheus_http.h"
#include "tests/support/needs.h"
#include "tests/support/prometheus_server.h"
#include "tests/support/wait.h"

// What `kubectl foreshard history import` writes comes back as demand: through promtool, a
// Prometheus and the operator's own question.

namespace foreshard {
namespace {

using support::Good;

const support::Needs kNeeds({"prometheus", "promtool"});

constexpr std::chrono::seconds kBin{300};
constexpr model::BinIndex kBins = 36;
constexpr model::BinIndex kGapFirst = 12;
constexpr model::BinIndex kGapLast = 17;

class HistoryImport : public testing::Test {
 protected:
  void SetUp() override {
    const auto today =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.Wall().time_since_epoch());
    first_ = (today - std::chrono::hours(24)) / kBin;
    plugin::History history{
        .demand = {},
        .shares = {{{"s-a"}, 0.7}, {{"s-b"}, 0.3}},
        .write_share = 0.2,
        .bin = kBin,
        .labels = {{"namespace", "shop"}, {"shardset", "orders"}, {"history", "true"}}};
    for (model::BinIndex i = 0; i < kBins; ++i) {
      if (i >= kGapFirst && i <= kGapLast) continue;
      history.demand.push_back({(first_ + i) * kBin.count(), Demand(i)});
    }
    std::string text;
    plugin::WriteOpenMetrics(history, [&](std::string_view line) { text += line; });
    auto server = support::PrometheusServer::Create({.history = text});
    ASSERT_TRUE(Good(server));
    server_ = *std::move(server);
  }

  static double Demand(model::BinIndex i) { return 100 + 10 * static_cast<double>(i % 7); }

  std::map<model::ShardId, op::ShardDemand> Asked(const std::string& expression) {
    auto metrics = op::PrometheusHttp::Create(server_->url(), clock_);
    EXPECT_TRUE(Good(metrics));
    const auto answer =
        (*metrics)->QueryRange(op::BinsQuery(expression, kBin, first_, first_ + kBins - 1),
                               Deadline::After(clock_, std::chrono::seconds(30)));
    EXPECT_TRUE(Good(answer));
    if (!answer) return {};
    return op::DemandByShard(*answer, kBin, first_, first_ + kBins - 1);
  }

  const op::MetricsTarget target_{
      .name_space = "shop", .shard_set = "orders", .selector = "", .bin = kBin};
  SystemClock clock_;
  model::BinIndex first_ = 0;
  std::unique_ptr<support::PrometheusServer> server_;
};

TEST_F(HistoryImport, IsReadAsDemandOfEachShardAndKind) {
  const auto demand = Asked(op::StatementRateExpression(target_));
  ASSERT_EQ(demand.size(), 2U);
  for (const auto& [shard, share] : {std::pair{"s-a", 0.7}, {"s-b", 0.3}}) {
    const op::ShardDemand& seen = demand.at({shard});
    for (model::BinIndex i = 0; i < kBins; ++i) {
      // At the edges of a gap a rate looks over it.
      if (i >= kGapFirst && i <= kGapLast + 1) continue;
      const auto at = static_cast<std::size_t>(i);
      ASSERT_TRUE(seen.known[at]) << shard << " " << i;
      const double reads = seen.points[at][model::DemandKind::kReads];
      EXPECT_NEAR(reads, Demand(i) * share * 0.8, 1e-6 * reads) << shard << " " << i;
      EXPECT_NEAR(seen.points[at][model::DemandKind::kWrites], Demand(i) * share * 0.2,
                  1e-6 * reads);
    }
    for (model::BinIndex i = kGapFirst + 1; i <= kGapLast; ++i) {
      EXPECT_FALSE(seen.known[static_cast<std::size_t>(i)]) << "no one knows bin " << i;
    }
  }
}

TEST_F(HistoryImport, IsNotTakenForWhatTheShardsReallyDid) {
  EXPECT_TRUE(Asked(op::MeasuredRateExpression(target_)).empty());
}

}  // namespace
}  // namespace foreshard

#include "operator/metrics/service_health.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/fakes/fake_metrics.h"

namespace foreshard::op {
namespace {

using std::chrono::seconds;

// Metrics that the test keeps.
class Borrowed final : public Metrics {
 public:
  explicit Borrowed(Metrics& inner) : inner_(inner) {}
  Result<std::vector<MetricSeries>> QueryRange(const RangeQuery& query,
                                               Deadline deadline) override {
    return inner_.QueryRange(query, deadline);
  }

 private:
  Metrics& inner_;
};

class ServiceHealthTest : public testing::Test {
 protected:
  Result<std::optional<migration::ServiceSeen>> Read() {
    model::ShardSet set;
    set.name_space = "shop";
    set.name = "orders";
    MetricsServiceHealth health("http://prometheus", [this](const std::string& url) {
      url_ = url;
      return Result<std::unique_ptr<Metrics>>(std::make_unique<Borrowed>(metrics_));
    });
    return health.Read(set, {"s-b"}, WallTime(seconds(1'000)), seconds(60),
                       Deadline::After(clock_, seconds(5)));
  }
  void Answer(const char* part, double value) {
    metrics_.Answer(part, {{{}, [value](double) { return value; }}});
  }

  SystemClock clock_;
  fakes::FakeMetrics metrics_;
  std::string url_;
};

TEST_F(ServiceHealthTest, RateErrorsAndLatencyOfOneShard) {
  Answer("statements_total{namespace=\"shop\",shardset=\"orders\",shard=\"s-b\",history", 200);
  Answer("result=\"error\"", 4);
  Answer("histogram_quantile(0.99", 0.025);
  const auto seen = Read();
  ASSERT_TRUE(seen.ok());
  EXPECT_EQ(**seen, (migration::ServiceSeen{
                        .statements_per_second = 200, .error_ratio = 0.02, .p99_seconds = 0.025}));
  EXPECT_EQ(url_, "http://prometheus");
}

TEST_F(ServiceHealthTest, WhatNobodyScrapedIsNotKnown) {
  EXPECT_EQ(*Read(), std::nullopt);
  Answer("statements_total", 200);
  Answer("histogram_quantile(0.99", std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(*Read(), std::nullopt) << "no statement, no latency";
  metrics_.Break("down");
  EXPECT_FALSE(Read().ok());
}

TEST_F(ServiceHealthTest, ImportedHistoryDoesNotCount) {
  const MetricsTarget target{
      .name_space = "shop", .shard_set = "orders", .selector = "cluster=\"a\"", .bin = seconds(60)};
  EXPECT_EQ(ServiceErrorsExpression(target, {"s-b"}),
            "sum(rate(foreshard_router_statements_total{namespace=\"shop\",shardset=\"orders\","
            "shard=\"s-b\",result=\"error\",cluster=\"a\",history!=\"true\"}[60s]))");
  EXPECT_EQ(ServiceP99Expression(target, {"s-b"}),
            "histogram_quantile(0.99, sum by (le) (rate(foreshard_router_latency_seconds_bucket{"
            "namespace=\"shop\",shardset=\"orders\",shard=\"s-b\",cluster=\"a\","
            "history!=\"true\"}[60s])))");
}

}  // namespace
}  // namespace foreshard::op

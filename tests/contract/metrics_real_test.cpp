#include <fmt/format.h>

#include "operator/metrics/prometheus_http.h"
#include "tests/contract/metrics_contract.h"
#include "tests/support/prometheus_server.h"

namespace foreshard::contract {
namespace {

class RealWorld final : public MetricsWorld {
 public:
  RealWorld() {
    // A day ago: old enough to be history, young enough to be kept.
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.Wall().time_since_epoch()).count();
    begin_ = static_cast<double>((now - 86'400) / 5 * 5);
    std::string text = "# TYPE contract_value gauge\n";
    for (const char* shard : {"s-a", "s-b"}) {
      for (int i = 0; i < kSamples; ++i) {
        const bool hot = shard[2] == 'a';
        if (hot && i >= kGap && i < kGap + kGapSamples) continue;
        text += fmt::format("contract_value{{shard=\"{}\"}} {} {:.0f}\n", shard, hot ? i + 1 : 7,
                            begin_ + 5.0 * i);
      }
    }
    text += "# EOF\n";
    auto server = support::PrometheusServer::Create({.history = text});
    EXPECT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    auto metrics = op::PrometheusHttp::Create(server_->url(), clock_);
    EXPECT_TRUE(metrics) << metrics.error().message;
    metrics_ = *std::move(metrics);
  }
  op::Metrics& metrics() override { return *metrics_; }
  const Clock& clock() override { return clock_; }
  double begin() override { return begin_; }
  void Disappear() override { EXPECT_TRUE(server_->Stop()); }

 private:
  SystemClock clock_;
  double begin_ = 0;
  std::unique_ptr<support::PrometheusServer> server_;
  std::unique_ptr<op::PrometheusHttp> metrics_;
};

INSTANTIATE_TEST_SUITE_P(Real, MetricsContract,
                         testing::Values(MetricsWorldFactory{
                             "prometheus", [] { return std::make_unique<RealWorld>(); }}),
                         [](const auto& world) { return world.param.name; });

TEST(PrometheusHttp, PassesOnWhatTheServerSaysOfABadQuery) {
  const SystemClock clock;
  auto server = support::PrometheusServer::Create({});
  ASSERT_TRUE(server) << server.error().message;
  auto metrics = op::PrometheusHttp::Create((*server)->url(), clock);
  ASSERT_TRUE(metrics);
  const auto answer = (*metrics)->QueryRange({.expression = "sum by (",
                                              .start_seconds = 0,
                                              .end_seconds = 10,
                                              .step = std::chrono::seconds(5)},
                                             Deadline::After(clock, std::chrono::seconds(20)));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Error::Kind::kGiveUp);
  EXPECT_NE(answer.error().message.find("parse error"), std::string::npos)
      << answer.error().message;
}

TEST(PrometheusHttp, AFrozenServerCostsNoMoreThanTheDeadline) {
  const SystemClock clock;
  auto server = support::PrometheusServer::Create({});
  ASSERT_TRUE(server) << server.error().message;
  auto metrics = op::PrometheusHttp::Create((*server)->url(), clock);
  ASSERT_TRUE(metrics);
  (*server)->Freeze();
  const auto answer = (*metrics)->QueryRange(
      {.expression = "up", .start_seconds = 0, .end_seconds = 10, .step = std::chrono::seconds(5)},
      Deadline::After(clock, std::chrono::seconds(2)));
  (*server)->Thaw();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Error::Kind::kRetry);
}

TEST(PrometheusHttp, RefusesWhatIsNoUrl) {
  const SystemClock clock;
  for (const char* url : {"", "prometheus:9090", "ftp://prometheus", "http://"}) {
    const auto opened = op::PrometheusHttp::Create(url, clock);
    ASSERT_FALSE(opened) << url;
    EXPECT_NE(opened.error().message.find("metrics.prometheusURL"), std::string::npos);
  }
}

}  // namespace
}  // namespace foreshard::contract

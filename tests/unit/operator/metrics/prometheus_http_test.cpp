#include "operator/metrics/prometheus_http.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "tests/fakes/tls_web_server.h"
#include "tests/support/port.h"
#include "tests/support/wait.h"

// What is asked and what is made of each kind of answer; tests/contract/metrics_real_test has a
// real Prometheus.

namespace foreshard::op {
namespace {

using fakes::TlsWebServer;
using support::Good;

constexpr const char* kNothing =
    R"({"status":"success","data":{"resultType":"matrix","result":[]}})";

class PrometheusHttpTest : public testing::Test {
 protected:
  void Serve(std::function<std::optional<std::string>(const std::string&)> answer) {
    auto server = TlsWebServer::Start({.answer = std::move(answer)});
    ASSERT_TRUE(Good(server));
    server_ = *std::move(server);
    Open(server_->port());
  }
  void Open(int port) {
    auto opened = PrometheusHttp::Create(fmt::format("http://127.0.0.1:{}", port), clock_);
    ASSERT_TRUE(Good(opened));
    metrics_ = *std::move(opened);
  }
  Result<std::vector<MetricSeries>> Ask(
      double start, double end, const char* what = "up",
      std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    return metrics_->QueryRange({.expression = what,
                                 .start_seconds = start,
                                 .end_seconds = end,
                                 .step = std::chrono::seconds(5)},
                                Deadline::After(clock_, limit));
  }
  Error Refused(const std::string& answer) {
    Serve([answer](const std::string&) { return std::optional(answer); });
    const auto result = Ask(0, 10);
    EXPECT_FALSE(result) << answer;
    return result ? Error{} : result.error();
  }

  static std::pair<double, double> RangeOf(const std::string& request) {
    std::smatch found;
    EXPECT_TRUE(std::regex_search(request, found, std::regex("start=([0-9.]+)&end=([0-9.]+)")));
    return {std::stod(found[1]), std::stod(found[2])};
  }
  // What was asked for, the oldest first.
  std::vector<std::pair<double, double>> Asked() const {
    std::vector<std::pair<double, double>> ranges;
    for (const std::string& request : server_->requests()) ranges.push_back(RangeOf(request));
    std::sort(ranges.begin(), ranges.end());
    return ranges;
  }

  SystemClock clock_;
  std::unique_ptr<TlsWebServer> server_;
  std::unique_ptr<PrometheusHttp> metrics_;
};

TEST_F(PrometheusHttpTest, TheQuestionArrivesAsItWasAsked) {
  Serve([](const std::string&) { return TlsWebServer::Reply(200, kNothing); });
  ASSERT_TRUE(Good(Ask(100, 200, "sum by (a) (rate(b{c=\"d&e\"}[5s]))")));
  const std::string request = server_->requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /api/v1/query_range HTTP/1.1\r\n")) << request;
  EXPECT_NE(request.find("application/x-www-form-urlencoded"), std::string::npos) << request;
  EXPECT_TRUE(
      request.ends_with("\r\n\r\nquery=sum%20by%20%28a%29%20%28rate%28b%7Bc%3D%22d%26e%22%7D"
                        "%5B5s%5D%29%29&start=100.000&end=200.000&step=5.000"))
      << request;
}

TEST_F(PrometheusHttpTest, ALongRangeIsAskedInPiecesThatNeitherOverlapNorLeaveAGap) {
  Serve([](const std::string& request) {
    const std::regex start_of("start=([0-9.]+)");
    std::smatch found;
    std::regex_search(request, found, start_of);
    return TlsWebServer::Reply(
        200, fmt::format(R"({{"status":"success","data":{{"resultType":"matrix","result":[)"
                         R"({{"metric":{{"a":"b"}},"values":[[{},"1"]]}}]}}}})",
                         found[1].str()));
  });
  const int points = 12'345;
  const auto answer = Ask(0, 5.0 * (points - 1));
  ASSERT_TRUE(Good(answer));
  ASSERT_EQ(answer->size(), 1U);
  EXPECT_EQ((*answer)[0].samples.size(), server_->requests().size()) << "one of each piece";
  double next = 0;
  for (const auto& [start, end] : Asked()) {
    EXPECT_DOUBLE_EQ(start, next);
    EXPECT_LT(end - start, 5.0 * 11'000) << "the server's own limit";
    next = end + 5;
  }
  EXPECT_DOUBLE_EQ(next, 5.0 * points);
  EXPECT_LE(server_->requests().size(), 6U) << "few series: long pieces";
}

// A thousand shards: what is held at once follows series times points.
TEST_F(PrometheusHttpTest, ManySeriesAreAskedInShortPieces) {
  constexpr int kSeries = 1'000;
  constexpr int kPoints = 1'000;
  Serve([](const std::string& request) {
    const auto [start, end] = RangeOf(request);
    std::string body = R"({"status":"success","data":{"resultType":"matrix","result":[)";
    for (int series = 0; series < kSeries; ++series) {
      body += fmt::format("{}{{\"metric\":{{\"s\":\"{}\"}},\"values\":[", series > 0 ? "," : "",
                          series);
      for (double at = start; at <= end; at += 5)
        body += fmt::format("{}[{},\"1\"]", at > start ? "," : "", at);
      body += "]}";
    }
    return TlsWebServer::Reply(200, body + "]}}");
  });
  const auto answer = Ask(0, 5.0 * (kPoints - 1), "up", std::chrono::seconds(120));
  ASSERT_TRUE(Good(answer));
  ASSERT_EQ(answer->size(), static_cast<std::size_t>(kSeries));
  for (const MetricSeries& series : *answer) {
    ASSERT_EQ(series.samples.size(), static_cast<std::size_t>(kPoints));
    ASSERT_TRUE(std::is_sorted(
        series.samples.begin(), series.samples.end(),
        [](const Sample& a, const Sample& b) { return a.time_seconds < b.time_seconds; }));
  }
  for (const auto& [start, end] : Asked())
    EXPECT_LE(((end - start) / 5 + 1) * kSeries, 250'000) << "samples in one answer";
}

// More series long ago than now: the piece is too long, and is asked for in smaller ones.
TEST_F(PrometheusHttpTest, AnAnswerThatIsTooLargeIsAskedForInSmallerPieces) {
  Serve([](const std::string& request) {
    const auto [start, end] = RangeOf(request);
    if (end - start > 5 * 600) return TlsWebServer::Reply(200, std::string(65 << 20, ' '));
    return TlsWebServer::Reply(
        200, fmt::format(R"({{"status":"success","data":{{"resultType":"matrix","result":[)"
                         R"({{"metric":{{"a":"b"}},"values":[[{},"1"]]}}]}}}})",
                         start));
  });
  const auto answer = Ask(0, 5.0 * 1'999, "up", std::chrono::seconds(120));
  ASSERT_TRUE(Good(answer));
  EXPECT_DOUBLE_EQ((*answer)[0].samples.front().time_seconds, 0) << "up to the oldest";
}

TEST_F(PrometheusHttpTest, WhoIsBusyMayAnswerLater) {
  for (const int status : {429, 500, 503}) {
    const Error error = Refused(TlsWebServer::Reply(status, "busy"));
    EXPECT_EQ(error.kind, Error::Kind::kRetry) << status;
    EXPECT_EQ(error.reason, "MetricsUnreachable");
    EXPECT_EQ(error.code, std::to_string(status));
  }
}

TEST_F(PrometheusHttpTest, WhoRefusesTheQuestionIsNotAskedItAgain) {
  const Error error = Refused(TlsWebServer::Reply(
      400, R"({"status":"error","errorType":"bad_data","error":"1:3: parse error: wrong"})"));
  EXPECT_EQ(error.kind, Error::Kind::kGiveUp);
  EXPECT_NE(error.message.find("1:3: parse error: wrong"), std::string::npos) << error.message;
  EXPECT_EQ(Refused(TlsWebServer::Reply(200, "<html>a proxy's page</html>")).kind,
            Error::Kind::kGiveUp);
}

TEST_F(PrometheusHttpTest, ALostOrAbsentServerIsAReasonToTryAgain) {
  EXPECT_EQ(Refused("").kind, Error::Kind::kRetry) << "closed without an answer";
  Open(support::FreePort());
  const auto nobody = Ask(0, 10);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().kind, Error::Kind::kRetry);
  EXPECT_NE(nobody.error().message.find("127.0.0.1"), std::string::npos) << nobody.error().message;
}

TEST_F(PrometheusHttpTest, SilenceEndsAtTheDeadline) {
  Serve([](const std::string&) { return std::nullopt; });
  const auto answer = Ask(0, 10, "up", std::chrono::milliseconds(300));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind, Error::Kind::kRetry);
}

}  // namespace
}  // namespace foreshard::op

#include "operator/metrics/prometheus_http.h"

#include <cpprest/http_client.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "operator/metrics/prometheus_json.h"

namespace foreshard::op {

namespace {

// Prometheus answers at most 11,000 points a series. Memory on both sides follows points times
// series, and how many series there are shows in the newest piece: it is asked first, and is small.
constexpr std::int64_t kPointsMost = 5'000;
constexpr std::int64_t kPointsFirst = 250;
constexpr std::int64_t kSamplesMost = 250'000;
// Older pieces may have series that are no more.
constexpr std::int64_t kGrowth = 4;
constexpr std::size_t kAnswerBytesMax = 64 << 20;
constexpr const char* kTooLarge = "MetricsTooLarge";

std::int64_t PointsOf(const RangeQuery& query, double step) {
  if (query.end_seconds < query.start_seconds) return 0;
  return static_cast<std::int64_t>(
             std::floor((query.end_seconds - query.start_seconds) / step + 1e-6)) +
         1;
}

using web::http::client::http_client;
using web::http::client::http_client_config;

}  // namespace

class PrometheusHttp::Impl {
 public:
  Impl(web::uri base, const Clock& clock) : base_(std::move(base)), clock_(clock) {}

  Result<std::vector<MetricSeries>> Piece(const RangeQuery& query, Deadline deadline);

 private:
  web::uri base_;
  const Clock& clock_;
};

Result<std::unique_ptr<PrometheusHttp>> PrometheusHttp::Create(const std::string& url,
                                                               const Clock& clock) {
  try {
    const web::uri base(url);
    const bool known = base.scheme() == "http" || base.scheme() == "https";
    if (known && !base.host().empty()) {
      return std::unique_ptr<PrometheusHttp>(
          new PrometheusHttp(std::make_unique<Impl>(base, clock)));
    }
  } catch (const std::exception&) {
    // Falls through: the message below says what would be accepted.
  }
  return Error::GiveUp(
      fmt::format("metrics.prometheusURL: '{}' is not a URL like http://prometheus.monitoring:9090",
                  url),
      "InvalidPrometheusURL");
}

PrometheusHttp::PrometheusHttp(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PrometheusHttp::~PrometheusHttp() = default;

Result<std::vector<MetricSeries>> PrometheusHttp::QueryRange(const RangeQuery& query,
                                                             Deadline deadline) {
  const double step = static_cast<double>(query.step.count()) / 1e3;
  CHECK(step > 0, "a range query needs a step");
  std::vector<std::vector<MetricSeries>> pieces;  // the newest first
  std::int64_t points = kPointsFirst;
  std::size_t series = 1;
  for (std::int64_t left = PointsOf(query, step); left > 0;) {
    const std::int64_t count = std::min(points, left);
    RangeQuery piece = query;
    piece.start_seconds = query.start_seconds + static_cast<double>(left - count) * step;
    piece.end_seconds = query.start_seconds + static_cast<double>(left - 1) * step;
    Result<std::vector<MetricSeries>> part = impl_->Piece(piece, deadline);
    if (!part && part.error().reason == kTooLarge && count > 1) {
      points = std::max<std::int64_t>(1, count / kGrowth);
      continue;
    }
    if (!part) return part.error();
    series = std::max(series, part->size());
    pieces.push_back(*std::move(part));
    left -= count;
    points = std::clamp<std::int64_t>(kSamplesMost / static_cast<std::int64_t>(series), 1,
                                      std::min(kPointsMost, count * kGrowth));
  }
  std::vector<MetricSeries> all;
  for (; !pieces.empty(); pieces.pop_back())
    all = JoinPieces(std::move(all), std::move(pieces.back()));
  return all;
}

Result<std::vector<MetricSeries>> PrometheusHttp::Impl::Piece(const RangeQuery& query,
                                                              Deadline deadline) {
  try {
    http_client_config config;
    config.set_timeout(std::max(deadline.Remaining(clock_), std::chrono::milliseconds(1)));
    http_client client(base_, config);
    web::http::http_request request(web::http::methods::POST);
    request.set_request_uri("/api/v1/query_range");
    request.set_body(
        fmt::format("query={}&start={:.3f}&end={:.3f}&step={:.3f}",
                    web::uri::encode_data_string(query.expression), query.start_seconds,
                    query.end_seconds, static_cast<double>(query.step.count()) / 1e3),
        "application/x-www-form-urlencoded");
    web::http::http_response response = client.request(request).get();
    const web::http::status_code status = response.status_code();
    if (status == 429 || status >= 500) {
      return Error::Retry(fmt::format("Prometheus answered {}", status), "MetricsUnreachable",
                          std::to_string(status));
    }
    const std::string body = response.extract_utf8string(/*ignore_content_type=*/true).get();
    if (body.size() > kAnswerBytesMax)
      return Error::GiveUp("Prometheus' answer is over 64 MiB", kTooLarge);
    return ParseMatrix(body);
  } catch (const std::exception& failure) {
    return Error::Retry(
        fmt::format("Prometheus at {} cannot be read: {}", base_.host(), failure.what()),
        "MetricsUnreachable");
  }
}

}  // namespace foreshard::op

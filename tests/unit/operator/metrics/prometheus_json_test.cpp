#include "operator/metrics/prometheus_json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace foreshard::op {
namespace {

constexpr const char* kAnswer = R"({"status":"success","data":{"resultType":"matrix","result":[
  {"metric":{"shard":"s-b"},"values":[[10,"1.5"],[15,"NaN"],[20,"2"]]},
  {"metric":{"shard":"s-a"},"values":[[10.5,"+Inf"]]}]}})";

TEST(PrometheusJson, ReadsAMatrixInOrderOfLabels) {
  const auto all = ParseMatrix(kAnswer);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ((*all)[0].labels.at("shard"), "s-a");
  EXPECT_TRUE((*all)[0].samples.empty()) << "an infinity is no sample";
  EXPECT_EQ((*all)[1].samples, (std::vector<Sample>{{10, 1.5}, {20, 2}})) << "a NaN is a gap";
}

TEST(PrometheusJson, PassesOnTheServersWords) {
  const auto refused = ParseMatrix(
      R"({"status":"error","errorType":"bad_data","error":"parse error: unexpected }"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::kGiveUp);
  EXPECT_NE(refused.error().message.find("unexpected }"), std::string::npos);
}

TEST(PrometheusJson, RefusesWhatIsNoAnswer) {
  for (
      const char* body :
      {"", "[]", "null", "{}", R"({"status":1})", R"({"status":"success"})",
       R"({"status":"success","data":[]})",
       R"({"status":"success","data":{"resultType":"vector","result":[]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{}}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":1},
         "values":[]}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},
         "values":[[1,2]]}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,
         "x"]]}]}})",
       R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[2,
         "1"],[1,"1"]]}]}})"}) {
    EXPECT_FALSE(ParseMatrix(body)) << body;
  }
}

TEST(PrometheusJson, DamagedBytesNeverCrash) {
  constexpr std::uint64_t kSeed = 3;
  SCOPED_TRACE(kSeed);
  Random random(kSeed);
  const std::string good = kAnswer;
  int refused = 0;
  for (int i = 0; i < 5'000; ++i) {
    std::string bytes = good;
    for (std::uint64_t n = random.Below(4) + 1; n > 0; --n)
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    if (random.Chance(0.3)) bytes.resize(random.Below(bytes.size()));
    const auto parsed = ParseMatrix(bytes);
    if (!parsed) {
      ++refused;
      continue;
    }
    for (const MetricSeries& series : *parsed) {
      for (const Sample& sample : series.samples) ASSERT_TRUE(std::isfinite(sample.value));
    }
  }
  EXPECT_GT(refused, 1'000);
}

TEST(PrometheusJson, JoinsPiecesOfTheSameSeries) {
  const std::vector<MetricSeries> joined = JoinPieces(
      {{{{"shard", "a"}}, {{1, 1}}}}, {{{{"shard", "a"}}, {{2, 2}}}, {{{"shard", "b"}}, {{2, 3}}}});
  ASSERT_EQ(joined.size(), 2u);
  EXPECT_EQ(joined[0].samples, (std::vector<Sample>{{1, 1}, {2, 2}}));
  EXPECT_EQ(joined[1].samples, (std::vector<Sample>{{2, 3}}));
}

}  // namespace
}  // namespace foreshard::op

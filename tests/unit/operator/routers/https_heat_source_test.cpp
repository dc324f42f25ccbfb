#include "operator/routers/https_heat_source.h"

#include "tests/unit/operator/routers/router_pods.h"

namespace foreshard::op {
namespace {

using fakes::TlsWebServer;
using support::Good;

constexpr model::KeySpace kHash{.strategy = model::Strategy::kHash,
                                .key_type = model::KeyType::kBigint};
constexpr const char* kHeat = R"({"ranges":[{"from":"","to":"","shard":"s-a",
  "backendNanos":2000000000,"samples":[{"quarter":0,"totalWeight":2,"offered":9,"keys":["7"]}]}],
  "keys":[],"pairs":[]})";

class HttpsHeatSourceTest : public testing::Test {
 protected:
  void SetUp() override { pods_.WriteOperatorSecret(pods_.authority); }

  std::unique_ptr<TlsWebServer> Router(const std::string& name, const std::string& answer) {
    return pods_.AddRouter(name, pods_.authority,
                           [answer](const std::string&) { return std::optional(answer); });
  }
  Result<std::vector<RangeHeat>> Read() {
    return source_.ReadHeat("shop", "orders", kHash, pods_.Soon());
  }

  RouterPods pods_;
  HttpsHeatSource source_{pods_.kube, pods_.clock, pods_.files};
};

TEST_F(HttpsHeatSourceTest, WhatEveryRouterSawIsAddedUp) {
  const auto a = Router("orders-router-a", TlsWebServer::Reply(200, kHeat));
  const auto b = Router("orders-router-b", TlsWebServer::Reply(200, kHeat));
  const auto heat = Read();
  ASSERT_TRUE(Good(heat));
  ASSERT_EQ(heat->size(), 1U);
  EXPECT_DOUBLE_EQ((*heat)[0].backend_seconds, 4);
  EXPECT_EQ((*heat)[0].samples.size(), 2U);
  ASSERT_EQ(a->requests().size(), 1U);
  EXPECT_TRUE(a->requests()[0].starts_with("GET /v1/heat ")) << a->requests()[0];
}

// Heat chooses a split point: fewer routers make it coarser, never wrong.
TEST_F(HttpsHeatSourceTest, ARouterThatDoesNotAnswerOnlyMakesTheSampleSmaller) {
  pods_.AddPod("orders-router-dead", pods_.NextAddress());
  const auto garbled = Router("orders-router-garbled", TlsWebServer::Reply(200, "{}"));
  const auto busy = Router("orders-router-busy", TlsWebServer::Reply(503, "later"));
  const auto good = Router("orders-router-good", TlsWebServer::Reply(200, kHeat));
  const auto heat = Read();
  ASSERT_TRUE(Good(heat));
  ASSERT_EQ(heat->size(), 1U);
  EXPECT_DOUBLE_EQ((*heat)[0].backend_seconds, 2);
}

TEST_F(HttpsHeatSourceTest, WhereNobodyAnswersThereIsAReasonAndNoEmptyHeat) {
  auto heat = Read();
  ASSERT_FALSE(heat);
  EXPECT_EQ(heat.error().kind, Error::Kind::kRetry);
  EXPECT_EQ(heat.error().message, "the set has no router");
  const auto busy = Router("orders-router-busy", TlsWebServer::Reply(503, "later"));
  heat = Read();
  ASSERT_FALSE(heat);
  EXPECT_EQ(heat.error().kind, Error::Kind::kRetry);
  EXPECT_NE(heat.error().message.find("'orders-router-busy' answered 503"), std::string::npos)
      << heat.error().message;
}

}  // namespace
}  // namespace foreshard::op

#include "operator/routers/kube_router_directory.h"

#include "tests/unit/operator/routers/router_pods.h"

namespace foreshard::op {
namespace {

using support::Good;

class KubeRouterDirectoryTest : public testing::Test {
 protected:
  std::vector<std::string> Names() {
    const auto routers = directory_.Open("shop", "orders", pods_.Soon());
    EXPECT_TRUE(Good(routers));
    return routers ? (*routers)->Routers() : std::vector<std::string>();
  }

  RouterPods pods_;
  KubeRouterDirectory directory_{pods_.kube, pods_.clock, pods_.files};
};

TEST_F(KubeRouterDirectoryTest, RoutersAreThePodsOfTheSetThatRunAlsoThoseThatAreDeleted) {
  pods_.WriteOperatorSecret(pods_.authority);
  EXPECT_TRUE(Names().empty());
  pods_.AddPod("orders-router-b", "10.0.0.2");
  pods_.AddPod("orders-router-a", "10.0.0.1");
  pods_.AddPod("orders-router-starting", "10.0.0.3", "Pending");
  pods_.AddPod("orders-router-nowhere", "");
  pods_.AddPod("users-router-a", "10.0.0.4", "Running", "users");
  pods_.AddPod("orders-router-going", "10.0.0.5");
  ASSERT_TRUE(
      Good(pods_.kube.Delete(kube::kPods, {"shop", "orders-router-going"}, {}, pods_.Soon())));
  // It finishes what is in flight, and must be told like the others.
  EXPECT_EQ(Names(), (std::vector<std::string>{"orders-router-a", "orders-router-b",
                                               "orders-router-going"}));
  ASSERT_TRUE(Good(pods_.kube.Patch(kube::kPods, {"shop", "orders-router-a"},
                                    R"({"status":{"phase":"Succeeded"}})",
                                    {.subresource = "status", .field_manager = "test"},
                                    pods_.Soon())));
  EXPECT_EQ(Names(), (std::vector<std::string>{"orders-router-b", "orders-router-going"}));
}

TEST_F(KubeRouterDirectoryTest, WithoutACertificateItSaysWhichSecretIsMissing) {
  const auto none = directory_.Open("shop", "orders", pods_.Soon());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().kind, Error::Kind::kRetry) << "it is made while the set comes up";
  EXPECT_NE(none.error().message.find("'orders-operator-tls'"), std::string::npos)
      << none.error().message;
  pods_.WriteSecret({{"ca.crt", "x"}, {"tls.crt", "y"}});
  const auto half = directory_.Open("shop", "orders", pods_.Soon());
  ASSERT_FALSE(half);
  EXPECT_NE(half.error().message.find("tls.key"), std::string::npos) << half.error().message;
}

TEST_F(KubeRouterDirectoryTest, ACertificateThatCannotBeUsedGivesUpWithoutShowingTheKey) {
  pods_.WriteSecret({{"ca.crt", "x"}, {"tls.crt", "y"}, {"tls.key", "hidden"}});
  const auto broken = directory_.Open("shop", "orders", pods_.Soon());
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().kind, Error::Kind::kGiveUp);
  EXPECT_EQ(broken.error().message.find("hidden"), std::string::npos) << broken.error().message;
}

// A rotated CA must reach the connections without a restart of the operator.
// behaviour-22
TEST_F(KubeRouterDirectoryTest, ANewCertificateIsUsedFromTheNextOpenOn) {
  const KeyPair next = *MakeAuthority("orders CA", pods_.clock.Wall());
  pods_.WriteOperatorSecret(pods_.authority);
  const auto router = pods_.AddRouter("orders-router-a", next, [](const std::string&) {
    return fakes::TlsWebServer::Reply(200, R"({"epoch":4,"parked":0})");
  });
  const auto old = directory_.OpenHttps("shop", "orders", pods_.Soon());
  ASSERT_TRUE(Good(old));
  EXPECT_FALSE((*old)->Ask("orders-router-a", "GET", "/v1/table", "", pods_.Soon()));
  pods_.WriteOperatorSecret(next);
  const auto renewed = directory_.OpenHttps("shop", "orders", pods_.Soon());
  ASSERT_TRUE(Good(renewed));
  EXPECT_TRUE(Good((*renewed)->Ask("orders-router-a", "GET", "/v1/table", "", pods_.Soon())));
}

}  // namespace
}  // namespace foreshard::op

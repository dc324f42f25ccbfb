#include <fmt/format.h>

#include <atomic>

#include "kube/kinds.h"
#include "kube/kubeconfig.h"
#include "kube/rest_api.h"
#include "tests/contract/kube_api_contract.h"
#include "tests/support/api_server.h"
#include "tests/support/needs.h"
#include "tests/support/wait.h"

// The contract on a real kube-apiserver with our schemas, through rest_api. One server for the
// program, one namespace for each test. No garbage collector runs here, and no controller writes
// the status of a budget: the tests play those parts.

namespace foreshard::contract {
namespace {

using support::ApiServer;
using support::Good;

const support::Needs kNeeds({"kube-apiserver", "etcd", "kubectl"});

class RealServer final : public testing::Environment {
 public:
  void SetUp() override {
    Result<std::unique_ptr<ApiServer>> server = ApiServer::Create();
    ASSERT_TRUE(Good(server));
    server_ = *std::move(server);
    ASSERT_TRUE(Good(server_->Kubectl({"apply", "-f", "crds/"})));
    ASSERT_TRUE(Good(
        server_->Kubectl({"wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"})));
    const Result<kube::ApiAccess> access = kube::ReadKubeconfig(server_->kubeconfig_file());
    ASSERT_TRUE(Good(access));
    Result<std::unique_ptr<kube::KubeApi>> api = kube::MakeRestApi(
        {.access = *access, .clock = clock_, .on_request = [this](int, std::string_view) {
           ++requests_;
         }});
    ASSERT_TRUE(Good(api));
    api_ = *std::move(api);
  }
  void TearDown() override {
    EXPECT_GT(requests_, 0);
    api_.reset();
    server_.reset();
  }

  kube::KubeApi* api() { return api_.get(); }
  const Clock& clock() { return clock_; }

 private:
  SystemClock clock_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<kube::KubeApi> api_;
  std::atomic<int> requests_ = 0;
};

RealServer* const kServer =
    dynamic_cast<RealServer*>(testing::AddGlobalTestEnvironment(new RealServer));

class RealWorld final : public KubeApiWorld {
 public:
  explicit RealWorld(int number) : name_space_(fmt::format("contract-{}", number)) {
    const Result<kube::Object> made = api().Create(
        kube::kNamespaces, {"", name_space_},
        fmt::format(R"({{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{}"}}}})",
                    name_space_),
        Deadline::After(clock(), std::chrono::seconds(20)));
    EXPECT_TRUE(Good(made));
  }
  kube::KubeApi& api() override { return *kServer->api(); }
  const Clock& clock() override { return kServer->clock(); }
  std::string name_space() override { return name_space_; }
  std::string ForgottenVersion() override { return "1"; }  // before the kind existed

 private:
  std::string name_space_;
};

std::unique_ptr<KubeApiWorld> MakeRealWorld() {
  static int worlds = 0;
  if (kServer->api() == nullptr) return nullptr;
  return std::make_unique<RealWorld>(++worlds);
}

INSTANTIATE_TEST_SUITE_P(Real, KubeApiContract,
                         testing::Values(KubeApiWorldFactory{"real", MakeRealWorld}),
                         [](const auto& world) { return world.param.name; });

}  // namespace
}  // namespace foreshard::contract

#include "tests/contract/kube_api_contract.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_kube_api.h"

namespace foreshard::contract {
namespace {

class FakeWorld final : public KubeApiWorld {
 public:
  kube::KubeApi& api() override { return api_; }
  const Clock& clock() override { return clock_; }
  std::string name_space() override { return "shop"; }
  std::string ForgottenVersion() override {
    const std::string version = std::to_string(std::stoll(api_.resource_version()) - 1);
    api_.Compact();
    return version;
  }

 private:
  fakes::FakeClock clock_;
  fakes::FakeKubeApi api_{clock_};
};

INSTANTIATE_TEST_SUITE_P(Fake, KubeApiContract,
                         testing::Values(KubeApiWorldFactory{
                             "fake", [] { return std::make_unique<FakeWorld>(); }}),
                         [](const auto& world) { return world.param.name; });

}  // namespace
}  // namespace foreshard::contract
